package api

import (
	"fmt"
	"regexp"
	"sync"
	"unicode/utf8"

	"confab/internal/chat"
)

// Rule is the API model's rule for a string. Lengths are counted in Unicode code
// points.
type Rule struct {
	min, max int
	// pattern must match the whole string; "" allows any.
	pattern string
	// regexp compiles pattern at its first use: commands that serve no operation start without.
	regexp func() *regexp.Regexp
}

// NewRule makes the rule that a string has from minimum to maximum characters and, as a
// whole, matches pattern; "" matches any.
func NewRule(minimum, maximum int, pattern string) Rule {
	r := Rule{min: minimum, max: maximum, pattern: pattern}
	if pattern != "" {
		r.regexp = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\A(?:` + pattern + `)\z`) })
	}
	return r
}

// NextTokenRule is the rule of nextToken.
var NextTokenRule = NewRule(0, 1024, "")

// Broken returns how s breaks the rule; "" if it does not.
func (r Rule) Broken(s string) string {
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case n < r.min || n > r.max:
		if r.min == r.max {
			return fmt.Sprintf("must have exactly %d characters, this has %d", r.min, n)
		}
		return fmt.Sprintf("must have from %d to %d characters, this has %d", r.min, r.max, n)
	case r.regexp != nil && !r.regexp().MatchString(s):
		return "must match " + r.pattern
	}
	return ""
}

// Violations collects all errors in the members of a request, so that the caller gets
// them in one answer.
type Violations []chat.Field

// Add reports one member. A field of a nested structure has its own name, as observed
// in the service's answer about a handler's uri.
func (v *Violations) Add(member, format string, args ...any) {
	*v = append(*v, chat.Field{Name: member, Message: fmt.Sprintf(format, args...)})
}

// Err returns the ValidationException, or nil if there are no Violations.
func (v Violations) Err() error {
	if len(v) == 0 {
		return nil
	}
	return chat.InvalidFields(v...)
}

// Text checks an optional string and returns it, "" when it is absent.
func (v *Violations) Text(member string, s *string, r Rule) string {
	if s == nil {
		return ""
	}
	if broken := r.Broken(*s); broken != "" {
		v.Add(member, "%s", broken)
	}
	return *s
}

// Required checks a required string.
func (v *Violations) Required(member string, s *string, r Rule) string {
	if s == nil {
		v.Add(member, "is required")
	}
	return v.Text(member, s, r)
}

// Number checks an optional integer from 1 to the maximum; no integer of the API model may
// be lower. It returns absent if there is none.
func (v *Violations) Number(member string, n *int32, maximum, absent int) int {
	if n == nil {
		return absent
	}
	if *n < 1 || int(*n) > maximum {
		v.Add(member, "must be from 1 to %d, this is %d", maximum, *n)
	}
	return int(*n)
}

// ARN checks a required ARN of a resource of one type.
func (v *Violations) ARN(member string, s *string, t chat.ResourceType) chat.ARN {
	if s == nil {
		v.Add(member, "is required")
		return chat.ARN{}
	}
	a, err := chat.ParseARN(*s)
	switch {
	case err != nil:
		v.Add(member, "must be the ARN of a %s, arn:aws:ivschat:<region>:<account>:%s/<id>: %v", t, t, err)
	case a.Type != t:
		v.Add(member, "must be the ARN of a %s, this is one of a %s", t, a.Type)
	}
	return a
}

// Attributes checks the size of a map of attributes, in bytes of keys and values.
func (v *Violations) Attributes(member string, m map[string]string, maximum int) {
	if n := chat.AttributesSize(m); n > maximum {
		v.Add(member, "must have at most %d bytes of keys and values in total, these have %d", maximum, n)
	}
	for k, s := range m {
		if !utf8.ValidString(k) || !utf8.ValidString(s) {
			v.Add(member, "must be valid UTF-8")
			return
		}
	}
}

// Page checks the two members that all List operations share.
func (v *Violations) Page(maxResults *int32, nextToken *string) (int, string) {
	const most = 50
	return v.Number("maxResults", maxResults, most, most), v.Text("nextToken", nextToken, NextTokenRule)
}
