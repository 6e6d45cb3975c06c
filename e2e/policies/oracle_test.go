package policies

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"confab/internal/policy"
)

// refused is the answer to a question with a policy that is not valid. The others are
// those of policy.Decision.
const refused = "refused"

// oracle is the process of the other evaluator.
type oracle struct {
	questions *json.Encoder
	answers   *bufio.Scanner
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	if _, err := os.Stat(filepath.Join("node", "node_modules", ".package-lock.json")); err != nil {
		t.Fatal(`node has no node_modules: run "make setup", or "npm ci" there`)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("node", "oracle.mjs"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, out) //nolint:errcheck // It ends when its input does.
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return &oracle{json.NewEncoder(in), bufio.NewScanner(out)}
}

// decide returns the answer of the other evaluator.
func (o *oracle) decide(q *Question) (string, error) {
	if err := o.questions.Encode(q); err != nil {
		return "", err
	}
	if !o.answers.Scan() {
		return "", fmt.Errorf("the oracle ended: %w", o.answers.Err())
	}
	var answer struct{ Decision, Detail string }
	if err := json.Unmarshal(o.answers.Bytes(), &answer); err != nil {
		return "", err
	}
	if answer.Decision == "error" || answer.Decision == "" {
		return "", fmt.Errorf("the oracle cannot answer: %s", answer.Detail)
	}
	return answer.Decision, nil
}

// decide returns the answer of Confab.
func decide(q *Question) (string, error) {
	r := policy.Request{Action: q.Action, Resource: q.Resource, Context: policy.Context{}}
	for key, values := range q.Context {
		r.Context[strings.ToLower(key)] = values
	}
	var docs []*policy.Document
	for _, p := range q.Policies {
		text, err := json.Marshal(p)
		if err != nil {
			return "", err
		}
		doc, err := policy.Parse(text)
		if err != nil {
			return refused, nil //nolint:nilerr // To refuse it is the answer.
		}
		docs = append(docs, doc)
	}
	return policy.Evaluate(docs, &r).String(), nil
}
