package history

import (
	"maps"
	"testing"
)

// TestCheck_kept: the room got a, b, c and d. b was deleted, e was refused, and f had no answer.
func TestCheck_kept(t *testing.T) {
	for _, test := range []struct {
		name, kept string
		may        bool // the database was away
		broken     bool
	}{
		{"all but the deleted one", "acd", false, false},
		{"one whose sender got no answer", "acdf", false, false},
		{"the deleted one", "abcd", false, true},
		{"one missing", "ad", false, true},
		{"one missing while the database was away", "ad", true, false},
		{"one that was refused", "acde", false, true},
		{"two swapped", "adc", false, true},
		{"one twice", "acdd", false, true},
		{"none", "", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &History{Connections: []*Connection{on("witness", 0, StillOpen, "abcd")}, Kept: map[string][]Frame{"r": {}}}
			for _, f := range h.Connections[0].Frames {
				h.Requests = append(h.Requests, acknowledged(f.ID, f.At-second/2, f.At))
			}
			h.Connections[0].Frames = append(h.Connections[0].Frames, Frame{ID: "x", RequestID: "qx", Event: "aws:DELETE_MESSAGE", At: 9 * second})
			h.Requests = append(h.Requests,
				&Request{ID: "qx", Room: "r", Action: DeleteMessage, Target: "b", Sent: 8 * second, Answered: 9 * second, Outcome: Acknowledged, FrameID: "x"},
				&Request{ID: "qe", Room: "r", Action: SendMessage, Content: "e", Outcome: Refused, Code: 429},
				&Request{ID: "qf", Room: "r", Action: SendMessage, Content: "f", Outcome: Unknown})
			for _, l := range test.kept {
				h.Kept["r"] = append(h.Kept["r"], Frame{ID: string(l), Content: string(l)})
			}
			got := map[Rule]bool{}
			for _, v := range Check(h, Options{MayLackHistory: test.may}).Violations {
				got[v.Rule] = true
			}
			want := map[Rule]bool{}
			if test.broken {
				want[HistoryKept] = true
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
