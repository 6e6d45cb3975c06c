package policies

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// TestMain draws the same questions in each run, so that a red run says something about a
// change. Other questions are drawn with -rapid.seed.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
	flag.Parse() // The command line decides.
	os.Exit(m.Run())
}

// asked is the number of questions in a round.
const asked = 20

// TestRandomPolicies compares the two evaluators.
func TestRandomPolicies(t *testing.T) {
	o := startOracle(t)
	questions, known := 0, make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		for range asked {
			q := drawQuestion(t)
			questions++
			if ours, theirs := both(t, o, q); ours == theirs {
				continue
			}
			q = reduce(q, func(q *Question) bool { ours, theirs := both(t, o, q); return ours != theirs })
			ours, theirs := both(t, o, q)
			d := find(q)
			if d == nil {
				text, _ := json.MarshalIndent(q, "", "  ") //nolint:errchkjson // It was marshaled before.
				t.Fatalf("Confab: %s, the other evaluator: %s\n%s", ours, theirs, text)
			}
			known[d.name]++
		}
	})
	t.Logf("%d questions; known differences: %v", questions, known)
}

func both(t rapid.TB, o *oracle, q *Question) (ours, theirs string) {
	t.Helper()
	ours, err := decide(q)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = o.decide(q); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
