// Package policies compares the evaluator of IAM policies, internal/policy, with an
// independent one on random policies and requests.
//
// The other evaluator is the npm package @cloud-copilot/iam-simulate. It is AGPL-3.0,
// so it is a tool of this test and nothing else: the lock file in node installs it, it
// runs in a process of its own (node/oracle.mjs), and nothing of it is linked into
// Confab or shipped with it. "make setup" installs it.
//
// Each disagreement is reduced to the smallest question that still has two answers.
// Then either it is in the table of known differences (differences_test.go), with the
// reason why the answer of Confab is right, or the test fails.
//
// -rapid.checks sets the number of rounds; each has 20 questions.
package policies

// Statement is a statement of a policy.
type Statement struct {
	Effect      string
	Action      []string `json:",omitempty"`
	NotAction   []string `json:",omitempty"`
	Resource    []string `json:",omitempty"`
	NotResource []string `json:",omitempty"`
	// Condition has the operands by operator and key.
	Condition map[string]map[string][]string `json:",omitempty"`
}

// Policy is an identity-based policy.
type Policy struct {
	Version   string
	Statement []Statement
}

// Question asks whether the policies of a user allow an action.
type Question struct {
	Policies []Policy            `json:"policies"`
	Action   string              `json:"action"`
	Resource string              `json:"resource"`
	Context  map[string][]string `json:"context"`
}
