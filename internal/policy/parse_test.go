package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"confab/internal/policy"
)

func TestParseErrors(t *testing.T) {
	const noARN = "this is no ARN; allowed are arn:<partition>:<service>:<region>:<account>:<resource>, with wildcards, and *"
	ok := `"Effect":"Allow","Action":"*","Resource":"*"`
	for _, c := range []struct{ name, doc, want string }{
		{"nothing", ``, "the policy is empty or ends too early"},
		{"half", `{"Statement":`, "Statement (line 1, column 14): the policy ends too early"},
		{"no object", `[]`, "(line 1, column 1): must be an object, is an array"},
		{"two documents", "{\"Statement\":{" + ok + "}}\n{}", "(line 2, column 1): nothing may follow the policy"},
		{"a member twice", `{"Version":"2012-10-17","Version":"2012-10-17"}`, "Version (line 1, column 25): the member is there twice"},
		{"an element twice", statement(ok + `,"Effect":"Deny"`), "Statement[0].Effect (line 1, column 84): the member is there twice"},
		{"an unknown element", `{"Statements":[]}`, "Statements (line 1, column 2): unknown element; allowed: Version, Id, Statement"},
		{"the wrong case", `{"statement":[]}`, "statement (line 1, column 2): unknown element; allowed: Version, Id, Statement"},
		{"another version", `{"Version":"2015-01-01"}`, "Version (line 1, column 12): unknown version; allowed: 2012-10-17, 2008-10-17 (without policy variables)"},
		{"a version that is no string", `{"Version":2012}`, "Version (line 1, column 12): must be a string, is a number"},
		{"an Id that is no string", `{"Id":null}`, "Id (line 1, column 7): must be a string, is null"},
		{"no statement", `{"Version":"2012-10-17"}`, "(line 1, column 24): Statement is missing"},
		{"no statements", `{"Statement":[]}`, "Statement (line 1, column 15): must not be empty"},
		{"a statement that is a string", `{"Statement":["Allow"]}`, "Statement[0] (line 1, column 15): must be an object, is a string"},
		{"statements in statements", `{"Statement":[[{}]]}`, "Statement[0] (line 1, column 15): must be an object, is an array"},

		{"an unknown element of a statement", statement(ok + `,"Conditions":{}`), "Statement[0].Conditions (line 1, column 84): unknown element; allowed: Sid, Effect, Action, NotAction, Resource, NotResource, Condition"},
		{"a principal", statement(ok + `,"Principal":"*"`), "Statement[0].Principal (line 1, column 84): not allowed: the principal of an identity-based policy is the identity that has it"},
		{"a principal that is not", statement(ok + `,"NotPrincipal":"*"`), "Statement[0].NotPrincipal (line 1, column 84): not allowed: the principal of an identity-based policy is the identity that has it"},
		{"a Sid with a space", statement(ok + `,"Sid":"a b"`), "Statement[0].Sid (line 1, column 90): a Sid is made of the letters A-Z, a-z and the digits 0-9"},
		{"a Sid twice", `{"Statement":[{` + ok + `,"Sid":"a"},{` + ok + `,"Sid":"a"}]}`, "Statement[1].Sid (line 1, column 124): another statement has the same Sid; each must be unique in its policy"},
		{"no effect", statement(`"Action":"*","Resource":"*"`), "Statement[0] (line 1, column 66): Effect is missing; allowed: Allow, Deny"},
		{"another effect", statement(`"Effect":"allow"`), "Statement[0].Effect (line 1, column 48): unknown effect; allowed: Allow, Deny"},
		{"no action", statement(`"Effect":"Allow","Resource":"*"`), "Statement[0] (line 1, column 70): there must be either Action or NotAction"},
		{"both actions", statement(ok + `,"NotAction":"a:b"`), "Statement[0] (line 1, column 101): there must be either Action or NotAction"},
		{"an empty list of actions", statement(`"Effect":"Allow","Action":[]`), "Statement[0].Action (line 1, column 66): must not be empty"},
		{"an action without service", statement(`"Action":"CreateRoom"`), "Statement[0].Action (line 1, column 48): this is no action; allowed are <service>:<action>, such as ivschat:CreateRoom, with the wildcards * and ? after the colon, and *"},
		{"a service with a wildcard", statement(`"Action":["a:B","iv*:CreateRoom"]`), "Statement[0].Action[1] (line 1, column 55): this is no action; allowed are <service>:<action>, such as ivschat:CreateRoom, with the wildcards * and ? after the colon, and *"},
		{"an action with a variable", statement(`"Action":"a:${aws:username}"`), "Statement[0].Action (line 1, column 48): this is no action; allowed are <service>:<action>, such as ivschat:CreateRoom, with the wildcards * and ? after the colon, and *"},
		{"an action that is a number", statement(`"Action":[1]`), "Statement[0].Action[0] (line 1, column 49): must be a string, is a number"},
		{"no resource", statement(`"Effect":"Allow","Action":"*"`), "Statement[0] (line 1, column 68): there must be either Resource or NotResource"},
		{"both resources", statement(ok + `,"NotResource":"*"`), "Statement[0] (line 1, column 101): there must be either Resource or NotResource"},
		{"a resource that is no ARN", statement(`"Resource":"room/abc"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"an ARN that is too short", statement(`"Resource":"arn:aws:ivschat:us-west-2:room/abc"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"an ARN without service", statement(`"Resource":"arn:aws::us-west-2:1:room/abc"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"an ARN without partition", statement(`"Resource":"arn::ivschat:us-west-2:1:room/abc"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"an ARN without resource", statement(`"Resource":"arn:aws:ivschat:us-west-2:1:"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"a wildcard before an ARN", statement(`"Resource":"*:aws:ivschat:us-west-2:1:room/abc"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"an empty resource", statement(`"Resource":""`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"a short ARN with no asterisk for the rest", statement(`"Resource":"arn:aws:ivschat:us-west-?:room/abc"`), "Statement[0].Resource (line 1, column 50): " + noARN},
		{"a short ARN with an asterisk in a variable only", statement(`"NotResource":"arn:aws:ivschat:us-west-2:room/${*}"`), "Statement[0].NotResource (line 1, column 53): " + noARN},
		{"an ARN of a condition with an asterisk that cannot stand for colons", statement(`"Condition":{"ArnLike":{"a:b":"arn:*:user/a"}}`), "Statement[0].Condition.ArnLike.a:b (line 1, column 69): " + noARN},
		{"a variable in a short ARN", statement(`"Resource":"arn:aws:ivschat:${aws:x}*"`), "Statement[0].Resource (line 1, column 50): policy variables are allowed after the fifth colon of an ARN only"},
		{"a variable before the last part of a short ARN", statement(`"Resource":"arn:aws:ivschat:*:${aws:x}:room/a"`), "Statement[0].Resource (line 1, column 50): policy variables are allowed after the fifth colon of an ARN only"},
		{"a variable too early", statement(`"Resource":"arn:aws:ivschat:${aws:RequestedRegion}:1:room/abc"`), "Statement[0].Resource (line 1, column 50): policy variables are allowed after the fifth colon of an ARN only"},
		{"a variable that does not end", statement(`"Resource":"arn:aws:ivschat:r:1:room/${aws:username"`), "Statement[0].Resource (line 1, column 50): a policy variable lacks its closing brace; write ${$} for a plain dollar sign"},
		{"a variable that is no key", statement(`"Resource":"arn:aws:ivschat:r:1:room/${username}"`), "Statement[0].Resource (line 1, column 50): ${username} is not a policy variable: a condition key has the form <service>:<name>, such as aws:username, and at most 256 characters"},
		{"a default without quotes", statement(`"Resource":"arn:aws:ivschat:r:1:room/${aws:username, x}"`), "Statement[0].Resource (line 1, column 50): ${aws:username, x} has a malformed default value; write ${aws:username, 'default'}"},

		{"a condition that is a list", statement(ok + `,"Condition":[]`), "Statement[0].Condition (line 1, column 96): must be an object, is an array"},
		{"no number", statement(`"Condition":{"NumericEquals":{"a:b":"ten"}}`), "Statement[0].Condition.NumericEquals.a:b (line 1, column 75): this is no number; allowed are integers and decimals"},
		{"a number out of range", statement(`"Condition":{"NumericEquals":{"a:b":1e999}}`), "Statement[0].Condition.NumericEquals.a:b (line 1, column 75): this is no number; allowed are integers and decimals"},
		{"a variable among numbers", statement(`"Condition":{"NumericEquals":{"a:b":"${aws:x}"}}`), "Statement[0].Condition.NumericEquals.a:b (line 1, column 75): this is no number; allowed are integers and decimals"},
		{"a number among strings", statement(`"Condition":{"StringEquals":{"a:b":["x",1]}}`), "Statement[0].Condition.StringEquals.a:b[1] (line 1, column 79): must be a string, is a number"},
		{"a string among booleans", statement(`"Condition":{"Bool":{"a:b":"yes"}}`), "Statement[0].Condition.Bool.a:b (line 1, column 66): allowed: true, false"},
		{"a number among booleans", statement(`"Condition":{"Bool":{"a:b":1}}`), "Statement[0].Condition.Bool.a:b (line 1, column 66): must be true or false, is a number"},
		{"a boolean among dates", statement(`"Condition":{"DateEquals":{"a:b":true}}`), "Statement[0].Condition.DateEquals.a:b (line 1, column 72): must be a string or a number, is a boolean"},
		{"no date", statement(`"Condition":{"DateEquals":{"a:b":"tomorrow"}}`), "Statement[0].Condition.DateEquals.a:b (line 1, column 72): this is no date; allowed are dates of ISO 8601, such as 2026, 2026-01, 2026-01-31, 2026-01-31T12:00Z or 2026-01-31T12:00:00+01:00, and seconds since 1970"},
		{"no address", statement(`"Condition":{"IpAddress":{"a:b":"10.0.0.0/33"}}`), "Statement[0].Condition.IpAddress.a:b (line 1, column 71): this is neither an IP address nor a range in CIDR notation, such as 203.0.113.0/24 or 2001:db8::/32"},
		{"no base64", statement(`"Condition":{"BinaryEquals":{"a:b":"?"}}`), "Statement[0].Condition.BinaryEquals.a:b (line 1, column 74): this is not base64"},
		{"no ARN in a condition", statement(`"Condition":{"ArnLike":{"a:b":"x"}}`), "Statement[0].Condition.ArnLike.a:b (line 1, column 69): " + noARN},
		{"Null of something else", statement(`"Condition":{"Null":{"a:b":"no"}}`), "Statement[0].Condition.Null.a:b (line 1, column 66): allowed: true, false"},
		{"Null with a suffix", statement(`"Condition":{"NullIfExists":{"a:b":true}}`), "Statement[0].Condition.NullIfExists (line 1, column 52): the operator Null takes neither a prefix nor a suffix"},
		{"Null with a prefix", statement(`"Condition":{"ForAllValues:Null":{"a:b":true}}`), "Statement[0].Condition.ForAllValues:Null (line 1, column 52): the operator Null takes neither a prefix nor a suffix"},
		{"a key without a service", statement(`"Condition":{"Bool":{"SecureTransport":true}}`), "Statement[0].Condition.Bool.SecureTransport (line 1, column 60): a condition key has the form <service>:<name>, such as aws:username, and at most 256 characters"},
		{"a key twice", statement(`"Condition":{"Bool":{"a:b":true,"A:B":true}}`), "Statement[0].Condition.Bool.A:B (line 1, column 71): the key is there twice; its case does not matter"},
		{"no values", statement(`"Condition":{"Bool":{"a:b":[]}}`), "Statement[0].Condition.Bool.a:b (line 1, column 67): must not be empty"},
		{"a tag key with dots and slashes", statement(`"Condition":{"StringEquals":{"aws:ResourceTag/a.b/c~d":1}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag/a.b/c~d (line 1, column 94): must be a string, is a number"},
		{"on the third line", "{\n \"Statement\": [\n  {\"Effect\": \"Permit\"}]}", "Statement[0].Effect (line 3, column 14): unknown effect; allowed: Allow, Deny"},
		{"too large", `{"Id":"` + strings.Repeat("x", policy.MaxSize) + `"}`, "the policy has 10249 bytes without white space; at most 10240 are allowed"},
		{"too much white space", `{` + strings.Repeat(" ", policy.MaxRawSize) + `}`, "the policy has 65538 bytes; at most 65536 are allowed"},
		{"too deep", `{"Statement":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`, "Statement[0] (line 1, column 15): must be an object, is an array"},
		{"invalid UTF-8", "{\"Id\":\"\xff\"}", "Id (line 1, column 8): invalid UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := policy.Parse([]byte(c.doc))
			if _, ok := errors.AsType[*policy.SyntaxError](err); !ok || d != nil {
				t.Fatalf("got %v, %v, want a syntax error", d, err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnknownOperator(t *testing.T) {
	for _, operator := range []string{"StringEqual", "stringEquals", "StringEqualsIfExist", "ForSomeValues:StringEquals", "ForAllValues:ForAnyValue:Bool", "BoolIfExistsIfExists", "", "ForAllValues:", "IfExists"} {
		_, err := policy.Parse([]byte(statement(`"Condition":{"` + operator + `":{"a:b":"c"}}`)))
		if err == nil || !strings.Contains(err.Error(), "Statement[0].Condition."+operator+" (line 1, column 52): unknown operator; allowed: ArnEquals, ArnLike,") {
			t.Errorf("%s: got %v", operator, err)
		}
	}
}

func TestDatesThatAreNone(t *testing.T) {
	for _, date := range []string{
		"", "0", "20 26", "99999", "202", "2026-1", "2026-13", "2026-00", "2026-02-30", "2026-1-31", "2026/01/31", "26-01-31", "-2026",
		"2026-01-31Z", "2026Z", "2026-01Z", "2026-01-31T", "2026-01-31T12", "2026-01-31T12Z", "2026-01-31 12:00:00Z", "2026-01-31t12:00:00z",
		"2026-01-31T24:00:00Z", "2026-01-31T12:60Z", "2026-01-31T12:00:61Z", "2026-01-31T1:00:00Z", "2026-01-31T12:00:00,5Z",
		"2026-01-31T12:00:00.Z", "2026-01-31T12:00:00.0000000000Z", "2026-01-31T12:00.5Z", "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+01",
		"2026-01-31T12:00:00+25:00", "2026-01-31T12:00:00+01:00Z", "2026-W05", "2026-031", "1769817600.5", "1e9", "0x7e9", "1769817600000", " 2026", "2026 ",
		"Sat, 31 Jan 2026 12:00:00 GMT", "tomorrow",
	} {
		_, err := policy.Parse([]byte(statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"` + date + `"}}`)))
		// These are seconds since 1970.
		if seconds := date == "0" || date == "99999" || date == "202"; (err == nil) != seconds {
			t.Errorf("%q: got %v", date, err)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, doc := range []string{
		`{"Version":"2012-10-17","Id":"x","Statement":{"Sid":"","Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}`,
		`{"Statement":[{"Sid":"A1","Effect":"Allow","Action":["ivschat:*","s3:Get?bject"],"Resource":["*","arn:aws:s3:::bucket/*"]},{"Effect":"Deny","NotAction":"*","NotResource":"*"}]}`,
		"\n\t{ \"Statement\" : { \"Effect\":\"Allow\", \"Action\":\"*\", \"Resource\":\"arn:aws:ivschat:*\" } }\r\n ",
		`{"Id":"\ud83d","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/\ude00":"\ud83d"}}}}`,
		statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/a b/c":"x"},"StringEqualsIfExists":{"aws:ResourceTag/a b/c":"x"}}`),
	} {
		if _, err := policy.Parse([]byte(doc)); err != nil {
			t.Errorf("%v\n%s", err, doc)
		}
	}
}
