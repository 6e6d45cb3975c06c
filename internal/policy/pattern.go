package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The wildcards in a compiled pattern. They are bytes that UTF-8 text cannot contain,
// so that an escaped asterisk, ${*}, stays literal.
const (
	anyRun  = "\xff" // * of the policy language: any number of characters, including none
	anyRune = "\xfe" // ?: exactly one character
)

// text is a string of a policy: literal text, wildcards if it is a pattern, and
// policy variables.
type text struct {
	// literal is the whole text if there are no variables.
	literal string
	parts   []part
}

// part is a literal followed by a variable. The last part of a text may have no
// variable: then its key is empty.
type part struct {
	literal  string
	key      string // of the condition key, lower-case
	fallback string // the default value
	hasOne   bool   // there is a default value
}

// dialect is the syntax that a string of a policy may use besides literal text.
type dialect struct {
	wildcards bool // * and ?
	variables bool // ${…}; only in version 2012-10-17
}

// parseText compiles a string. Variables are ${key}, ${key, 'default'}, and
// ${*}, ${?}, ${$} for the characters themselves.
func parseText(s string, d dialect) (text, error) {
	var t text
	var b strings.Builder
	for s != "" {
		switch {
		case d.variables && strings.HasPrefix(s, "${"):
			inside, rest, ok := strings.Cut(s[2:], "}")
			if !ok {
				return text{}, errors.New("a policy variable lacks its closing brace; write ${$} for a plain dollar sign")
			}
			s = rest
			if inside == "*" || inside == "?" || inside == "$" {
				b.WriteString(inside)
				continue
			}
			p, err := parseVariable(inside)
			if err != nil {
				return text{}, err
			}
			p.literal = b.String()
			b.Reset()
			t.parts = append(t.parts, p)
			continue
		case d.wildcards && s[0] == '*':
			b.WriteString(anyRun)
		case d.wildcards && s[0] == '?':
			b.WriteString(anyRune)
		default:
			b.WriteByte(s[0])
		}
		s = s[1:]
	}
	if len(t.parts) == 0 {
		return text{literal: b.String()}, nil
	}
	if b.Len() > 0 {
		t.parts = append(t.parts, part{literal: b.String()})
	}
	return t, nil
}

func parseVariable(s string) (part, error) {
	key, fallback, hasOne := strings.Cut(s, ",")
	if err := checkKey(key); err != nil {
		return part{}, fmt.Errorf("${%s} is not a policy variable: %w", s, err)
	}
	if hasOne {
		fallback = strings.TrimSpace(fallback)
		if len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
			return part{}, fmt.Errorf("${%s} has a malformed default value; write ${%s, 'default'}", s, key)
		}
		fallback = fallback[1 : len(fallback)-1]
	}
	return part{key: strings.ToLower(key), fallback: fallback, hasOne: hasOne}, nil
}

// checkKey checks the form of a condition key: <service>:<name>, in the characters of
// condition keys and tag keys.
func checkKey(key string) error {
	service, name, ok := strings.Cut(key, ":")
	if !ok || name == "" || !only(service, lettersAndDigits+"-") || len(key) > 256 ||
		strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c == '{' || c == '}' }) {
		return errors.New("a condition key has the form <service>:<name>, such as aws:username, and at most 256 characters")
	}
	return nil
}

const lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// only reports whether s is not empty and contains only characters of alphabet.
func only(s, alphabet string) bool { return s != "" && strings.Trim(s, alphabet) == "" }

// multivalued are the condition keys that can have several values ("AWS global
// condition context keys" in the IAM User Guide), whatever the number of their values
// in a request. They cannot be policy variables, so these are undefined, and they need
// ForAllValues or ForAnyValue, so in an Allow statement a condition without either does
// not hold ("Single-valued vs. multivalued context keys").
var multivalued = map[string]bool{
	"aws:calledvia":                 true,
	"aws:principalorgpaths":         true,
	"aws:principalservicenameslist": true,
	"aws:resourceorgpaths":          true,
	"aws:sourceorgpaths":            true,
	"aws:sourcevpceorgpaths":        true,
	"aws:tagkeys":                   true,
	"aws:vpceorgpaths":              true,
}

// expand replaces variables by their values, which are always literal text. It
// reports false if a variable has no value.
func (t *text) expand(ctx Context) (string, bool) {
	if t.parts == nil {
		return t.literal, true
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.key == "" {
			continue
		}
		switch values := ctx[p.key]; {
		case multivalued[p.key]:
			return "", false
		case len(values) == 1:
			b.WriteString(strings.ToValidUTF8(values[0], "\uFFFD"))
		case len(values) == 0 && p.hasOne:
			b.WriteString(p.fallback)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// glob reports whether a compiled pattern matches all of s. Between two asterisks the
// leftmost match is always sufficient, so there is no backtracking. The time is
// linear unless question marks are between asterisks; then it is bounded by the
// product of the lengths.
func glob(pattern, s string) bool {
	chunk, rest, star := strings.Cut(pattern, anyRun)
	n, ok := prefix(chunk, s)
	if !ok {
		return false
	}
	s = s[n:]
	if !star {
		return s == ""
	}
	for {
		chunk, rest, star = strings.Cut(rest, anyRun)
		if !star {
			return suffix(chunk, s)
		}
		if n = after(chunk, s); n < 0 {
			return false
		}
		s = s[n:]
	}
}

// prefix reports whether s begins with chunk, a pattern without asterisks, and
// returns the length of the match in bytes.
func prefix(chunk, s string) (int, bool) {
	n := 0
	for i := range len(chunk) {
		switch {
		case n == len(s):
			return 0, false
		case chunk[i] == anyRune[0]:
			_, size := utf8.DecodeRuneInString(s[n:])
			n += size
		case chunk[i] == s[n]:
			n++
		default:
			return 0, false
		}
	}
	return n, true
}

// suffix reports whether s ends with chunk.
func suffix(chunk, s string) bool {
	from := len(s)
	for range utf8.RuneCountInString(chunk) {
		_, size := utf8.DecodeLastRuneInString(s[:from])
		from -= size
	}
	n, ok := prefix(chunk, s[from:])
	return ok && from+n == len(s)
}

// after returns the end of the first match of chunk in s, or -1.
func after(chunk, s string) int {
	if !strings.Contains(chunk, anyRune) {
		if i := strings.Index(s, chunk); i >= 0 {
			return i + len(chunk)
		}
		return -1
	}
	for i := 0; i < len(s); {
		if n, ok := prefix(chunk, s[i:]); ok {
			return i + n
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return -1
}
