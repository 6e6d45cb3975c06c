package iam_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/policy"
)

var room = chat.ARN{Region: region, Account: account, Type: chat.RoomResource, ID: "AbCdEfGhIjKl"}

func user(tb testing.TB, documents ...string) *iam.Principal {
	tb.Helper()
	p := &iam.Principal{ARN: alice.ARN, Name: "alice", Account: account, TokenIssued: time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC)}
	for _, doc := range documents {
		d, err := policy.Parse([]byte(doc))
		if err != nil {
			tb.Fatal(err)
		}
		p.Policies = append(p.Policies, d)
	}
	return p
}

func TestRefusals(t *testing.T) {
	const (
		who     = "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: ivschat:SendEvent on resource: arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl "
		allow   = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
		another = `{"Statement":{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"*"}}`
		deny    = `{"Statement":{"Effect":"Deny","Action":"ivschat:SendEvent","Resource":"*"}}`
	)
	for _, c := range []struct {
		name string
		call *iam.Call
		want string
	}{
		{"no policy", &iam.Call{Principal: user(t)}, who + "because no identity-based policy allows the ivschat:SendEvent action"},
		{"another action", &iam.Call{Principal: user(t, another)}, who + "because no identity-based policy allows the ivschat:SendEvent action"},
		{"a deny", &iam.Call{Principal: user(t, allow, deny)}, who + "with an explicit deny in an identity-based policy"},
		{"allowed", &iam.Call{Principal: user(t, another, allow)}, ""},
		{"the root", &iam.Call{Principal: &iam.Principal{Root: true}}, ""},
		{"the root, whatever its policies say", &iam.Call{Principal: &iam.Principal{Root: true, Policies: user(t, deny).Policies}}, ""},
		{"nobody", &iam.Call{}, "Nobody is authorized to perform: ivschat:SendEvent on resource: arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl without credentials"},
		{"no call", iam.CallFrom(t.Context()), "Nobody is authorized to perform: ivschat:SendEvent on resource: arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl without credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			if c.call != nil {
				ctx = iam.WithCall(ctx, c.call)
			}
			checkRefusal(ctx, t, iam.Keys{}, c.want)
		})
	}
}

func checkRefusal(ctx context.Context, t *testing.T, keys iam.Keys, want string) {
	t.Helper()
	err := iam.CallFrom(ctx).Authorize("ivschat:SendEvent", room, keys)
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want nil", err)
	case want != "" && (err == nil || err.Error() != want || chat.CodeOf(err) != chat.AccessDenied):
		t.Errorf("got  %v\nwant %v", err, want)
	}
}

// TestConditionKeys makes one policy per condition key that allows nothing
// unless the key has its value.
func TestConditionKeys(t *testing.T) {
	call := iam.Call{
		SourceIP: netip.MustParseAddr("::ffff:203.0.113.9"), UserAgent: "aws-cli/2", Referer: "https://example.com/",
		SecureTransport: true, Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.FixedZone("", 3600)),
	}
	keys := iam.Keys{
		RequestTags:  map[string]string{"Team": "red", "stage": "test"},
		ResourceTags: map[string]string{"Owner": "alice", "case": "a", "Case": "b"},
	}
	for _, condition := range []string{
		`"StringEquals":{"aws:RequestTag/Team":"red"}`,
		`"StringEquals":{"aws:RequestTag/team":"red"}`,
		`"StringEquals":{"aws:ResourceTag/Owner":"${aws:username}"}`,
		`"ForAllValues:StringEquals":{"aws:TagKeys":["Team","stage"]}`,
		`"ForAnyValue:StringEquals":{"aws:TagKeys":"stage"}`,
		`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`,
		`"StringEquals":{"aws:SourceIp":"203.0.113.9"}`,
		`"DateEquals":{"aws:CurrentTime":"2026-01-31T11:00:00Z"}`,
		`"StringEquals":{"aws:CurrentTime":"2026-01-31T11:00:00Z"}`,
		`"NumericEquals":{"aws:EpochTime":1769857200}`,
		`"DateEquals":{"aws:EpochTime":"2026-01-31T11:00:00Z"}`,
		`"DateEquals":{"aws:TokenIssueTime":"2026-01-31T11:00:00Z"}`,
		`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/alice"}`,
		`"StringEquals":{"aws:PrincipalAccount":"123456789012"}`,
		`"StringEquals":{"aws:PrincipalType":"User"}`,
		`"StringEquals":{"aws:username":"alice"}`,
		`"StringEquals":{"aws:userid":"alice"}`,
		`"Bool":{"aws:SecureTransport":true}`,
		`"Bool":{"aws:PrincipalIsAWSService":false}`,
		`"StringLike":{"aws:UserAgent":"aws-cli/*"}`,
		`"StringLike":{"aws:Referer":"https://example.com/*"}`,
		`"StringEquals":{"aws:RequestedRegion":"us-west-2"}`,
		`"StringEquals":{"aws:ResourceAccount":"123456789012"}`,
		// Tags that differ only in case are one key with several values.
		`"StringEquals":{"aws:ResourceTag/case":["a","b"]}`,
	} {
		t.Run(condition, func(t *testing.T) {
			for effect, refusal := range map[string]string{"Allow": "", "Deny": "with an explicit deny in an identity-based policy"} {
				c := call
				c.Principal = user(t, `{"Version":"2012-10-17","Statement":{"Effect":"`+effect+`","Action":"*","Resource":"*","Condition":{`+condition+`}}}`)
				err := c.Authorize("ivschat:CreateRoom", room, keys)
				if refusal == "" && err != nil || refusal != "" && (err == nil || !strings.HasSuffix(err.Error(), refusal)) {
					t.Errorf("%s: got %v", effect, err)
				}
			}
		})
	}
	t.Run("one of two tags that differ in case only is not enough", func(t *testing.T) {
		c := call
		c.Principal = user(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/case":"a"}}}}`)
		if c.Authorize("ivschat:GetRoom", room, keys) == nil {
			t.Error("allowed")
		}
	})
	t.Run("an unknown key counts as missing", func(t *testing.T) {
		c := iam.Call{Principal: user(t)}
		c.Principal.TokenIssued = time.Time{}
		for _, k := range []string{"aws:SourceIp", "aws:UserAgent", "aws:Referer", "aws:TagKeys", "aws:RequestTag/a", "aws:ResourceTag/a", "aws:TokenIssueTime", "aws:PrincipalTag/a", "aws:MultiFactorAuthPresent"} {
			c.Principal.Policies = user(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"`+k+`":true}}}}`).Policies
			if err := c.Authorize("ivschat:GetRoom", room, iam.Keys{}); err != nil {
				t.Errorf("%s: %v", k, err)
			}
		}
	})
	t.Run("keys of tags to remove", func(t *testing.T) {
		c := iam.Call{Principal: user(t, `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}}}`)}
		if err := c.Authorize("ivschat:UntagResource", room, iam.Keys{TagKeys: []string{"b"}}); err != nil {
			t.Error(err)
		}
		if c.Authorize("ivschat:UntagResource", room, iam.Keys{TagKeys: []string{"b", "c"}}) == nil {
			t.Error("allowed for c")
		}
	})
}

func BenchmarkAuthorize(b *testing.B) {
	c := &iam.Call{
		Principal: user(b, `{"Statement":{"Effect":"Allow","Action":"ivschat:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}`),
		SourceIP:  netip.MustParseAddr("203.0.113.9"), Time: time.Now(),
	}
	keys := iam.Keys{ResourceTags: map[string]string{"team": "red"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Authorize("ivschat:SendEvent", room, keys); err != nil {
			b.Fatal(err)
		}
	}
}
