package policies

import (
	"strings"

	"pgregory.net/rapid"
)

const (
	room      = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"
	otherRoom = "arn:aws:ivschat:us-west-2:123456789012:room/000000000000"
	logging   = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl"
)

// kind is a type of condition keys: its keys, the values that a request may have for
// them, the operators for the type, and operands for those.
type kind struct {
	keys, values, operators, operands []string
	several                           bool // a request may have several values
}

var kinds = []kind{
	{
		keys:   []string{"aws:username", "aws:UserAgent", "aws:RequestTag/Team", "aws:ResourceTag/team", "aws:PrincipalTag/cost center", "aws:userid"},
		values: []string{"AbCdEfGhIjKl", "alice", "Alice", "red", "a*b", "re d", "", "ü", "$", "${aws:username}"},
		operators: []string{
			"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		},
		operands: []string{
			"alice", "ALICE", "red", "a*", "*", "?????", "a*b", "a${*}b", "${aws:username}", "${AWS:UserName}", "${aws:RequestTag/team}", "${aws:none}",
			"${aws:none, 'red'}", "${aws:none, ''}", "${aws:TagKeys}", "${aws:TagKeys, 'red'}", "*${aws:username}*", "${$}", "${?}*", "", "ü", "?", "re?d",
		},
	},
	{
		keys:   []string{"aws:PrincipalArn", "aws:SourceArn"},
		values: []string{"arn:aws:iam::123456789012:user/alice", "arn:aws:iam::123456789012:user/a:b", "arn:aws:sns:us-west-2:1:t", "alice", ""},
		operators: []string{
			"ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike",
		},
		operands: []string{
			"arn:aws:iam::123456789012:user/alice", "arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:user/?????", "arn:*:*:*:*:*", "arn:aws:iam::*:user/b",
			"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}", "arn:aws:iam::123456789012:user/${aws:none}", "arn:aws:iam::123456789012:user/${aws:none, 'alice'}",
			"arn:aws:iam::123456789012:user/*:*",
		},
	},
	{
		keys:      []string{"aws:MultiFactorAuthAge"},
		values:    []string{"0", "10", "9.5", "-3", "10.0", "ten", "300"},
		operators: []string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"},
		operands:  []string{"0", "10", "9.5", "10.0", "-3", "300"},
	},
	{
		keys:      []string{"aws:CurrentTime", "aws:TokenIssueTime"},
		values:    []string{"2026-01-31T00:00:00Z", "2026-01-31T12:30:00Z", "2099-01-01T00:00:00Z", "today", "2026-01-31T01:00:00+01:00"},
		operators: []string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
		operands: []string{
			"2026-01-31T00:00:00Z", "2026-01-31", "2026-01", "2099", "1999", "2026-01-31T12:30Z", "2026-01-31T01:00:00+01:00", "2026-01-31T00:00:00.5Z",
			"2026-02-30", "1769817600",
		},
	},
	{
		keys:      []string{"aws:SecureTransport", "aws:ViaAWSService"},
		values:    []string{"true", "false", "True", "yes"},
		operators: []string{"Bool"},
		operands:  []string{"true", "false", "True"},
	},
	{
		keys:      []string{"aws:SourceIp", "aws:VpcSourceIp"},
		values:    []string{"203.0.113.9", "10.1.2.3", "2001:db8::1", "::1", "localhost"},
		operators: []string{"IpAddress", "NotIpAddress"},
		operands:  []string{"203.0.113.0/24", "203.0.113.9", "203.0.113.9/8", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "::/0", "10.0.0.0/8"},
	},
	{
		keys:      []string{"aws:TagKeys", "aws:CalledVia"},
		values:    []string{"Team", "team", "cost center", "a*b", "x"},
		operators: []string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"},
		operands:  []string{"Team", "team", "t*", "*", "?", "cost center", "${aws:username}", "${aws:none}", "x"},
		several:   true,
	},
}

var (
	actions = []string{
		"*", "ivschat:*", "ivschat:Get*", "ivschat:GetRoom", "ivschat:getroom", "IVSCHAT:GetRoom", "ivschat:???Room", "ivschat:*Room*", "ivschat:Get??om",
		"s3:*", "ivs:GetRoom", "ivschat:GetRoo", "ivschat:Delete*", "ivschat:*Logging*",
	}
	resources = []string{
		"*", room, otherRoom, logging,
		"arn:aws:ivschat:us-west-2:123456789012:room/*", "arn:aws:ivschat:*:*:room/*", "arn:*:ivschat:*:*:room/A*", "arn:aws:ivschat:us-west-?:*:room/????????????",
		"arn:aws:ivschat:us-west-2:123456789012:*", "arn:aws:ivschat:us-west-2:123456789012:r*", "arn:aws:ivschat:us-west-2:123456789012:*/AbCdEfGhIjKl",
		"arn:aws:ivschat:*:room/*", "arn:*:room/*", "arn:aws:ivschat:*", "arn:aws:*", "arn:*", "arn:aws:ivschat:us-west-2:*:room/AbCdEfGhIjKl",
		"arn:aws:ivschat:us-west-2:*", "arn:aws:ivschat:us-west-2", "arn:aws:ivs:*:*:room/*", "arn:aws:ivschat:us-west-2:123456789012:ROOM/*",
		"arn:aws:ivschat:US-WEST-2:123456789012:room/*", "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl", "arn:aws:ivschat:eu-west-1:123456789012:room/*",
		"arn:aws:ivschat:us-west-2:123456789012:room/${aws:username}", "arn:aws:ivschat:us-west-2:123456789012:room/${aws:none}",
		"arn:aws:ivschat:us-west-2:123456789012:room/${aws:none, 'AbCdEfGhIjKl'}", "arn:aws:ivschat:us-west-2:123456789012:room/${aws:TagKeys}",
		"arn:aws:ivschat:us-west-2:123456789012:room/${aws:RequestTag/team}*", "arn:aws:ivschat:us-west-2:123456789012:room/${*}",
		"arn:aws:ivschat:us-west-2:123456789012:room/Ab*Kl", "arn:aws:ivschat:us-west-2:123456789012:room/*:*", "arn:aws:ivschat::123456789012:room/*",
	}
	requested = []struct{ action, resource string }{
		{"ivschat:GetRoom", room},
		{"ivschat:GetRoom", otherRoom},
		{"ivschat:DeleteRoom", room},
		{"ivschat:UpdateLoggingConfiguration", logging},
		{"ivschat:SendEvent", room},
	}
)

// drawQuestion makes policies and a request that they have a fair chance to be about.
func drawQuestion(t *rapid.T) *Question {
	q := &Question{Context: make(map[string][]string)}
	for range rapid.IntRange(1, 2).Draw(t, "policies") {
		p := Policy{Version: rapid.SampledFrom([]string{"2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"}).Draw(t, "version")}
		for range rapid.IntRange(1, 3).Draw(t, "statements") {
			p.Statement = append(p.Statement, drawStatement(t))
		}
		q.Policies = append(q.Policies, p)
	}
	r := rapid.SampledFrom(requested).Draw(t, "request")
	q.Action, q.Resource = r.action, r.resource
	for _, k := range kinds {
		for _, key := range k.keys {
			if !rapid.Bool().Draw(t, "present") {
				continue
			}
			most := 1
			if k.several {
				most = 3
			}
			q.Context[respell(t, key)] = rapid.SliceOfNDistinct(rapid.SampledFrom(k.values), 1, most, rapid.ID).Draw(t, key)
		}
	}
	return q
}

func drawStatement(t *rapid.T) Statement {
	s := Statement{Effect: rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect")}
	some := func(of []string, label string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(of), 1, 3).Draw(t, label)
	}
	if rapid.IntRange(0, 3).Draw(t, "NotAction") == 0 {
		s.NotAction = some(actions[1:], "NotAction")
	} else {
		s.Action = some(actions, "Action")
	}
	if rapid.IntRange(0, 3).Draw(t, "NotResource") == 0 {
		s.NotResource = some(resources[1:], "NotResource")
	} else {
		s.Resource = some(resources, "Resource")
	}
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		if s.Condition == nil {
			s.Condition = make(map[string]map[string][]string)
		}
		k := rapid.SampledFrom(kinds).Draw(t, "kind")
		key := respell(t, rapid.SampledFrom(k.keys).Draw(t, "key"))
		if rapid.IntRange(0, 9).Draw(t, "Null") == 0 {
			s.Condition["Null"] = map[string][]string{key: {rapid.SampledFrom([]string{"true", "false"}).Draw(t, "missing")}}
			continue
		}
		if rapid.IntRange(0, 9).Draw(t, "another type") == 0 {
			k = rapid.SampledFrom(kinds).Draw(t, "type")
		}
		prefixes, suffixes := []string{"", "", "", "ForAllValues:", "ForAnyValue:"}, []string{"", "", "IfExists"}
		operator := rapid.SampledFrom(prefixes).Draw(t, "prefix") + rapid.SampledFrom(k.operators).Draw(t, "operator") + rapid.SampledFrom(suffixes).Draw(t, "suffix")
		s.Condition[operator] = map[string][]string{key: some(k.operands, "operands")}
	}
	return s
}

// respell changes the case of a condition key, which does not matter.
func respell(t *rapid.T, key string) string {
	return rapid.SampledFrom([]func(string) string{func(s string) string { return s }, strings.ToLower, strings.ToUpper}).Draw(t, "case")(key)
}
