package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is what requests can be about.
type Scope struct {
	Actions   []string // for example ivschat:CreateRoom
	Resources []string // ARNs; each AnyLetter stands for a letter or digit
}

// AnyLetter stands for any ASCII letter or digit in the resources of a Scope.
const AnyLetter = "\x00"

// check is something in a document that may have no effect.
type check struct {
	place   string
	written string
	// pattern is compiled: of an action, or of a resource.
	pattern  text
	resource bool
	problem  string // found while parsing; then there is no pattern
}

// Warnings returns what can never match a request in the scope, one line each, with
// its place: a pattern of Action, NotAction, Resource or NotResource that matches none
// of the actions or resources, and a condition that never holds. Such a policy is
// valid, but does not do what its author wanted: most of all, a Deny statement that
// denies nothing.
func (d *Document) Warnings(s Scope) []string {
	var all []string
	for _, c := range d.checks {
		switch {
		case c.problem != "":
			all = append(all, fmt.Sprintf("%s: %s", c.place, c.problem))
		case c.resource && !slices.ContainsFunc(s.Resources, c.pattern.mayMatch):
			all = append(all, fmt.Sprintf("%s: %q matches no resource of this server, which are %s", c.place, c.written, readable(s.Resources)))
		case !c.resource && !slices.ContainsFunc(s.Actions, func(action string) bool { return glob(c.pattern.literal, strings.ToLower(action)) }):
			all = append(all, fmt.Sprintf("%s: %q matches no action of this server", c.place, c.written))
		}
	}
	return all
}

// readable returns ARNs for a person: arn:…:room/<id>.
func readable(arns []string) string {
	var names []string
	for _, arn := range arns {
		if known, _, ok := strings.Cut(arn, AnyLetter); ok {
			names = append(names, known+"<id>")
		}
	}
	return strings.Join(names, " and ")
}

// mayMatch reports whether there are values of the variables with which the pattern
// matches an ARN of a Scope.
func (t *text) mayMatch(arn string) bool {
	pattern := t.literal
	if t.parts != nil {
		var b strings.Builder
		for _, p := range t.parts {
			b.WriteString(p.literal)
			if p.key != "" {
				b.WriteString(anyRun)
			}
		}
		pattern = b.String()
	}
	// row[j] reports whether the pattern so far matches the first j characters.
	row := make([]bool, len(arn)+1)
	row[0] = true
	for i := range len(pattern) {
		next := make([]bool, len(row))
		for j := range next {
			if pattern[i] == anyRun[0] {
				next[j] = row[j] || j > 0 && next[j-1]
			} else if j > 0 {
				next[j] = row[j-1] && mayEqual(pattern[i], arn[j-1])
			}
		}
		row = next
	}
	return row[len(arn)]
}

// mayEqual compares a character of a pattern with one of an ARN of a Scope.
func mayEqual(pattern, c byte) bool {
	if c == AnyLetter[0] {
		return pattern == anyRune[0] || strings.IndexByte(lettersAndDigits, pattern) >= 0
	}
	return pattern == anyRune[0] || pattern == c
}
