// Package policy reads and evaluates IAM policy documents: identity-based
// policies in the JSON policy language of versions 2012-10-17 and 2008-10-17.
//
// Parse is strict. It refuses what can only be a mistake (an unknown element,
// operator or type, a duplicate member, a resource that is no ARN) and names its
// place, so that a stored policy means what it says.
//
// Evaluate supports Allow and Deny, Action and NotAction, Resource and NotResource,
// wildcards, policy variables and every condition operator of the language. A policy
// variable that has neither one value nor a default matches nothing. So a negation of
// it (NotResource, StringNotEquals, …) holds, in Allow and in Deny statements, as in
// the IAM User Guide ("Policy variables with no value").
//
// Where the guide is ambiguous, this package uses the meaning that grants less. For
// example, take a condition key that can have several values (aws:TagKeys), under an
// operator without ForAllValues or ForAnyValue, which the guide does not allow: in an
// Allow statement the condition does not hold, in a Deny statement it holds if one value
// meets it. The suite e2e/policies compares decisions with another evaluator.
//
// Hostile documents cannot exhaust resources: there are no regular expressions and no
// recursion. The time for a pattern is at most its length times the length of the
// value.
package policy

import "strings"

// Document is a parsed policy. It is immutable and safe for concurrent use.
type Document struct {
	statements []statement
	checks     []check // for Warnings, in the order of the document
}

// Request is one action of a principal on a resource.
type Request struct {
	Action   string // for example ivschat:CreateRoom; its case does not matter
	Resource string // an ARN
	Context  Context
}

// Context holds the values of condition keys by the lower-case name of the key,
// for example "aws:requesttag/team". A key without values is missing.
type Context map[string][]string

// Decision is the outcome of an evaluation.
type Decision int

// The decisions. A request is allowed only if a statement allows it, and an
// applicable Deny statement overrides all others.
const (
	ImplicitDeny Decision = iota
	ExplicitDeny
	Allowed
)

// String returns the decision as the IAM policy simulator spells it.
func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case ExplicitDeny:
		return "explicitDeny"
	default:
		return "implicitDeny"
	}
}

// Evaluate decides on a request under all policies of a principal.
func Evaluate(docs []*Document, r *Request) Decision {
	action := strings.ToLower(r.Action)
	decision := ImplicitDeny
	for _, d := range docs {
		for i := range d.statements {
			s := &d.statements[i]
			if s.effect == allow && decision == Allowed || !s.applies(action, r) {
				continue
			}
			if s.effect == deny {
				return ExplicitDeny
			}
			decision = Allowed
		}
	}
	return decision
}
