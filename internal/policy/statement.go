package policy

import "slices"

type effect bool

const (
	allow effect = true
	deny  effect = false
)

// verdict is whether a pattern or an operand matches a value.
type verdict int

const (
	differs verdict = iota
	matches
	// unresolved is a pattern with a variable that has no value.
	unresolved
)

func verdictOf(ok bool) verdict {
	if ok {
		return matches
	}
	return differs
}

// statement is one Statement of a document.
type statement struct {
	effect      effect
	actions     []string // glob patterns, lower-case
	notAction   bool     // they are those of NotAction
	resources   []arnPattern
	notResource bool
	conditions  []condition
}

// applies says whether the statement is about the request. All its elements
// must say so.
func (s *statement) applies(action string, r *Request) bool {
	if slices.ContainsFunc(s.actions, func(p string) bool { return glob(p, action) }) == s.notAction {
		return false
	}
	named := slices.ContainsFunc(s.resources, func(p arnPattern) bool {
		return s.effect.settle(p.match(r.Resource, r.Context), s.notResource)
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

// settle turns a verdict into yes or no. What cannot be resolved matches
// nothing, except where a match keeps an Allow statement from applying.
func (e effect) settle(v verdict, negated bool) bool {
	return v == matches || v == unresolved && e == allow && negated
}
