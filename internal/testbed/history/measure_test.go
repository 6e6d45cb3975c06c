package history

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMeasure(t *testing.T) {
	refused := acknowledged("c", 3*second, 3*second)
	refused.Outcome, refused.Code = Refused, 429
	unknown := acknowledged("d", 4*second, StillOpen)
	unknown.Outcome = Unknown
	elsewhere := acknowledged("b", 6*second, 9*second)
	elsewhere.Node = "n2"
	lost := on("a", 0, 2*second, "a")
	lost.Ending = EndedDropped
	h := &History{
		Connections: []*Connection{lost, on("a", 5*second, StillOpen, "b"), on("b", 0, StillOpen, "ab")},
		Requests:    []*Request{acknowledged("a", second, 2*second), refused, unknown, elsewhere},
		Writes: []*Write{
			{Register: "r", Value: 1, Sent: second, Answered: 2 * second, Outcome: Acknowledged},
			{Register: "r", Value: 2, Sent: 3 * second, Answered: StillOpen, Outcome: Unknown},
		},
	}
	want := Measures{
		Acknowledged: 2, Unknown: 1, Delivered: 4, Written: 1, Refused: map[int]int{429: 1},
		P50: 3 * second, P99: 3 * second, Slowest: 3 * second, Silence: 5 * second, NodeSilence: 3 * second, Away: 3 * second, Moved: 1,
	}
	if diff := cmp.Diff(want, Measure(h)); diff != "" {
		t.Error(diff)
	}
	if got := Healed(h, second); got != 8*second {
		t.Errorf("healed after %s", got)
	}
	h.Writes = append(h.Writes, &Write{Register: "s", Value: 1, Sent: 10 * second, Answered: StillOpen, Outcome: Unknown})
	if got := Healed(h, second); got != 9*second {
		t.Errorf("healed after %s with a write that failed later", got)
	}
}
