package policies

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// difference is a kind of questions that the evaluators answer differently.
type difference struct {
	name string
	// why argues for the answer of Confab. "Guide" is the IAM User Guide.
	why string
	// is reports whether a reduced question, with one statement, is of this kind.
	is func(q *Question, s *Statement) bool
	// example is a question of this kind: a statement that is about GetRoom for room,
	// and the values of condition keys.
	version string
	example Statement
	context map[string][]string
	// ours and theirs are the answers to it.
	ours, theirs string
}

var differences = []difference{
	{
		name: "resource of fewer than six parts",
		why: `Guide, "Resource": a wildcard may match colons, so arn:aws:ivschat:*:room/* is every room. The other evaluator ` +
			`appends parts until there are six, so that "room/*" becomes the account. It does not apply NotResource to such a pattern, ` +
			`and accepts one without an asterisk, which could match nothing; Confab refuses that.`,
		is:      func(_ *Question, s *Statement) bool { return anyResource(s, isShort) },
		example: Statement{Effect: "Allow", Action: all, Resource: []string{"arn:aws:ivschat:*:room/*"}},
		ours:    allowed, theirs: implicitDeny,
	},
	{
		name: "wildcard before the slash of a resource",
		why: `Guide, "Resource": "*" and "?" are allowed in the resource part, which is one string. The other evaluator takes everything ` +
			`up to the first slash or colon literally, although it matches r* against room/….`,
		is:      func(_ *Question, s *Statement) bool { return anyResource(s, hasWildcardType) },
		example: Statement{Effect: "Deny", Action: all, Resource: []string{"arn:aws:ivschat:us-west-2:123456789012:*/AbCdEfGhIjKl"}},
		ours:    explicitDeny, theirs: implicitDeny,
	},
	{
		name: "case of the region of a resource",
		why:  `ARNs are case-sensitive (Guide, "Condition operators", ARN operators). The other evaluator compares all parts but the last without case.`,
		is: func(_ *Question, s *Statement) bool {
			return anyResource(s, func(r string) bool { return strings.Contains(r, "US-WEST-2") })
		},
		example: Statement{Effect: "Allow", Action: all, Resource: []string{"arn:aws:ivschat:US-WEST-2:123456789012:room/*"}},
		ours:    implicitDeny, theirs: allowed,
	},
	{
		name:    "variables in version 2008-10-17",
		why:     `Guide, "Version": in policies of 2008-10-17 variables are not treated as variables but as text. The other evaluator replaces them.`,
		is:      func(q *Question, s *Statement) bool { return q.Policies[0].Version == "2008-10-17" && usesVariable(s) },
		version: "2008-10-17",
		example: Statement{Effect: "Allow", Action: all, Resource: []string{"arn:aws:ivschat:us-west-2:123456789012:room/${aws:username}"}},
		context: map[string][]string{"aws:username": {"AbCdEfGhIjKl"}},
		ours:    implicitDeny, theirs: allowed,
	},
	{
		name: "variable without a value under a negation",
		why: `Guide, "Policy variables with no value": such a variable matches nothing, and a statement with NotResource or a negated operator applies. ` +
			`For the other evaluator neither the pattern nor its negation applies.`,
		is: func(q *Question, s *Statement) bool {
			return (negated(s) || len(s.NotResource) > 0) && slices.ContainsFunc(texts(s), func(text string) bool { return isUndefined(q, text) })
		},
		example: Statement{Effect: "Deny", Action: all, Resource: all, Condition: condition("StringNotEquals", "aws:userid", "${aws:none}")},
		context: map[string][]string{"aws:userid": {"x"}},
		ours:    explicitDeny, theirs: implicitDeny,
	},
	{
		name: "variable with an empty value or default",
		why:  `An empty string is a value, as for StringEquals. The other evaluator takes it for a variable without a value.`,
		is: func(q *Question, s *Statement) bool {
			return slices.ContainsFunc(texts(s), func(text string) bool { return isEmpty(q, text) })
		},
		example: Statement{Effect: "Allow", Action: all, Resource: all, Condition: condition("StringEquals", "aws:userid", "x${aws:none, ''}")},
		context: map[string][]string{"aws:userid": {"x"}},
		ours:    allowed, theirs: implicitDeny,
	},
	{
		name: "key of several values without ForAllValues or ForAnyValue",
		why: `Guide, "Single-valued vs. multivalued context keys": such keys require a set operator. In an Allow statement the condition does not hold for either evaluator. ` +
			`In a Deny statement Confab takes the meaning that denies more: it holds if one value meets it.`,
		is: func(_ *Question, s *Statement) bool {
			operator, key, _ := only(s)
			return s.Effect == "Deny" && isMultivalued(key) && !strings.HasPrefix(operator, "For")
		},
		example: Statement{Effect: "Deny", Action: all, Resource: all, Condition: condition("StringEquals", "aws:TagKeys", "team")},
		context: map[string][]string{"aws:TagKeys": {"team"}},
		ours:    explicitDeny, theirs: implicitDeny,
	},
	{
		name: "value of another type than the operator",
		why: `Guide, "Condition operators": a value that is not of the type does not match, and negated operators are the negation of the others. ` +
			`For the other evaluator neither holds, and "-3" and "::1" are dates. No key that Confab sets has a value of another type than its own.`,
		is: func(q *Question, s *Statement) bool {
			operator, key, _ := only(s)
			return slices.ContainsFunc(valuesOf(q, key), func(v string) bool { return !fits(operator, v) })
		},
		example: Statement{Effect: "Allow", Action: all, Resource: all, Condition: condition("DateNotEquals", "aws:CurrentTime", "2026-01-31")},
		context: map[string][]string{"aws:CurrentTime": {"today"}},
		ours:    allowed, theirs: implicitDeny,
	},
	{
		name: "address of the other family under NotIpAddress",
		why:  `Guide, "Condition operators": NotIpAddress holds for all addresses except those named. The other evaluator does so for ranges, but not for single addresses.`,
		is: func(q *Question, s *Statement) bool {
			operator, key, operand := only(s)
			return strings.Contains(operator, "NotIpAddress") && !strings.Contains(operand, "/") &&
				slices.ContainsFunc(valuesOf(q, key), func(v string) bool { return strings.Contains(v, ":") != strings.Contains(operand, ":") })
		},
		example: Statement{Effect: "Deny", Action: all, Resource: all, Condition: condition("NotIpAddress", "aws:SourceIp", "203.0.113.9")},
		context: map[string][]string{"aws:SourceIp": {"2001:db8::1"}},
		ours:    explicitDeny, theirs: implicitDeny,
	},
	{
		name: "range of all IPv4 addresses",
		why:  `0.0.0.0/0 contains every IPv4 address. The other evaluator shifts a 32-bit number by 32 bits, which in JavaScript changes nothing.`,
		is: func(_ *Question, s *Statement) bool {
			_, _, operand := only(s)
			return operand == "0.0.0.0/0"
		},
		example: Statement{Effect: "Deny", Action: all, Resource: all, Condition: condition("IpAddress", "aws:SourceIp", "0.0.0.0/0")},
		context: map[string][]string{"aws:SourceIp": {"203.0.113.9"}},
		ours:    explicitDeny, theirs: implicitDeny,
	},
	{
		name: "escaped wildcard under an operator without wildcards",
		why: `Guide, "Special characters": ${*}, ${?} and ${$} may be used wherever variables may, so in StringEquals they are these characters. ` +
			`For the other evaluator they are so in patterns only.`,
		is: func(_ *Question, s *Statement) bool {
			operator, _, operand := only(s)
			return strings.Contains(operator, "Equals") && regexp.MustCompile(`\$\{[*?$]\}`).MatchString(operand)
		},
		example: Statement{Effect: "Allow", Action: all, Resource: all, Condition: condition("StringEquals", "aws:userid", "a${*}b")},
		context: map[string][]string{"aws:userid": {"a*b"}},
		ours:    allowed, theirs: implicitDeny,
	},
	{
		name: "default of a key of several values",
		why: `Guide, "Single-valued vs. multivalued context keys": a multivalued key cannot be a variable, so ${aws:TagKeys, 'red'} is none, and a default does not make it one. ` +
			`The other evaluator takes the default when the request lacks the key.`,
		is: func(_ *Question, s *Statement) bool {
			return slices.ContainsFunc(texts(s), func(text string) bool {
				return slices.ContainsFunc(variable.FindAllStringSubmatch(text, -1), func(v []string) bool { return isMultivalued(v[1]) && v[2] != "" })
			})
		},
		example: Statement{Effect: "Allow", Action: all, Resource: all, Condition: condition("StringEquals", "aws:userid", "${aws:TagKeys, 'red'}")},
		context: map[string][]string{"aws:userid": {"red"}},
		ours:    implicitDeny, theirs: allowed,
	},
	{
		name: "digits as a date",
		why: `Four digits are a year (W3C's note "Date and Time Formats", which the Guide names), and more are seconds since 1970 (Guide, "Condition operators"). ` +
			`For the other evaluator all digits are milliseconds.`,
		is: func(_ *Question, s *Statement) bool {
			operator, _, operand := only(s)
			_, err := strconv.Atoi(operand)
			return strings.Contains(operator, "Date") && err == nil
		},
		example: Statement{Effect: "Allow", Action: all, Resource: all, Condition: condition("DateGreaterThan", "aws:CurrentTime", "2099")},
		context: map[string][]string{"aws:CurrentTime": {"2026-01-31T00:00:00Z"}},
		ours:    implicitDeny, theirs: allowed,
	},
	{
		name: "day that does not exist",
		why:  `February 30 is a mistake in the policy, which Confab refuses to store. For the other evaluator it is March 2.`,
		is: func(_ *Question, s *Statement) bool {
			operator, _, operand := only(s)
			_, err := time.Parse(time.DateOnly, operand)
			return strings.Contains(operator, "Date") && len(operand) == len(time.DateOnly) && err != nil
		},
		example: Statement{Effect: "Allow", Action: all, Resource: all, Condition: condition("DateLessThan", "aws:CurrentTime", "2026-02-30")},
		context: map[string][]string{"aws:CurrentTime": {"2026-01-31T00:00:00Z"}},
		ours:    refused, theirs: allowed,
	},
}

