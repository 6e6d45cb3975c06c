package apply

import (
	"strings"
	"testing"
)

// FuzzParse holds that no file makes Parse panic, and that what it accepts has names.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "rooms: []", "rooms: [{name: a, tags: {k: v}}]", "rooms:\n  - name: a\n  - name: a\n", "[]", "a: &a [*a]",
		"webhooks: [{name: w, url: 'https://a.example/', events: [message.sent], roomTag: {key: k, value: v}}]",
		"bans: [{userId: u, type: MUTE, roomIdentifier: r, durationInSeconds: 60}, {ipRange: '::ffff:192.0.2.0/120', type: BAN}]",
		"filters: [{name: f, terms: [a], action: DENY}]",
		"loggingConfigurations: [{name: l, destinationConfiguration: {s3: {bucketName: b}}}]",
		`{"Resources": {"R": {"Type": "AWS::IVSChat::Room", "Properties": {"Name": {"Ref": "P"}}}}, "Parameters": {"P": {"Default": "x"}}}`,
		"Resources:\n  R:\n    Type: AWS::IVSChat::Room\n    Properties:\n      Name: !GetAtt [L, Arn]\n",
		"Resources: {R: {Type: AWS::IVSChat::Room, Properties: {LoggingConfigurationIdentifiers: [!Ref L]}}, L: {Type: AWS::IVSChat::LoggingConfiguration, Properties: {DestinationConfiguration: {S3: {BucketName: b}}}}}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := Parse(text, nil)
		if err != nil {
			return
		}
		for _, r := range set.Rooms {
			if r.Name == "" {
				t.Errorf("a room without a name in %q", text)
			}
		}
		for _, b := range set.Bans {
			if (b.UserID == "") == (b.IPRange == "") || b.Type == "" {
				t.Errorf("a ban that nothing finds in %q", text)
			}
		}
	})
}

// TestParse_refused holds what a refusal says.
func TestParse_refused(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"no mapping", "- a", "line 1: must be a mapping"},
		{"no name", "rooms: [{tags: {a: b}}]", "a room has no name"},
		{"a name twice", "rooms: [{name: a}, {name: a}]", `there are two rooms named "a"`},
		{"two destinations", "loggingConfigurations: [{name: l, destinationConfiguration: {s3: {bucketName: b}, firehose: {deliveryStreamName: f}}}]", "must have one destination"},
		{"a webhook without a URL", "webhooks: [{name: w, events: [message.sent]}]", `the webhook "w" has no url`},
		{"a webhook without events", "webhooks: [{name: w, url: 'https://a.example/'}]", `the webhook "w" has no events`},
		{"a webhook of rooms and of a tag", "webhooks: [{name: w, url: u, events: [e], roomIdentifiers: [r], roomTag: {key: k, value: v}}]", "must not have both"},
		{"a webhook twice", "webhooks: [{name: w, url: u, events: [e]}, {name: w, url: u, events: [e]}]", `there are two webhooks named "w"`},
		{"a ban of nothing", "bans: [{type: BAN}]", "must have one of userId and ipRange"},
		{"a ban of a user and a range", "bans: [{type: BAN, userId: u, ipRange: 192.0.2.0/24}]", "must have one of userId and ipRange"},
		{"a ban without a type", "bans: [{userId: u}]", `the ban of "u" has no type`},
		{"a ban that ends before it begins", "bans: [{userId: u, type: BAN, durationInSeconds: -1}]", "must be 1 or more"},
		{"a ban of an address", "bans: [{ipRange: 192.0.2.1, type: BAN}]", "192.0.2.1/32"},
		{"one range twice", "bans: [{ipRange: 192.0.2.1/24, type: BAN}, {ipRange: 192.0.2.0/24, type: BAN}]", `there are two bans named "BAN 192.0.2.0/24"`},
		{"an unknown list", "bands: []", "field bands not found"},
		{"a condition", "Resources: {R: {Type: AWS::IVSChat::Room, Condition: C}}", "Condition is not supported"},
		{"a resource without a type", "Resources: {R: {}}", "has no Type"},
		{"another attribute", "Resources: {R: {Type: AWS::IVSChat::Room, Properties: {Name: !GetAtt L.Id}}}", "only Arn is supported"},
		{"a pseudo parameter", "Resources: {R: {Type: AWS::IVSChat::Room, Properties: {Name: !Ref AWS::StackName}}}", "pseudo parameters are not supported"},
		{"an alias", "Resources: {R: {Type: AWS::IVSChat::Room, Properties: &p {Name: *p}}}", "alias"},
		{"a resource where its name does not stand for it", "Resources: {R: {Type: AWS::IVSChat::Room, Properties: {Name: !Ref R}}}", "cannot be referred to here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse([]byte(test.text), nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
