package policy

import "slices"

type effect bool

const (
	allow effect = true
	deny  effect = false
)

// statement is one Statement of a document.
type statement struct {
	effect      effect
	actions     []string // glob patterns, lower-case
	notAction   bool     // the actions are those of NotAction
	resources   []text   // glob patterns
	notResource bool
	conditions  []condition
}

// applies reports whether all elements of the statement match the request.
func (s *statement) applies(action string, r *Request) bool {
	if slices.ContainsFunc(s.actions, func(p string) bool { return glob(p, action) }) == s.notAction {
		return false
	}
	named := slices.ContainsFunc(s.resources, func(t text) bool {
		pattern, ok := t.expand(r.Context)
		return ok && glob(pattern, r.Resource)
	})
	if named == s.notResource {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r.Context, s.effect) {
			return false
		}
	}
	return true
}