// TestKnownDifferences holds that each difference is still one, and that its
// description recognizes it.
func TestKnownDifferences(t *testing.T) {
	o := startOracle(t)
	for _, d := range differences {
		t.Run(d.name, func(t *testing.T) {
			version := d.version
			if version == "" {
				version = "2012-10-17"
			}
			q := &Question{
				Policies: []Policy{{Version: version, Statement: []Statement{d.example}}},
				Action:   "ivschat:GetRoom", Resource: room, Context: d.context,
			}
			if q.Context == nil {
				q.Context = make(map[string][]string)
			}
			if ours, theirs := both(t, o, q); ours != d.ours || theirs != d.theirs {
				t.Errorf("Confab: %s, want %s; the other evaluator: %s, want %s", ours, d.ours, theirs, d.theirs)
			}
			if found := find(q); found == nil || found.name != d.name {
				t.Errorf("it is recognized as %v", found)
			}
		})
	}
}

// find returns the known difference that a reduced question shows, or nil.
func find(q *Question) *difference {
	if len(q.Policies) != 1 || len(q.Policies[0].Statement) != 1 {
		return nil
	}
	for i := range differences {
		if differences[i].is(q, &q.Policies[0].Statement[0]) {
			return &differences[i]
		}
	}
	return nil
}

