package history

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestCheck_slowMode has users of one room send messages, at most one in 3 s.
func TestCheck_slowMode(t *testing.T) {
	type said struct {
		user, node    string
		sent, arrived time.Duration
	}
	sides := []Partition{{From: 10 * second, To: 30 * second, Side: map[string]int{"n1": 0, "n2": 1}}}
	for _, test := range []struct {
		name       string
		said       []said
		o          Options
		partitions []Partition
		wrong      bool
	}{
		{name: "far enough apart", said: []said{{"a", "n1", second, 2 * second}, {"a", "n1", 3 * second, 4 * second}}},
		{name: "too close", said: []said{{"a", "n1", second, 2 * second}, {"a", "n1", 3 * second, 4*second - 1}}, wrong: true},
		{name: "too close on two nodes", said: []said{{"a", "n1", second, 2 * second}, {"a", "n2", 3 * second, 4*second - 1}}, wrong: true},
		{name: "too close, and the first arrives last", said: []said{{"a", "n1", second, 3 * second}, {"a", "n2", 2 * second, 2*second + 1}}, wrong: true},
		{name: "the first may have come last", said: []said{{"a", "n1", second, 5 * second}, {"a", "n2", 2 * second, 3 * second}}},
		{name: "two users", said: []said{{"a", "n1", second, 2 * second}, {"b", "n1", second, 2 * second}}},
		{name: "too close, with another between them", said: []said{
			{"a", "n1", second, 2 * second}, {"a", "n1", 2 * second, 9 * second}, {"a", "n1", 3 * second, 3*second + 1},
		}, wrong: true},
		{
			name: "one more after a loss", o: Options{MayMiss: true},
			said: []said{{"a", "n1", second, 2 * second}, {"a", "n1", 2 * second, 3 * second}, {"b", "n1", second, 2 * second}, {"b", "n1", 2 * second, 3 * second}},
		},
		{
			name: "two more after a loss", o: Options{MayMiss: true}, wrong: true,
			said: []said{{"a", "n1", second, 2 * second}, {"a", "n1", 2 * second, 3 * second}, {"a", "n1", 3 * second, 4 * second}},
		},
		{
			name: "one more than may be", o: Options{FreshTurns: 1}, wrong: true,
			said: []said{{"a", "n1", second, 2 * second}, {"a", "n1", 2 * second, 3 * second}, {"a", "n1", 3 * second, 4 * second}},
		},
		{
			name: "one on each side of a partition", partitions: sides,
			said: []said{{"a", "n1", 15 * second, 16 * second}, {"a", "n2", 15 * second, 16 * second}},
		},
		{
			name: "two more on one side", partitions: sides, wrong: true,
			said: []said{{"a", "n1", 15 * second, 16 * second}, {"a", "n1", 16 * second, 17 * second}, {"a", "n1", 17 * second, 17*second + 1}},
		},
		{
			name: "too close before a partition", partitions: sides, wrong: true,
			said: []said{{"a", "n1", 5 * second, 6 * second}, {"a", "n2", 6 * second, 7 * second}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := History{SlowMode: map[string]time.Duration{"r": 3 * second}, Partitions: test.partitions}
			receivers := map[string]*Connection{"n1": on("c1", 0, StillOpen, ""), "n2": on("c2", 0, StillOpen, "")}
			receivers["n2"].Node = "n2"
			slices.SortFunc(test.said, func(a, b said) int { return int(a.arrived - b.arrived) })
			for i, s := range test.said {
				id := fmt.Sprint("m", i)
				q := acknowledged(id, s.sent, s.arrived)
				q.User, q.Node = s.user, s.node
				h.Requests = append(h.Requests, q)
				for node, c := range receivers {
					if node == s.node || s.sent < 10*second {
						c.Frames = append(c.Frames, frame(id, s.arrived))
					}
				}
			}
			h.Connections = []*Connection{receivers["n1"], receivers["n2"]}
			got := Check(&h, test.o).Violations
			if wrong := slices.ContainsFunc(got, func(v Violation) bool { return v.Rule == SlowMode }); wrong != test.wrong || len(got) > 1 || len(got) == 1 && !wrong {
				t.Errorf("got %v, want a violation: %t", got, test.wrong)
			}
		})
	}
}
