package conformance

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/testbed/process"
)

// caller does operations with credentials of its own.
type caller struct {
	*endpoint
	creds aws.Credentials
	arn   string
}

// newCaller makes credentials with the statements of a policy and waits until
// the server knows them.
func newCaller(t *testing.T, statements ...string) *caller {
	t.Helper()
	name := regexp.MustCompile(`[^a-z]+`).ReplaceAllString(strings.ToLower(t.Name()), "-")
	name = fmt.Sprintf("u%x%s", time.Now().UnixNano(), name[max(0, len(name)-30):])
	policy := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	made, err := own.CreateCredentials(t.Context(), name, policy)
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:aws:iam::" + process.Account + ":user/" + name; made.ARN != want {
		t.Errorf("arn %s, want %s", made.ARN, want)
	}
	c := &caller{subject, aws.Credentials{AccessKeyID: made.AccessKeyID, SecretAccessKey: made.SecretAccessKey}, made.ARN}
	deadline := time.Now().Add(patience)
	for c.do(t, "GetRoom", m{"identifier": roomARN(noID)}).errorName() == "UnrecognizedClientException" {
		if time.Now().After(deadline) {
			t.Fatalf("the server does not know new credentials after %s", patience)
		}
	}
	return c
}

// do does an operation as the caller.
func (c *caller) do(t *testing.T, operation string, members m) *reply {
	t.Helper()
	r := c.send(t, &call4{path: "/" + operation, body: jsonText(t, members), creds: c.creds})
	c.deleteLater(t, operation, r)
	return r
}

