package history

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCheck_writes draws writes and what a database could hold after them, then
// what it could not.
func TestCheck_writes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &History{Stored: map[string]int{}}
		last := map[string]int{}
		for i := range rapid.IntRange(1, 5).Draw(t, "registers") {
			name := fmt.Sprint("register ", i)
			n := rapid.IntRange(1, 6).Draw(t, "writes")
			for value := 1; value <= n; value++ {
				w := &Write{Register: name, Value: value, Outcome: Acknowledged}
				if value == n && value > 1 {
					w.Outcome = rapid.SampledFrom([]Outcome{Acknowledged, Unknown, Refused}).Draw(t, "outcome")
				}
				h.Writes = append(h.Writes, w)
				if w.Outcome == Acknowledged {
					last[name] = value
				}
				if w.Outcome == Acknowledged || w.Outcome == Unknown && rapid.Bool().Draw(t, "took effect") {
					h.Stored[name] = value
				}
			}
		}
		if got := Check(h, Options{}).Violations; len(got) > 0 {
			t.Fatal(got)
		}
		lost := rapid.SampledFrom(slices.Sorted(maps.Keys(last))).Draw(t, "lost")
		if rapid.Bool().Draw(t, "gone") {
			delete(h.Stored, lost)
		} else {
			h.Stored[lost] = last[lost] - 1
		}
		got := Check(h, Options{}).Violations
		if len(got) != 1 || got[0].Rule != Durable {
			t.Fatalf("got %v, want %s", got, Durable)
		}
	})
}