const (
	allowed      = "allowed"
	implicitDeny = "implicitDeny"
	explicitDeny = "explicitDeny"
)

var all = []string{"*"}

func condition(operator, key, operand string) map[string]map[string][]string {
	return map[string]map[string][]string{operator: {key: {operand}}}
}

// only returns the operator, the key and the operand of a reduced condition. They are
// empty if there is none, or more than one.
func only(s *Statement) (operator, key, operand string) {
	for operator, keys := range s.Condition {
		for key, operands := range keys {
			if len(s.Condition) == 1 && len(operands) == 1 {
				return operator, key, operands[0]
			}
		}
	}
	return "", "", ""
}

// texts returns what may contain variables.
func texts(s *Statement) []string {
	all := slices.Concat(s.Resource, s.NotResource)
	for _, keys := range s.Condition {
		all = slices.Concat(all, slices.Concat(slices.Collect(maps.Values(keys))...))
	}
	return all
}

func anyResource(s *Statement, is func(string) bool) bool {
	return slices.ContainsFunc(slices.Concat(s.Resource, s.NotResource), is)
}

func isShort(resource string) bool { return resource != "*" && strings.Count(resource, ":") < 5 }

func hasWildcardType(resource string) bool {
	parts := strings.SplitN(resource, ":", 6)
	kind, _, slash := strings.Cut(parts[len(parts)-1], "/")
	return slash && strings.ContainsAny(kind, "*?")
}

func negated(s *Statement) bool {
	operator, _, _ := only(s)
	return strings.Contains(operator, "Not")
}

var variable = regexp.MustCompile(`\$\{([^},]{2,})(?:, '(.*?)')?\}`)

func usesVariable(s *Statement) bool {
	return slices.ContainsFunc(texts(s), func(text string) bool { return strings.Contains(text, "${") })
}

// isUndefined reports whether the text has a variable without a value.
func isUndefined(q *Question, text string) bool {
	for _, v := range variable.FindAllStringSubmatch(text, -1) {
		if isMultivalued(v[1]) || len(valuesOf(q, v[1])) == 0 && !strings.Contains(v[0], ",") {
			return true
		}
	}
	return false
}

// isEmpty reports whether the text has a variable with an empty value or default.
func isEmpty(q *Question, text string) bool {
	for _, v := range variable.FindAllStringSubmatch(text, -1) {
		values := valuesOf(q, v[1])
		if slices.Equal(values, []string{""}) || len(values) == 0 && strings.HasSuffix(v[0], ", ''}") {
			return true
		}
	}
	return false
}

func isMultivalued(key string) bool {
	return strings.EqualFold(key, "aws:TagKeys") || strings.EqualFold(key, "aws:CalledVia")
}

func valuesOf(q *Question, key string) []string {
	for k, values := range q.Context {
		if strings.EqualFold(k, key) {
			return values
		}
	}
	return nil
}

// types recognize the values of types by a part of the operator's name.
var types = map[string]*regexp.Regexp{
	"Numeric": regexp.MustCompile(`^-?[0-9.]+$`),
	"Date":    regexp.MustCompile(`^[0-9]{4}-`),
	"Ip":      regexp.MustCompile(`^([0-9]+\.){3}[0-9]+$|^[0-9a-f]*:[0-9a-f:]+$`),
	"Arn":     regexp.MustCompile(`^arn:.*:.*:.*:.*:`),
}

// fits reports whether a value has the type of the operator.
func fits(operator, value string) bool {
	for name, values := range types {
		if strings.Contains(operator, name) {
			return values.MatchString(value)
		}
	}
	return true
}

// String shows the difference in failures.
func (d *difference) String() string { return fmt.Sprintf("%s: %s", d.name, d.why) }
