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
		{"arn:aws:ivschat:us-west-2:*:room/AbCdEfGhIjKl", "arn:aws:ivschat:us-west-2:1:2:room/AbCdEfGhIjKl", true},
		{"arn:aws:ivschat:*:room/*", room, true},
		{"arn:aws:ivschat:*:room/AbCdEfGhIjKl", room, true},
		{"arn:aws:ivschat:*:logging-configuration/*", room, false},
		{"arn:aws:ivschat:*:room/*", "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl", false},
		{"arn:aws:ivschat:us-*room/AbCdEfGhIjKl", room, true},
		{"arn:aws:ivschat:*Kl", room, true},
		{"arn:aws:ivschat:us-west-2:*/AbCdEfGhIjKl", room, true},
		{"arn:*:room/*", room, true},
		{"arn:*:ivschat:*:room/*", room, true},
		{"arn:*:room/AbCdEf??????", room, true},
		{"arn:*:room/AbCdEf?????", room, false},
		{"arn:*:ivs:*:room/*", room, false},
		{"arn:aws:s3:*:room/*", room, false},
		{"arn:aws:*123456789012*", room, true},
		{"arn:aws:ivschat:us-west-2?123456789012:room/*:*", room, false},
		{"arn:aws:ivschat:us-west-2?12345678901?:*/*", room, true},
		{"arn:aws:ivschat:*:123456789012:room/*", room, true},
		{"arn:aws:ivschat:*:210987654321:room/*", room, false},
		{"arn:aws:logs:*:*:log-group:*", "arn:aws:logs:us-west-2:1:log-group:chat:*", true},
		{"arn:aws:ivschat:us-west-2:123456789012:room/?", "arn:aws:ivschat:us-west-2:123456789012:room/é", true},
		{"arn:aws:ivschat:us-west-2:123456789012:room/??", "arn:aws:ivschat:us-west-2:123456789012:room/é", false},
		{"arn:aws:ivschat:us-west-2:123456789012:room/x", "not an ARN", false},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			for element, want := range map[string]bool{"Resource": c.want, "NotResource": !c.want} {
				d := parse(t, fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"*","%s":%q}}`, element, c.pattern))
				got := policy.Evaluate([]*policy.Document{d}, &policy.Request{Action: "a:B", Resource: c.resource})
				if (got == policy.Allowed) != want {
					t.Errorf("%s %s: got %v, want allowed to be %v", element, c.resource, got, want)
				}
			}
		})
	}
}

func TestVariables(t *testing.T) {
	ctx := policy.Context{
		"aws:username": {"AbCdEfGhIjKl"}, "aws:principaltag/team": {"red"}, "aws:two": {"red", "blue"},
		"aws:star": {"*"}, "aws:colon": {"123456789012:room/AbCdEfGhIjKl"}, "aws:bytes": {"\xff"},
		"aws:wild": {"*?$"}, "aws:now": {"red"}, "aws:tagkeys": {"AbCdEfGhIjKl"}, "aws:calledvia": {"red"}, "aws:empty": {""},
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
		{"in a short resource", allowed("arn:aws:ivschat:*:room/${aws:username}", ""), policy.Allowed},
		{"in a short resource, another value", allowed("arn:aws:ivschat:*:room/${aws:now}", ""), policy.ImplicitDeny},
		{"in a short resource, a value with colons", allowed("arn:*:${aws:colon}", ""), policy.Allowed},
		{"a default after a resource's wildcard", allowed("arn:aws:ivschat:*/${aws:none, 'AbCdEfGhIjKl'}", ""), policy.Allowed},
		{"a default with wildcards is literal", allowed("*", `"StringLike":{"aws:now":"${aws:none, '*'}"}`), policy.ImplicitDeny},
		{"an empty default", allowed(prefix+"AbCdEfGhIjKl${aws:none, ''}", ""), policy.Allowed},
		{"an empty value is a value", allowed(prefix+"AbCdEfGhIjKl${aws:empty, 'x'}", ""), policy.Allowed},
		{"a key of several values, with one", allowed(prefix+"${aws:TagKeys}", ""), policy.ImplicitDeny},
		{"a key of several values, with a default", allowed(prefix+"${aws:TagKeys, 'AbCdEfGhIjKl'}", ""), policy.ImplicitDeny},
		{"a key of several values in a condition", allowed("*", `"StringEquals":{"aws:now":"${aws:CalledVia}"}`), policy.ImplicitDeny},
		{"a key of several values in a negated condition", allowed("*", `"StringNotEquals":{"aws:now":"${aws:CalledVia}"}`), policy.Allowed},
		{"in a negated condition of an Allow, no value", allowed("*", `"StringNotEquals":{"aws:now":"${aws:none}"}`), policy.Allowed},
		{"StringNotLike, no value", allowed("*", `"StringNotLike":{"aws:now":"*${aws:none}"}`), policy.Allowed},
		{"StringNotEqualsIgnoreCase, no value", allowed("*", `"StringNotEqualsIgnoreCase":{"aws:now":"${aws:none}"}`), policy.Allowed},
		{"ArnNotLike, no value", allowed("*", `"ArnNotLike":{"aws:now":"arn:aws:iam::1:user/${aws:none}"}`), policy.Allowed},
		{"ForAllValues of a negation, no value", allowed("*", `"ForAllValues:StringNotEquals":{"aws:two":"${aws:none}"}`), policy.Allowed},
		{"ForAnyValue of a negation, no value", allowed("*", `"ForAnyValue:StringNotEquals":{"aws:two":"${aws:none}"}`), policy.Allowed},
		{"a negated condition with one variable that has a value", allowed("*", `"StringNotEquals":{"aws:now":["${aws:none}","${aws:PrincipalTag/team}"]}`), policy.ImplicitDeny},
		{"in a negated condition of a Deny, no value", statement(`"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:now":"${aws:none}"}}`), policy.ExplicitDeny},
		{"in a negated condition, another value", allowed("*", `"StringNotEquals":{"aws:now":"${aws:username}"}`), policy.Allowed},
		{"in an ARN of a condition", allowed("*", `"ArnLike":{"aws:arn":"arn:aws:iam::${aws:acct, '1'}:user/*"}`), policy.ImplicitDeny},
		{"the characters themselves", allowed("*", `"StringLike":{"aws:wild":"${*}${?}${$}"}`), policy.Allowed},
		{"${*} is no wildcard", allowed("*", `"StringLike":{"aws:now":"${*}"}`), policy.ImplicitDeny},
		{"NotResource of an Allow, no value", statement(`"Effect":"Allow","Action":"*","NotResource":"` + prefix + `${aws:none}"`), policy.Allowed},
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
