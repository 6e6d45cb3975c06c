package policy_test

import (
	"strconv"
	"strings"
	"testing"

	"confab/internal/policy"
)

// condition is one case: what a condition says about the values of the key
// test:key, once in an Allow and, if it differs, once in a Deny statement.
type condition struct {
	operator string
	operands string // JSON
	values   []string
	want     bool
}

func missing() []string { return nil }

func key(values ...string) []string { return values }

var conditions = []condition{
	{"StringEquals", `"a"`, key("a"), true},
	{"StringEquals", `"a"`, key("A"), false},
	{"StringEquals", `["b","a"]`, key("a"), true},
	{"StringEquals", `"a*"`, key("ab"), false},
	{"StringEquals", `"a*"`, key("a*"), true},
	{"StringEquals", `""`, key(""), true},
	{"StringEquals", `"a"`, missing(), false},
	{"StringEqualsIfExists", `"a"`, missing(), true},
	{"StringEqualsIfExists", `"a"`, key("b"), false},
	{"StringNotEquals", `"a"`, key("b"), true},
	{"StringNotEquals", `"a"`, key("a"), false},
	{"StringNotEquals", `["a","b"]`, key("b"), false},
	{"StringNotEquals", `["a","b"]`, key("c"), true},
	{"StringNotEquals", `"a"`, missing(), true},
	{"StringNotEqualsIfExists", `"a"`, missing(), true},
	{"StringEqualsIgnoreCase", `"aÉ"`, key("Aé"), true},
	{"StringEqualsIgnoreCase", `"a"`, key("b"), false},
	{"StringEqualsIgnoreCase", `"a"`, missing(), false},
	{"StringNotEqualsIgnoreCase", `"a"`, key("A"), false},
	{"StringNotEqualsIgnoreCase", `"a"`, key("b"), true},
	{"StringNotEqualsIgnoreCase", `"a"`, missing(), true},
	{"StringLike", `"a*c?"`, key("abbbcd"), true},
	{"StringLike", `"a*c?"`, key("abbbc"), false},
	{"StringLike", `["x","*"]`, key(""), true},
	{"StringLike", `"a?"`, key("aé"), true},
	{"StringLike", `"A*"`, key("ab"), false},
	{"StringLike", `"*"`, missing(), false},
	{"StringNotLike", `"a*"`, key("ab"), false},
	{"StringNotLike", `"a*"`, key("b"), true},
	{"StringNotLike", `"a*"`, missing(), true},

	{"ArnEquals", `"arn:aws:iam::1:user/*"`, key("arn:aws:iam::1:user/a"), true},
	{"ArnEquals", `"arn:aws:iam::1:user/*"`, key("arn:aws:iam::2:user/a"), false},
	{"ArnEquals", `"arn:aws:iam::1:user/*"`, missing(), false},
	{"ArnNotEquals", `"arn:aws:iam::1:user/*"`, key("arn:aws:iam::2:user/a"), true},
	{"ArnNotEquals", `"arn:aws:iam::1:user/*"`, missing(), true},
	{"ArnLike", `"arn:aws:iam::?:user/a"`, key("arn:aws:iam::1:user/a"), true},
	{"ArnLike", `"arn:aws:iam::*:user/a"`, key("arn:aws:iam::1:2:user/a"), false},
	{"ArnLike", `"arn:aws:iam::*:user/a"`, key("a"), false},
	{"ArnNotLike", `"arn:aws:iam::*:user/a"`, key("arn:aws:iam::1:user/a"), false},
	{"ArnNotLike", `"arn:aws:iam::*:user/a"`, missing(), true},

	{"NumericEquals", `"10"`, key("10.0"), true},
	{"NumericEquals", `10`, key("1e1"), true},
	{"NumericEquals", `[1,2.5]`, key("2.5"), true},
	{"NumericEquals", `10`, key("ten"), false},
	{"NumericEquals", `10`, key("0x0a"), false},
	{"NumericEquals", `10`, missing(), false},
	{"NumericNotEquals", `10`, key("11"), true},
	{"NumericNotEquals", `[10,11]`, key("11"), false},
	{"NumericNotEquals", `10`, missing(), true},
	{"NumericLessThan", `10`, key("9.99"), true},
	{"NumericLessThan", `10`, key("10"), false},
	{"NumericLessThan", `10`, key("-11"), true},
	{"NumericLessThanEquals", `10`, key("10"), true},
	{"NumericLessThanEquals", `10`, key("10.01"), false},
	{"NumericGreaterThan", `10`, key("10"), false},
	{"NumericGreaterThan", `10`, key("11"), true},
	{"NumericGreaterThan", `10`, key("inf"), false},
	{"NumericGreaterThanEquals", `10`, key("10"), true},
	{"NumericGreaterThanEquals", `10`, key("9"), false},
	{"NumericGreaterThanEquals", `10`, missing(), false},
	{"NumericGreaterThanEqualsIfExists", `10`, missing(), true},

	{"DateEquals", `"2026-01-31"`, key("2026-01-31T00:00:00Z"), true},
	{"DateEquals", `"2026-01-31T01:00:00+01:00"`, key("2026-01-31T00:00:00Z"), true},
	{"DateEquals", `"2026-01-31T01:00+01:00"`, key("2026-01-31T00:00:00"), true},
	{"DateEquals", `0`, key("1970-01-01T00:00:00Z"), true},
	{"DateEquals", `"86400"`, key("1970-01-02"), true},
	{"DateEquals", `"2026"`, key("2026-01-01T00:00:00Z"), true},
	{"DateEquals", `2026`, key("2026-01-01"), true},
	{"DateEquals", `"2026-03"`, key("2026-03-01T00:00:00Z"), true},
	{"DateEquals", `"2026-01-31T00:00:00.25Z"`, key("2026-01-31T00:00:00.250Z"), true},
	{"DateEquals", `"2026-01-31T00:00:00.123456789+01:00"`, key("2026-01-30T23:00:00.123456789Z"), true},
	{"DateEquals", `"2026-01-31T00:00"`, key("2026-01-31T00:00:00Z"), true},
	{"DateEquals", `"2026-01-31T00:30Z"`, key("2026-01-30T19:00-05:30"), true},
	{"DateEquals", `"86400"`, key("1970-01-02T00:00:00Z"), true},
	{"DateEquals", `"1769817600"`, key("2026-01-31"), true},
	{"DateEquals", `"2026"`, key("2026"), true},
	{"DateEquals", `"2026"`, key("26"), false},
	{"DateEquals", `"2026-01-31"`, key("today"), false},
	{"DateEquals", `"2026-01-31"`, missing(), false},
	{"DateNotEquals", `"2026-01-31"`, key("2026-01-31T00:00:01Z"), true},
	{"DateNotEquals", `"2026-01-31"`, key("2026-01-31"), false},
	{"DateNotEquals", `"2026-01-31"`, missing(), true},
	{"DateLessThan", `"2026-01-31T00:00:00Z"`, key("2026-01-30T23:59:59.9Z"), true},
	{"DateLessThan", `"2026-01-31T00:00:00Z"`, key("2026-01-31T00:00:00Z"), false},
	{"DateLessThanEquals", `"2026-01-31T00:00:00Z"`, key("2026-01-31T00:00:00Z"), true},
	{"DateGreaterThan", `"2026-01-31T00:00:00Z"`, key("2026-01-31T00:00:00.5Z"), true},
	{"DateGreaterThan", `"2026-01-31T00:00:00Z"`, key("2026-01-31T00:00:00Z"), false},
	{"DateGreaterThanEquals", `"2026-01-31T00:00:00Z"`, key("2026-01-31T00:00:00Z"), true},
	{"DateGreaterThanEquals", `"2026-01-31T00:00:00Z"`, key("2026-01-30T00:00:00Z"), false},
	{"DateGreaterThan", `"2099"`, key("2026-01-31T00:00:00Z"), false},
	{"DateGreaterThan", `2099`, key("2026-01-31T00:00:00Z"), false},
	{"DateGreaterThan", `"2099"`, key("2100-01-01T00:00:00Z"), true},
	{"DateGreaterThan", `"2099"`, key("1769817600"), false},
	{"DateLessThan", `"2099"`, key("2026-01-31T00:00:00Z"), true},
	{"DateLessThan", `"1999-12"`, key("2026-01-31T00:00:00Z"), false},

	{"Bool", `true`, key("true"), true},
	{"Bool", `"True"`, key("true"), true},
	{"Bool", `false`, key("true"), false},
	{"Bool", `[true,false]`, key("false"), true},
	{"Bool", `false`, key("no"), false},
	{"Bool", `false`, missing(), false},
	{"BoolIfExists", `true`, missing(), true},
	{"BoolIfExists", `true`, key("false"), false},

	{"BinaryEquals", `"AQID"`, key("\x01\x02\x03"), true},
	{"BinaryEquals", `"AQID"`, key("AQID"), false},
	{"BinaryEquals", `"AQID"`, missing(), false},

	{"IpAddress", `"203.0.113.0/24"`, key("203.0.113.9"), true},
	{"IpAddress", `"203.0.113.77/24"`, key("203.0.113.9"), true},
	{"IpAddress", `"203.0.113.9"`, key("203.0.113.9"), true},
	{"IpAddress", `"203.0.113.9"`, key("::ffff:203.0.113.9"), true},
	{"IpAddress", `["203.0.113.0/24","2001:db8::/32"]`, key("2001:DB8:0:0::1"), true},
	{"IpAddress", `"0.0.0.0/0"`, key("::1"), false},
	{"IpAddress", `"::/0"`, key("127.0.0.1"), false},
	{"IpAddress", `"fe80::/10"`, key("fe80::1%eth0"), true},
	{"IpAddress", `"203.0.113.0/24"`, key("203.0.114.9"), false},
	{"IpAddress", `"203.0.113.0/24"`, key("localhost"), false},
	{"IpAddress", `"203.0.113.0/24"`, missing(), false},
	{"NotIpAddress", `"203.0.113.0/24"`, key("203.0.113.9"), false},
	{"NotIpAddress", `["10.0.0.0/8","203.0.113.0/24"]`, key("203.0.113.9"), false},
	{"NotIpAddress", `"203.0.113.0/24"`, key("198.51.100.1"), true},
	{"NotIpAddress", `"203.0.113.0/24"`, missing(), true},

	{"Null", `true`, missing(), true},
	{"Null", `"true"`, key("a"), false},
	{"Null", `false`, key("a"), true},
	{"Null", `false`, key(""), true},
	{"Null", `"false"`, missing(), false},
	{"Null", `["true","false"]`, missing(), true},

	{"ForAllValues:StringEquals", `["a","b"]`, key("a", "b"), true},
	{"ForAllValues:StringEquals", `["a","b"]`, key("a", "c"), false},
	{"ForAllValues:StringEquals", `["a","b"]`, missing(), true},
	{"ForAllValues:StringEqualsIfExists", `["a","b"]`, missing(), true},
	{"ForAllValues:StringNotEquals", `["a","b"]`, key("c", "d"), true},
	{"ForAllValues:StringNotEquals", `["a","b"]`, key("c", "a"), false},
	{"ForAllValues:StringNotEquals", `["a","b"]`, missing(), true},
	{"ForAllValues:StringLike", `"t-*"`, key("t-a", "t-b"), true},
	{"ForAllValues:ArnLike", `"arn:aws:iam::1:*"`, key("arn:aws:iam::1:a", "arn:aws:iam::2:a"), false},
	{"ForAnyValue:StringEquals", `["a","b"]`, key("c", "b"), true},
	{"ForAnyValue:StringEquals", `["a","b"]`, key("c", "d"), false},
	{"ForAnyValue:StringEquals", `["a","b"]`, missing(), false},
	{"ForAnyValue:StringEqualsIfExists", `["a","b"]`, missing(), false},
	{"ForAnyValue:StringNotEqualsIfExists", `["a","b"]`, missing(), false},
	{"ForAnyValue:NumericLessThanIfExists", `3`, missing(), false},
	{"ForAnyValue:StringNotEquals", `["a","b"]`, key("a", "c"), true},
	{"ForAnyValue:StringNotEquals", `["a","b"]`, key("a", "b"), false},
	{"ForAnyValue:StringNotEquals", `["a","b"]`, missing(), false},
	{"ForAnyValue:IpAddress", `"10.0.0.0/8"`, key("1.1.1.1", "10.1.1.1"), true},
	{"ForAnyValue:Bool", `true`, key("false", "true"), true},
	{"ForAnyValue:NumericLessThan", `3`, key("4", "2"), true},
}

