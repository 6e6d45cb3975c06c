package control

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"confab/internal/chat"
)

// rule is the API model's rule for a string. Lengths are counted in Unicode code
// points.
type rule struct {
	min, max int
	// pattern must match the whole string; "" allows any.
	pattern string
	regexp  *regexp.Regexp
}

func newRule(minimum, maximum int, pattern string) rule {
	r := rule{min: minimum, max: maximum, pattern: pattern}
	if pattern != "" {
		r.regexp = regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	}
	return r
}

// The rules of the API model.
var (
	nameRule = newRule(0, 128, `[a-zA-Z0-9-_]*`)
	// The API model has a dot for the name of the function. No name contains control
	// characters or line separators, and only SQLite can store NUL.
	handlerURIRule     = newRule(0, 170, `^$|^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[^\p{Cc}\p{Zl}\p{Zp}]+`)
	userIDRule         = newRule(1, 128, "")
	eventNameRule      = newRule(1, 100, "")
	messageIDRule      = newRule(chat.IDLength, chat.IDLength, `[a-zA-Z0-9]+`)
	reasonRule         = newRule(1, 256, "")
	nextTokenRule      = newRule(0, 1024, "")
	bucketNameRule     = newRule(3, 63, `[a-z0-9-.]+`)
	logGroupNameRule   = newRule(1, 512, `[\.\-_/#A-Za-z0-9]+`)
	deliveryStreamRule = newRule(1, 64, `[a-zA-Z0-9_.-]+`)
)

// broken returns how s breaks the rule; "" if it does not.
func (r rule) broken(s string) string {
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case n < r.min || n > r.max:
		if r.min == r.max {
			return fmt.Sprintf("must have exactly %d characters, this has %d", r.min, n)
		}
		return fmt.Sprintf("must have from %d to %d characters, this has %d", r.min, r.max, n)
	case r.regexp != nil && !r.regexp.MatchString(s):
		return "must match " + r.pattern
	}
	return ""
}

// violations collects all errors in the members of a request, so that the caller gets
// them in one answer.
type violations []chat.Field

// add reports one member. A field of a nested structure has its own name, as observed
// in the service's answer about a handler's uri.
func (v *violations) add(member, format string, args ...any) {
	*v = append(*v, chat.Field{Name: member, Message: fmt.Sprintf(format, args...)})
}

// err returns the ValidationException, or nil if there are no violations.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	return chat.InvalidFields(v...)
}

// text checks an optional string and returns it, "" when it is absent.
func (v *violations) text(member string, s *string, r rule) string {
	if s == nil {
		return ""
	}
	if broken := r.broken(*s); broken != "" {
		v.add(member, "%s", broken)
	}
	return *s
}

// required checks a required string.
func (v *violations) required(member string, s *string, r rule) string {
	if s == nil {
		v.add(member, "is required")
	}
	return v.text(member, s, r)
}

// number checks an optional integer from 1 up, as are all in the API model. It
// returns the integer, or absent if there is none.
func (v *violations) number(member string, n *int32, maximum, absent int) int {
	if n == nil {
		return absent
	}
	if *n < 1 || int(*n) > maximum {
		v.add(member, "must be from 1 to %d, this is %d", maximum, *n)
	}
	return int(*n)
}

// arn checks a required ARN of a resource of one type.
func (v *violations) arn(member string, s *string, t chat.ResourceType) chat.ARN {
	if s == nil {
		v.add(member, "is required")
		return chat.ARN{}
	}
	a, err := chat.ParseARN(*s)
	switch {
	case err != nil:
		v.add(member, "must be the ARN of a %s, arn:aws:ivschat:<region>:<account>:%s/<id>: %v", t, t, err)
	case a.Type != t:
		v.add(member, "must be the ARN of a %s, this is one of a %s", t, a.Type)
	}
	return a
}

// attributes checks the size of a map of attributes, in bytes of keys and values.
func (v *violations) attributes(member string, m map[string]string, maximum int) {
	if n := chat.AttributesSize(m); n > maximum {
		v.add(member, "must have at most %d bytes of keys and values in total, these have %d", maximum, n)
	}
	for k, s := range m {
		if !utf8.ValidString(k) || !utf8.ValidString(s) {
			v.add(member, "must be valid UTF-8")
			return
		}
	}
}

// page checks the two members that all List operations share.
func (v *violations) page(maxResults *int32, nextToken *string) (int, string) {
	const most = 50
	return v.number("maxResults", maxResults, most, most), v.text("nextToken", nextToken, nextTokenRule)
}
