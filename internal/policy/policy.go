// Package policy reads and evaluates IAM policy documents: identity-based
// policies in the JSON policy language of versions 2012-10-17 and 2008-10-17.
//
// Parse is strict. It refuses what could only be a mistake (an unknown element,
// operator or type, a member that is there twice, a resource that is no ARN) and
// names the place, so that a policy that was stored does what it says.
//
// Evaluate knows Allow and Deny, Action and NotAction, Resource and
// NotResource, wildcards, policy variables and every condition operator of the
// language. A policy variable that has neither one value nor a default matches
// nothing, so a negation of it (NotResource, StringNotEquals, …) holds, in Allow
// and in Deny statements, as the IAM User Guide says ("Policy variables with no
// value").
//
// Where the guide leaves a case open, this package takes the reading that grants
// less: a condition key with several values, under an operator without
// ForAllValues or ForAnyValue, must meet the condition with every value in an
// Allow statement and with one of them in a Deny statement.
//
// Nothing here blows up on hostile documents: there are no regular expressions,
// no recursion, and the time that a pattern takes is bounded by its length
// times the length of the value, or less.
package policy

import "strings"

// Document is a parsed policy. It is immutable and safe for concurrent use.
type Document struct {
	statements []statement
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

// The decisions. Nothing is allowed that no statement allows, and a Deny
// statement that applies outweighs all others.
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

// Evaluate decides on a request under all policies of a principal together.
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