func TestConditions(t *testing.T) {
	for _, c := range conditions {
		t.Run(c.operator+" "+c.operands+" "+strings.Join(c.values, ","), func(t *testing.T) {
			ctx := policy.Context{"test:key": c.values}
			elements := `"Action":"*","Resource":"*","Condition":{` + strconv.Quote(c.operator) + `:{"TEST:Key":` + c.operands + `}}`
			if got := decide(t, ctx, statement(`"Effect":"Allow",`+elements)) == policy.Allowed; got != c.want {
				t.Errorf("in an Allow statement: got %v, want %v", got, c.want)
			}
			if got := decide(t, ctx, statement(`"Effect":"Deny",`+elements)) == policy.ExplicitDeny; got != c.want {
				t.Errorf("in a Deny statement: got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSeveralValuesWithoutPrefix(t *testing.T) {
	for _, c := range []struct {
		operator     string
		values       []string
		allow, denys bool
	}{
		{"StringEquals", key("a", "a"), true, true},
		{"StringEquals", key("a", "b"), false, true},
		{"StringEquals", key("b", "c"), false, false},
		{"StringNotEquals", key("a", "b"), false, true},
		{"StringNotEquals", key("b", "c"), true, true},
		{"StringNotEquals", key("a", "a"), false, false},
	} {
		t.Run(c.operator+" "+strings.Join(c.values, ","), func(t *testing.T) {
			ctx := policy.Context{"test:key": c.values}
			elements := `"Action":"*","Resource":"*","Condition":{` + strconv.Quote(c.operator) + `:{"test:key":"a"}}`
			if got := decide(t, ctx, statement(`"Effect":"Allow",`+elements)) == policy.Allowed; got != c.allow {
				t.Errorf("in an Allow statement: got %v, want %v", got, c.allow)
			}
			if got := decide(t, ctx, statement(`"Effect":"Deny",`+elements)) == policy.ExplicitDeny; got != c.denys {
				t.Errorf("in a Deny statement: got %v, want %v", got, c.denys)
			}
		})
	}
}

// TestMultivaluedKeyWithoutPrefix holds that a key that can have several values needs
// ForAllValues or ForAnyValue to grant anything, also with one value.
func TestMultivaluedKeyWithoutPrefix(t *testing.T) {
	for _, c := range []struct {
		operator     string
		values       []string
		allow, denys bool
	}{
		{"StringEquals", key("a"), false, true},
		{"StringEquals", key("a", "b"), false, true},
		{"StringEqualsIfExists", key("a"), false, true},
		{"StringNotEquals", key("b"), false, true},
		{"StringNotEquals", key("a"), false, false},
		{"StringEquals", missing(), false, false},
		{"StringEqualsIfExists", missing(), true, true},
		{"StringNotEquals", missing(), true, true},
		{"ForAllValues:StringEquals", key("a"), true, true},
		{"ForAnyValue:StringEquals", key("a", "b"), true, true},
	} {
		t.Run(c.operator+" "+strings.Join(c.values, ","), func(t *testing.T) {
			ctx := policy.Context{"aws:tagkeys": c.values}
			elements := `"Action":"*","Resource":"*","Condition":{` + strconv.Quote(c.operator) + `:{"aws:TagKeys":"a"}}`
			if got := decide(t, ctx, statement(`"Effect":"Allow",`+elements)) == policy.Allowed; got != c.allow {
				t.Errorf("in an Allow statement: got %v, want %v", got, c.allow)
			}
			if got := decide(t, ctx, statement(`"Effect":"Deny",`+elements)) == policy.ExplicitDeny; got != c.denys {
				t.Errorf("in a Deny statement: got %v, want %v", got, c.denys)
			}
		})
	}
}

func TestAllConditionsMustHold(t *testing.T) {
	doc := statement(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a:b":"1","a:c":"2"},"Bool":{"a:d":true}}`)
	full := policy.Context{"a:b": {"1"}, "a:c": {"2"}, "a:d": {"true"}}
	if got := decide(t, full, doc); got != policy.Allowed {
		t.Errorf("with all of them: %v", got)
	}
	for name := range full {
		ctx := policy.Context{}
		for k, v := range full {
			if k != name {
				ctx[k] = v
			}
		}
		if got := decide(t, ctx, doc); got != policy.ImplicitDeny {
			t.Errorf("without %s: %v", name, got)
		}
	}
}
