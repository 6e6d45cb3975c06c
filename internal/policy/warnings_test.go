package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"confab/internal/policy"
)

var scope = policy.Scope{
	Actions: []string{"ivschat:CreateRoom", "ivschat:GetRoom", "ivschat:SendEvent"},
	Resources: []string{
		"arn:aws:ivschat:us-west-2:123456789012:room/*",
		"arn:aws:ivschat:us-west-2:123456789012:room/" + strings.Repeat(policy.AnyLetter, 12),
	},
}

func TestWarnings(t *testing.T) {
	const resources = ` matches no resource of this server, which are arn:aws:ivschat:us-west-2:123456789012:room/<id>`
	for _, c := range []struct {
		name, elements string
		want           []string
	}{
		{"nothing to say", `"Effect":"Allow","Action":"ivschat:*","Resource":["*","arn:aws:ivschat:*:room/*"]`, nil},
		{"one room", `"Effect":"Allow","Action":"ivschat:getROOM","Resource":"` + room + `"`, nil},
		{"the resource of Create and List", `"Effect":"Allow","Action":"*","Resource":"arn:aws:ivschat:us-west-2:123456789012:room/\u002a"`, nil},
		{"variables", `"Effect":"Allow","Action":"*","Resource":"arn:aws:ivschat:us-west-2:123456789012:room/${aws:username}"`, nil},
		{"an action with a mistake", `"Effect":"Allow","Action":["ivschat:GetRoom","ivschat:GetRooms"],"Resource":"*"`, []string{`Statement[0].Action[1]: "ivschat:GetRooms" matches no action of this server`}},
		{"another service", `"Effect":"Deny","NotAction":"ivs:*","Resource":"*"`, []string{`Statement[0].NotAction: "ivs:*" matches no action of this server`}},
		{"a type with a mistake", `"Effect":"Deny","Action":"*","Resource":"arn:aws:ivschat:*:*:rooms/*"`, []string{`Statement[0].Resource: "arn:aws:ivschat:*:*:rooms/*"` + resources}},
		{"another account", `"Effect":"Deny","Action":"*","NotResource":["arn:aws:ivschat:*:210987654321:room/*"]`, []string{`Statement[0].NotResource[0]: "arn:aws:ivschat:*:210987654321:room/*"` + resources}},
		{"an id that is too long", `"Effect":"Allow","Action":"*","Resource":"arn:aws:ivschat:us-west-2:123456789012:room/?????????????*"`, []string{`Statement[0].Resource: "arn:aws:ivschat:us-west-2:123456789012:room/?????????????*"` + resources}},
		{"an id with other characters", `"Effect":"Allow","Action":"*","Resource":"arn:*:room/a-*"`, []string{`Statement[0].Resource: "arn:*:room/a-*"` + resources}},
		{
			"a key of several values", `"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":true}}`,
			[]string{"Statement[0].Condition.StringEquals.aws:TagKeys: a key of several values needs ForAllValues: or ForAnyValue: before the operator; without, an Allow statement never applies when the key is there"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(t, statement(c.elements)).Warnings(scope)); diff != "" {
				t.Errorf("wanted (-) and got (+):\n%s", diff)
			}
		})
	}
}

// TestWarningsAgainstEvaluation holds that no warning is about a pattern that matches.
func TestWarningsAgainstEvaluation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`arn:(aws|\*|a?s)(:[*?a-z0-9-]{0,9}){0,4}:(r\*|room/[A-Za-z0-9?*]{1,12}|\*/[a-z*]{1,3})`).Draw(t, "pattern")
		doc, err := policy.Parse([]byte(statement(`"Effect":"Allow","Action":"*","Resource":"` + pattern + `"`)))
		if err != nil {
			t.Skip()
		}
		id := rapid.StringMatching(`[A-Za-z0-9]{12}`).Draw(t, "id")
		resource := rapid.SampledFrom([]string{"arn:aws:ivschat:us-west-2:123456789012:room/" + id, "arn:aws:ivschat:us-west-2:123456789012:room/*"}).Draw(t, "resource")
		matches := policy.Evaluate([]*policy.Document{doc}, &policy.Request{Action: "a:b", Resource: resource}) == policy.Allowed
		if warnings := doc.Warnings(scope); matches && len(warnings) > 0 {
			t.Fatalf("%s matches %s: %v", pattern, resource, warnings)
		}
	})
}
