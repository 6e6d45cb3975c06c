package policy_test

import (
	"fmt"
	"testing"

	"confab/internal/policy"
)

const (
	room  = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"
	other = "arn:aws:ivschat:us-west-2:123456789012:room/000000000000"
)

func parse(tb testing.TB, doc string) *policy.Document {
	tb.Helper()
	d, err := policy.Parse([]byte(doc))
	if err != nil {
		tb.Fatalf("%v\n%s", err, doc)
	}
	return d
}

// statement returns a policy of the newer version with one statement.
func statement(elements string) string {
	return `{"Version":"2012-10-17","Statement":[{` + elements + `}]}`
}

func decide(tb testing.TB, ctx policy.Context, docs ...string) policy.Decision {
	tb.Helper()
	parsed := make([]*policy.Document, len(docs))
	for i, d := range docs {
		parsed[i] = parse(tb, d)
	}
	return policy.Evaluate(parsed, &policy.Request{Action: "ivschat:SendEvent", Resource: room, Context: ctx})
}

func TestDecisions(t *testing.T) {
	const (
		all     = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
		chat    = `{"Statement":{"Effect":"Allow","Action":["ivschat:GetRoom","ivschat:Send*"],"Resource":"` + room + `"}}`
		rooms   = `{"Statement":{"Effect":"Allow","Action":"ivschat:*","Resource":["` + other + `","arn:aws:ivschat:*:*:room/*"]}}`
		nothing = `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
		another = `{"Statement":{"Effect":"Deny","Action":"ivschat:DeleteRoom","Resource":"*"}}`
	)
	for _, c := range []struct {
		name string
		docs []string
		want policy.Decision
	}{
		{"no policy", nil, policy.ImplicitDeny},
		{"everything allowed", []string{all}, policy.Allowed},
		{"the action and the resource named", []string{chat}, policy.Allowed},
		{"wildcards", []string{rooms}, policy.Allowed},
		{"deny wins after", []string{all, nothing}, policy.ExplicitDeny},
		{"deny wins before", []string{nothing, all}, policy.ExplicitDeny},
		{"a deny of something else", []string{all, another}, policy.Allowed},
		{"only a deny of something else", []string{another}, policy.ImplicitDeny},
		{"the case of an action does not matter", []string{statement(`"Effect":"Allow","Action":"IVSChat:sendEVENT","Resource":"*"`)}, policy.Allowed},
		{"the case of a resource does", []string{statement(`"Effect":"Allow","Action":"*","Resource":"arn:aws:ivschat:us-west-2:123456789012:ROOM/*"`)}, policy.ImplicitDeny},
		{"a question mark", []string{statement(`"Effect":"Allow","Action":"ivschat:Send?vent","Resource":"*"`)}, policy.Allowed},
		{"a question mark is one character", []string{statement(`"Effect":"Allow","Action":"ivschat:SendEvent?","Resource":"*"`)}, policy.ImplicitDeny},
		{"another service", []string{statement(`"Effect":"Allow","Action":"ivs:*","Resource":"*"`)}, policy.ImplicitDeny},
		{"NotAction leaves out", []string{statement(`"Effect":"Allow","NotAction":["ivschat:Send*","ivschat:X"],"Resource":"*"`)}, policy.ImplicitDeny},
		{"NotAction takes the rest", []string{statement(`"Effect":"Allow","NotAction":"ivschat:Delete*","Resource":"*"`)}, policy.Allowed},
		{"NotResource leaves out", []string{statement(`"Effect":"Allow","Action":"*","NotResource":["` + other + `","` + room + `"]`)}, policy.ImplicitDeny},
		{"NotResource takes the rest", []string{statement(`"Effect":"Allow","Action":"*","NotResource":"` + other + `"`)}, policy.Allowed},
		{"a deny with NotResource", []string{all, statement(`"Effect":"Deny","Action":"*","NotResource":"` + other + `"`)}, policy.ExplicitDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decide(t, nil, c.docs...); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestResources(t *testing.T) {
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", room, true},
		{room, room, true},
		{"arn:aws:ivschat:us-west-2:123456789012:room/*", room, true},
		{"arn:aws:ivschat:us-west-2:123456789012:room/*", "arn:aws:ivschat:us-west-2:123456789012:room/*", true},
		{"arn:aws:ivschat:us-west-2:123456789012:*", room, true},
		{"arn:aws:ivschat:us-west-2:123456789012:logging-configuration/*", room, false},
		{"arn:aws:ivschat:us-west-?:*:room/Ab*Kl", room, true},
		{"arn:aws:ivschat:*", room, true},
		{"arn:aws:*", room, true},
		{"arn:*", room, true},
		{"arn:aws:ivs:*", room, false},
		{"arn:aws:ivschat:::room/AbCdEfGhIjKl", room, false},
		{"arn:aws:ivschat:us-west-2:*:room/AbCdEfGhIjKl", "arn:aws:ivschat:us-west-2:1:2:room/AbCdEfGhIjKl", false},
		{"arn:aws:logs:*:*:log-group:*", "arn:aws:logs:us-west-2:1:log-group:chat:*", true},
		{"arn:aws:ivschat:us-west-2:123456789012:room/?", "arn:aws:ivschat:us-west-2:123456789012:room/é", true},
		{"arn:aws:ivschat:us-west-2:123456789012:room/??", "arn:aws:ivschat:us-west-2:123456789012:room/é", false},
		{"arn:aws:ivschat:us-west-2:123456789012:room/x", "not an ARN", false},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			d := parse(t, fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"*","Resource":%q}}`, c.pattern))
			got := policy.Evaluate([]*policy.Document{d}, &policy.Request{Action: "a:B", Resource: c.resource})
			if (got == policy.Allowed) != c.want {
				t.Errorf("%s: got %v, want allowed to be %v", c.resource, got, c.want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	ctx := policy.Context{
		"aws:username": {"AbCdEfGhIjKl"}, "aws:principaltag/team": {"red"}, "aws:two": {"red", "blue"},
		"aws:star": {"*"}, "aws:colon": {"123456789012:room/AbCdEfGhIjKl"}, "aws:bytes": {"\xff"},
		"aws:wild": {"*?$"}, "aws:now": {"red"},
	}
	const prefix = "arn:aws:ivschat:us-west-2:123456789012:room/"
	allowed := func(resource, condition string) string {
		if condition != "" {
			condition = `,"Condition":{` + condition + `}`
		}
		return statement(`"Effect":"Allow","Action":"*","Resource":"` + resource + `"` + condition)
	}
	for _, c := range []struct {
		name, doc string
		want      policy.Decision
	}{
		{"in a resource", allowed(prefix+"${aws:username}", ""), policy.Allowed},
		{"in the middle", allowed(prefix+"Ab${aws:none, 'CdEfGhIj'}Kl", ""), policy.Allowed},
		{"the case of the key does not matter", allowed(prefix+"${AWS:UserName}", ""), policy.Allowed},
		{"another value", allowed(prefix+"${aws:PrincipalTag/team}", ""), policy.ImplicitDeny},
		{"a value is no pattern", allowed(prefix+"${aws:star}", ""), policy.ImplicitDeny},
		{"nor when it is not UTF-8", allowed(prefix+"${aws:bytes}", ""), policy.ImplicitDeny},
		{"no value", allowed(prefix+"${aws:none}", ""), policy.ImplicitDeny},
		{"two values", allowed(prefix+"${aws:two}", ""), policy.ImplicitDeny},
		{"two values and a default", allowed(prefix+"${aws:two, 'AbCdEfGhIjKl'}", ""), policy.ImplicitDeny},
		{"a default that is not needed", allowed(prefix+"${aws:username, 'x'}", ""), policy.Allowed},
		{"the older version has none", `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"` + prefix + `${aws:username}"}}`, policy.ImplicitDeny},
		{"nor has a document without version", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + prefix + `${aws:username}"}}`, policy.ImplicitDeny},
		{"Version may come last", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"` + prefix + `${aws:username}"},"Version":"2012-10-17"}`, policy.Allowed},
		{"in a condition", allowed("*", `"StringEquals":{"aws:now":"${aws:PrincipalTag/team}"}`), policy.Allowed},
		{"in a condition, no value", allowed("*", `"StringEquals":{"aws:now":"${aws:none}"}`), policy.ImplicitDeny},
		{"in a negated condition of an Allow, no value", allowed("*", `"StringNotEquals":{"aws:now":"${aws:none}"}`), policy.ImplicitDeny},
		{"in a negated condition, another value", allowed("*", `"StringNotEquals":{"aws:now":"${aws:username}"}`), policy.Allowed},
		{"in an ARN of a condition", allowed("*", `"ArnLike":{"aws:arn":"arn:aws:iam::${aws:acct, '1'}:user/*"}`), policy.ImplicitDeny},
		{"the characters themselves", allowed("*", `"StringLike":{"aws:wild":"${*}${?}${$}"}`), policy.Allowed},
		{"${*} is no wildcard", allowed("*", `"StringLike":{"aws:now":"${*}"}`), policy.ImplicitDeny},
		{"NotResource of an Allow, no value", statement(`"Effect":"Allow","Action":"*","NotResource":"` + prefix + `${aws:none}"`), policy.ImplicitDeny},
		{"NotResource of a Deny, no value", statement(`"Effect":"Deny","Action":"*","NotResource":"` + prefix + `${aws:none}"`), policy.ExplicitDeny},
		{"Resource of a Deny, no value", statement(`"Effect":"Deny","Action":"*","Resource":"` + prefix + `${aws:none}"`), policy.ImplicitDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decide(t, ctx, c.doc); got != c.want {
				t.Errorf("got %v, want %v\n%s", got, c.want, c.doc)
			}
		})
	}
}

func TestVariableStaysInItsSegment(t *testing.T) {
	// Were the value put in before the ARN is split, its colon would move the
	// rest of the pattern to the next segment.
	doc := statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:arn":"arn:aws:iam::${aws:x}:user/*"}}`)
	ctx := policy.Context{"aws:arn": {"arn:aws:iam::1:user/a:user/b"}, "aws:x": {"1:user/a"}}
	if got := decide(t, ctx, doc); got != policy.ImplicitDeny {
		t.Errorf("got %v", got)
	}
	ctx["aws:x"] = []string{"1"}
	if got := decide(t, ctx, doc); got != policy.Allowed {
		t.Errorf("got %v with a plain value", got)
	}
}
