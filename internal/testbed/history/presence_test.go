package history

import (
	"slices"
	"testing"
	"time"
)

// TestCheck_presence has ann stay in a room, bob leave at 20 s, and eve come at 30 s.
func TestCheck_presence(t *testing.T) {
	viewers := func(at time.Duration, users int) Viewers { return Viewers{Users: users, At: at} }
	split := []Partition{{From: 10 * second, To: 14 * second, Side: map[string]int{"n": 0, "m": 1}}}
	right := []Present{{Room: "r", Node: "n", Users: []string{"ann", "eve"}, Connections: 2}}
	ghost := []Present{{Room: "r", Node: "m", Users: []string{"ann", "bob", "eve"}, Connections: 3}}
	double := []Present{{Room: "r", Node: "m", Users: []string{"ann", "eve"}, Connections: 3}}
	for _, test := range []struct {
		name       string
		ann        []Viewers
		eve        []Viewers
		present    []Present
		partitions []Partition
		options    Options
		off        bool
		want       bool
	}{
		{"right", []Viewers{viewers(second, 1), viewers(22*second, 1), viewers(32*second, 2)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, false, false},
		{"a ghost in the end", []Viewers{viewers(32*second, 3)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, false, true},
		{"a ghost for too long", []Viewers{viewers(33*second, 3), viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, false, true},
		{"a ghost for a moment", []Viewers{viewers(31*second, 3), viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, false, false},
		{"a ghost where it may be", []Viewers{viewers(33*second, 3), viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{MayCountWrong: true}, false, false},
		{"a ghost in a room without presence", []Viewers{viewers(33*second, 3)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, true, false},
		{"one missing", []Viewers{viewers(12*second, 1), viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, false, true},
		{"one missing that came a moment before", []Viewers{viewers(32*second, 1), viewers(37*second, 2)}, []Viewers{viewers(30*second, 2)}, right, nil, Options{}, false, false},
		{"one missing in a partition", []Viewers{viewers(12*second, 1), viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, right, split, Options{}, false, false},
		{"never told", []Viewers{viewers(34*second, 2)}, nil, right, nil, Options{}, false, true},
		{"a node that knows a ghost", []Viewers{viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, ghost, nil, Options{}, false, true},
		{"a node that counts a connection too many", []Viewers{viewers(34*second, 2)}, []Viewers{viewers(30*second, 2)}, double, nil, Options{}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ann, bob, eve := on("ann", 0, StillOpen, ""), on("bob", 0, 20*second, ""), on("eve", 30*second, StillOpen, "")
			ann.User, ann.Node, ann.Viewers = "ann", "n", test.ann
			bob.User, bob.Node = "bob", "m"
			eve.User, eve.Node, eve.Viewers = "eve", "n", test.eve
			h := &History{
				Connections: []*Connection{ann, bob, eve}, Presence: map[string]bool{"r": !test.off},
				Present: test.present, Partitions: test.partitions,
			}
			got := slices.ContainsFunc(Check(h, test.options).Violations, func(v Violation) bool { return v.Rule == Counts })
			if got != test.want {
				t.Errorf("violations are %v, want some: %v", Check(h, test.options).Violations, test.want)
			}
		})
	}
	t.Run("a user that was refused may have counted", func(t *testing.T) {
		ann := on("ann", 0, StillOpen, "")
		ann.User, ann.Viewers = "ann", []Viewers{viewers(3*second, 2), viewers(9*second, 1)}
		h := &History{Connections: []*Connection{ann}, Presence: map[string]bool{"r": true}}
		if len(Check(h, Options{}).Violations) == 0 {
			t.Error("the second user is not noticed")
		}
		h.Handshakes = []Handshake{{Token: "x", Room: "r", User: "racer", At: 2 * second}}
		if v := Check(h, Options{}).Violations; len(v) > 0 {
			t.Error(v)
		}
		h.Handshakes[0].Answered, h.Handshakes[0].Status = 5*second/2, 403
		if len(Check(h, Options{}).Violations) == 0 {
			t.Error("a user that was refused at once counts")
		}
		h.Bans = []*Ban{{Room: "r", User: "racer", Sent: 2 * second, Answered: 3 * second, EndSent: StillOpen, Ended: StillOpen}}
		if v := Check(h, Options{}).Violations; len(v) > 0 {
			t.Errorf("banned during the handshake: %v", v)
		}
	})
}