// wantDenied checks the refusal and its words.
func (c *caller) wantDenied(t *testing.T, r *reply, action, resource string) string {
	t.Helper()
	o := r.wantError(t, "AccessDeniedException", http.StatusForbidden)
	message := text(t, o, "message")
	want := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", c.arn, action, resource)
	if !strings.HasPrefix(message, want) {
		t.Errorf("message %q, want it to begin %q", message, want)
	}
	return message
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	if own == nil {
		return // Credentials are made with Confab's own command.
	}
	const everything = `{"Effect":"Allow","Action":"ivschat:*","Resource":"*"}`
	rooms := roomARN("*")
	check(t, "nothing is allowed that no statement allows", func(t *testing.T) {
		c := newCaller(t, `{"Effect":"Allow","Action":"ivschat:ListRooms","Resource":"*"}`)
		room := newRoom(t, nil)
		c.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		message := c.wantDenied(t, c.do(t, "GetRoom", m{"identifier": room.arn}), "ivschat:GetRoom", room.arn)
		if !strings.Contains(message, "because no identity-based policy allows the ivschat:GetRoom action") {
			t.Errorf("message %q", message)
		}
	})
	check(t, "an explicit deny wins and says so", func(t *testing.T) {
		c := newCaller(t, everything, `{"Effect":"Deny","Action":"ivschat:DeleteRoom","Resource":"*"}`)
		room := newRoom(t, nil)
		c.do(t, "GetRoom", m{"identifier": room.arn}).want(t, http.StatusOK)
		message := c.wantDenied(t, c.do(t, "DeleteRoom", m{"identifier": room.arn}), "ivschat:DeleteRoom", room.arn)
		if !strings.Contains(message, "with an explicit deny") {
			t.Errorf("message %q", message)
		}
		get(t, room)
	})
	check(t, "the credentials of another secret are refused", func(t *testing.T) {
		c := newCaller(t, everything)
		c.creds.SecretAccessKey += "x"
		c.do(t, "ListRooms", m{}).wantError(t, "InvalidSignatureException", http.StatusForbidden)
	})
	check(t, "deleted credentials are refused within seconds", func(t *testing.T) {
		c := newCaller(t, everything)
		c.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		if _, err := own.Run(t.Context(), "credentials", "delete", "--name", c.arn[strings.LastIndex(c.arn, "/")+1:]); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(patience)
		for c.do(t, "ListRooms", m{}).status == http.StatusOK {
			if time.Now().After(deadline) {
				t.Fatalf("still accepted after %s", patience)
			}
		}
		c.do(t, "ListRooms", m{}).wantError(t, "UnrecognizedClientException", http.StatusForbidden)
	})
	check(t, "one room only", func(t *testing.T) {
		mine, other := newRoom(t, nil), newRoom(t, nil)
		c := newCaller(t, `{"Effect":"Allow","Action":["ivschat:GetRoom","ivschat:CreateChatToken"],"Resource":"`+mine.arn+`"}`)
		c.do(t, "GetRoom", m{"identifier": mine.arn}).want(t, http.StatusOK)
		c.do(t, "CreateChatToken", m{"roomIdentifier": mine.arn, "userId": "u"}).want(t, http.StatusOK)
		c.wantDenied(t, c.do(t, "GetRoom", m{"identifier": other.arn}), "ivschat:GetRoom", other.arn)
		c.wantDenied(t, c.do(t, "CreateChatToken", m{"roomIdentifier": other.arn, "userId": "u"}), "ivschat:CreateChatToken", other.arn)
	})
	check(t, "an unknown room is denied, not revealed", func(t *testing.T) {
		mine := newRoom(t, nil)
		c := newCaller(t, `{"Effect":"Allow","Action":"ivschat:*","Resource":"`+mine.arn+`"}`)
		c.wantDenied(t, c.do(t, "GetRoom", m{"identifier": roomARN(noID)}), "ivschat:GetRoom", roomARN(noID))
	})
	check(t, "an unknown room is not found by those who may see it", func(t *testing.T) {
		newCaller(t, everything).do(t, "GetRoom", m{"identifier": roomARN(noID)}).wantNotFound(t, "ROOM", noID)
	})
	for name, c := range map[string]struct {
		statement string
		allowed   bool
	}{
		"a star":                       {`{"Effect":"Allow","Action":"*","Resource":"*"}`, true},
		"a prefix of actions":          {`{"Effect":"Allow","Action":"ivschat:Get*","Resource":"*"}`, true},
		"a question mark":              {`{"Effect":"Allow","Action":"ivschat:GetRoo?","Resource":"*"}`, true},
		"an action in another case":    {`{"Effect":"Allow","Action":"IVSCHAT:getroom","Resource":"*"}`, true},
		"another action":               {`{"Effect":"Allow","Action":"ivschat:ListRooms","Resource":"*"}`, false},
		"another service":              {`{"Effect":"Allow","Action":"ivs:*","Resource":"*"}`, false},
		"NotAction of another":         {`{"Effect":"Allow","NotAction":"ivschat:DeleteRoom","Resource":"*"}`, true},
		"NotAction of it":              {`{"Effect":"Allow","NotAction":"ivschat:GetRoom","Resource":"*"}`, false},
		"all rooms":                    {`{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"` + rooms + `"}`, true},
		"logging configurations":       {`{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"` + loggingARN("*") + `"}`, false},
		"another region":               {`{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"arn:aws:ivschat:eu-west-1:*:room/*"}`, false},
		"all rooms by a short ARN":     {`{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"arn:aws:ivschat:*:room/*"}`, true},
		"all rooms by a shorter ARN":   {`{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"arn:*:room/*"}`, true},
		"a short ARN of other things":  {`{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"arn:aws:ivschat:*:logging-configuration/*"}`, false},
		"NotResource of a short ARN":   {`{"Effect":"Allow","Action":"ivschat:GetRoom","NotResource":"arn:aws:ivschat:*:room/*"}`, false},
		"a deny of a short ARN":        {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"arn:aws:ivschat:*:room/*"}`, false},
		"before a year":                {statementIf(`"DateLessThan":{"aws:CurrentTime":"2099"}`), true},
		"after a year":                 {statementIf(`"DateGreaterThan":{"aws:CurrentTime":"2099"}`), false},
		"after a month":                {statementIf(`"DateGreaterThan":{"aws:CurrentTime":"2020-02"}`), true},
		"seconds since 1970":           {statementIf(`"DateGreaterThan":{"aws:EpochTime":"1700000000"}`), true},
		"not a variable with no value": {statementIf(`"StringNotEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}`), true},
		"a variable with no value":     {statementIf(`"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}`), false},
		"NotResource with no value":    {`{"Effect":"Allow","Action":"ivschat:GetRoom","NotResource":"arn:aws:ivschat:*:*:room/${aws:PrincipalTag/room}"}`, true},
		"a default value":              {statementIf(`"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team, 'red'}"}`), true},
		"NotResource of it":            {`{"Effect":"Allow","Action":"ivschat:GetRoom","NotResource":"` + rooms + `"}`, false},
		"a tag of the resource":        {statementIf(`"StringEquals":{"aws:ResourceTag/team":"red"}`), true},
		"another tag of the resource":  {statementIf(`"StringEquals":{"aws:ResourceTag/team":"blue"}`), false},
		"a tag the resource lacks":     {statementIf(`"StringEquals":{"aws:ResourceTag/none":"red"}`), false},
		"a tag the resource may lack":  {statementIf(`"StringEqualsIfExists":{"aws:ResourceTag/none":"red"}`), true},
		"Null true":                    {statementIf(`"Null":{"aws:ResourceTag/none":"true"}`), true},
		"Null false":                   {statementIf(`"Null":{"aws:ResourceTag/none":"false"}`), false},
		"StringLike":                   {statementIf(`"StringLike":{"aws:ResourceTag/team":"r*"}`), true},
		"StringNotEquals":              {statementIf(`"StringNotEquals":{"aws:ResourceTag/team":"red"}`), false},
		"StringEqualsIgnoreCase":       {statementIf(`"StringEqualsIgnoreCase":{"aws:ResourceTag/team":"RED"}`), true},
		"NumericLessThan":              {statementIf(`"NumericLessThan":{"aws:ResourceTag/size":"10"}`), true},
		"NumericGreaterThanEquals":     {statementIf(`"NumericGreaterThanEquals":{"aws:ResourceTag/size":"10"}`), false},
		"several values":               {statementIf(`"StringEquals":{"aws:ResourceTag/team":["blue","red"]}`), true},
		"two conditions, one false":    {statementIf(`"StringEquals":{"aws:ResourceTag/team":"red"},"NumericEquals":{"aws:ResourceTag/size":"8"}`), false},
		"the loopback address":         {statementIf(`"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`), true},
		"another address":              {statementIf(`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), false},
		"not another address":          {statementIf(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), true},
		"before the year 2100":         {statementIf(`"DateLessThan":{"aws:CurrentTime":"2100-01-01T00:00:00Z"}`), true},
		"after the year 2100":          {statementIf(`"DateGreaterThan":{"aws:CurrentTime":"2100-01-01T00:00:00Z"}`), false},
		"without TLS":                  {statementIf(`"Bool":{"aws:SecureTransport":"false"}`), true},
		"with TLS":                     {statementIf(`"Bool":{"aws:SecureTransport":"true"}`), false},
		"the principal's ARN":          {statementIf(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}`), true},
		"another principal's ARN":      {statementIf(`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/somebody"}`), false},
		"a variable":                   {statementIf(`"StringLike":{"aws:PrincipalArn":"*/${aws:username}"}`), true},
	} {
		verb := map[bool]string{true: " allows", false: " does not allow"}[c.allowed]
		check(t, name+verb, func(t *testing.T) {
			room := newRoom(t, m{"tags": m{"team": "red", "size": "9"}})
			user := newCaller(t, c.statement)
			r := user.do(t, "GetRoom", m{"identifier": room.arn})
			if c.allowed {
				r.want(t, http.StatusOK)
			} else {
				user.wantDenied(t, r, "ivschat:GetRoom", room.arn)
			}
		})
	}
	for name, resource := range map[string]string{"a star": "*", "the ARN of rooms": rooms} {
		check(t, "CreateRoom and ListRooms are matched by "+name, func(t *testing.T) {
			c := newCaller(t, `{"Effect":"Allow","Action":["ivschat:CreateRoom","ivschat:ListRooms"],"Resource":"`+resource+`"}`)
			c.do(t, "CreateRoom", m{}).want(t, http.StatusOK)
			c.do(t, "ListRooms", m{}).want(t, http.StatusOK)
		})
	}
	for name, resource := range map[string]string{"a star": "*", "their ARN": loggingARN("*")} {
		check(t, "CreateLoggingConfiguration and its list are matched by "+name, func(t *testing.T) {
			c := newCaller(t, `{"Effect":"Allow","Action":["ivschat:CreateLoggingConfiguration","ivschat:ListLoggingConfigurations"],"Resource":"`+resource+`"}`)
			c.do(t, "CreateLoggingConfiguration", m{"destinationConfiguration": m{"s3": m{"bucketName": "abc"}}}).want(t, http.StatusOK)
			c.do(t, "ListLoggingConfigurations", m{}).want(t, http.StatusOK)
		})
	}
	group(t, "tags of a request", func(t *testing.T) {
		const create = `{"Effect":"Allow","Action":"ivschat:CreateRoom","Resource":"*"}`
		const tagging = `{"Effect":"Allow","Action":"ivschat:TagResource","Resource":"*"}`
		check(t, "creation with tags needs TagResource", func(t *testing.T) {
			c := newCaller(t, create)
			c.do(t, "CreateRoom", m{}).want(t, http.StatusOK)
			o := c.do(t, "CreateRoom", m{"tags": m{"a": "b"}}).wantError(t, "AccessDeniedException", http.StatusForbidden)
			if !strings.Contains(text(t, o, "message"), "ivschat:TagResource") {
				t.Errorf("message %v", o["message"])
			}
		})
		check(t, "creation with tags is allowed with TagResource", func(t *testing.T) {
			newCaller(t, create, tagging).do(t, "CreateRoom", m{"tags": m{"a": "b"}}).want(t, http.StatusOK)
		})
		check(t, "aws:RequestTag", func(t *testing.T) {
			c := newCaller(t, tagging, `{"Effect":"Allow","Action":"ivschat:CreateRoom","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}}`)
			c.do(t, "CreateRoom", m{"tags": m{"team": "red"}}).want(t, http.StatusOK)
			c.do(t, "CreateRoom", m{"tags": m{"team": "blue"}}).wantError(t, "AccessDeniedException", http.StatusForbidden)
			c.do(t, "CreateRoom", m{}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		})
		check(t, "aws:TagKeys for all values", func(t *testing.T) {
			c := newCaller(t, tagging, `{"Effect":"Allow","Action":"ivschat:CreateRoom","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}}`)
			c.do(t, "CreateRoom", m{"tags": m{"a": "1", "b": "2"}}).want(t, http.StatusOK)
			c.do(t, "CreateRoom", m{"tags": m{"a": "1", "c": "2"}}).wantError(t, "AccessDeniedException", http.StatusForbidden)
			c.do(t, "CreateRoom", m{}).want(t, http.StatusOK)
		})
		check(t, "aws:TagKeys for any value", func(t *testing.T) {
			c := newCaller(t, tagging, `{"Effect":"Allow","Action":"ivschat:CreateRoom","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}}}`)
			c.do(t, "CreateRoom", m{"tags": m{"a": "1", "c": "2"}}).want(t, http.StatusOK)
			c.do(t, "CreateRoom", m{"tags": m{"c": "2"}}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		})
		check(t, "aws:TagKeys without ForAllValues or ForAnyValue allows nothing", func(t *testing.T) {
			c := newCaller(t, tagging, `{"Effect":"Allow","Action":"ivschat:CreateRoom","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"a"}}}`)
			c.do(t, "CreateRoom", m{"tags": m{"a": "1"}}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		})
		check(t, "aws:TagKeys for any value, if it exists, is not met without tags", func(t *testing.T) {
			c := newCaller(t, tagging, `{"Effect":"Allow","Action":"ivschat:CreateRoom","Resource":"*","Condition":{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"a"}}}`)
			c.do(t, "CreateRoom", m{"tags": m{"a": "1"}}).want(t, http.StatusOK)
			c.do(t, "CreateRoom", m{}).wantError(t, "AccessDeniedException", http.StatusForbidden)
		})
		check(t, "aws:TagKeys is no policy variable", func(t *testing.T) {
			room := newRoom(t, m{"tags": m{"drop": "drop"}})
			allow := `{"Effect":"Allow","Action":"ivschat:UntagResource","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/drop":"${aws:TagKeys}"}}}`
			c := newCaller(t, allow)
			c.wantDenied(t, c.send(t, &call4{method: http.MethodDelete, path: tagPath(room.arn), query: "tagKeys=drop", creds: c.creds}), "ivschat:UntagResource", room.arn)
		})
		check(t, "UntagResource is held against its keys", func(t *testing.T) {
			room := newRoom(t, m{"tags": m{"keep": "1", "drop": "2"}})
			c := newCaller(t, `{"Effect":"Allow","Action":"ivschat:UntagResource","Resource":"*","Condition":{"ForAllValues:StringNotEquals":{"aws:TagKeys":"keep"}}}`)
			untag := func(key string) *reply {
				return c.send(t, &call4{method: http.MethodDelete, path: tagPath(room.arn), query: "tagKeys=" + key, creds: c.creds})
			}
			c.wantDenied(t, untag("keep"), "ivschat:UntagResource", room.arn)
			untag("drop").want(t, http.StatusOK)
		})
		check(t, "TagResource is held against the resource's tags", func(t *testing.T) {
			mine, other := newRoom(t, m{"tags": m{"owner": "me"}}), newRoom(t, m{"tags": m{"owner": "you"}})
			c := newCaller(t, `{"Effect":"Allow","Action":"ivschat:TagResource","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"me"}}}`)
			tag := func(r resource) *reply {
				return c.send(t, &call4{path: tagPath(r.arn), body: `{"tags":{"a":"b"}}`, creds: c.creds})
			}
			tag(mine).want(t, http.StatusOK)
			c.wantDenied(t, tag(other), "ivschat:TagResource", other.arn)
		})
	})
	group(t, "broken policies are refused with the place of the mistake", func(t *testing.T) {
		for name, c := range map[string]struct{ policy, place string }{
			"not JSON":              {`{`, ""},
			"no statement":          {`{"Version":"2012-10-17"}`, "Statement"},
			"no effect":             {`{"Version":"2012-10-17","Statement":[{"Action":"*","Resource":"*"}]}`, "Statement[0]"},
			"an unknown effect":     {`{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}`, "Statement[0].Effect"},
			"an unknown operator":   {`{"Version":"2012-10-17","Statement":[` + everything + `,{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEqual":{"a":"b"}}}]}`, "Statement[1].Condition.StringEqual"},
			"a number that is none": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"300.0.0.1"}}}]}`, "IpAddress"},
			"a date that is none":   {`{"Version":"2012-10-17","Statement":[` + statementIf(`"DateLessThan":{"aws:CurrentTime":"2026-02-30"}`) + `]}`, "Statement[0].Condition.DateLessThan.aws:CurrentTime"},
		} {
			check(t, name, func(t *testing.T) {
				_, err := own.CreateCredentials(t.Context(), "broken", c.policy)
				if err == nil {
					t.Fatal("the policy was accepted")
				}
				if !strings.Contains(err.Error(), c.place) {
					t.Errorf("error %q, want %q in it", err, c.place)
				}
			})
		}
	})
}

// statementIf allows GetRoom under conditions.
func statementIf(conditions string) string {
	return `{"Effect":"Allow","Action":"ivschat:GetRoom","Resource":"*","Condition":{` + conditions + `}}`
}
