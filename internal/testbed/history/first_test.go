package history

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// joined returns a connection that got kept messages and then live frames, in a room where
// another one got everything.
func joined(opened time.Duration, first, live string) *Connection {
	c := on("late", opened, StillOpen, live)
	for _, l := range first {
		c.First = append(c.First, Frame{ID: string(l), Content: string(l), At: opened})
	}
	return c
}

func TestCheck_history(t *testing.T) {
	deletion := Frame{ID: "x", RequestID: "qx", Event: "aws:DELETE_MESSAGE", At: 4500 * time.Millisecond}
	deletes := func(at time.Duration) *Request {
		return &Request{ID: "qx", Room: "r", Action: DeleteMessage, Target: "b", Sent: at, Answered: at, Outcome: Acknowledged, FrameID: "x"}
	}
	for _, test := range []struct {
		name   string
		late   *Connection
		onJoin int
		more   *Request
		may    bool
		broken bool
	}{
		{"all that there is", joined(5*second, "abcd", "ef"), 10, nil, false, false},
		{"the latest, as many as the room gives", joined(5*second, "cd", "ef"), 2, nil, false, false},
		{"none in a room without history", joined(5*second, "", "ef"), 0, nil, false, false},
		{"too many", joined(5*second, "bcd", "ef"), 2, nil, false, true},
		{"one missing in front", joined(5*second, "bcd", "ef"), 10, nil, false, true},
		{"one missing in the middle", joined(5*second, "abd", "ef"), 10, nil, false, true},
		{"one missing in the middle, of a full number", joined(5*second, "bd", "ef"), 2, nil, false, true},
		{"one missing in front of the live frames", joined(5*second, "abc", "ef"), 10, nil, false, true},
		{"none at all", joined(5*second, "", "ef"), 10, nil, false, true},
		{"none at all while the database is away", joined(5*second, "", "ef"), 10, nil, true, false},
		{"one twice", joined(5*second, "abbcd", "ef"), 10, nil, false, true},
		{"one first and live", joined(5*second, "abcde", "ef"), 10, nil, false, true},
		{"one twice while the database is away", joined(5*second, "bb", "ef"), 10, nil, true, true},
		{"two swapped", joined(5*second, "acbd", "ef"), 10, nil, true, true},
		{"one that was not sent", joined(5*second, "abzcd", "ef"), 10, nil, false, true},
		{"one whose sender got no answer", joined(5*second, "abcdz", "ef"), 10, &Request{Room: "r", Action: SendMessage, Content: "z", Outcome: Unknown}, false, false},
		{"a deleted one", joined(5*second, "abcd", "ef"), 10, deletes(4 * second), false, true},
		{"all but the deleted one", joined(5*second, "acd", "ef"), 10, deletes(4 * second), false, false},
		{"one that is deleted later", joined(5*second, "abcd", "ef"), 10, deletes(9 * second), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			witness := on("witness", 0, StillOpen, "abcdef")
			h := &History{Connections: []*Connection{witness, test.late}, OnJoin: map[string]int{"r": test.onJoin}}
			for _, f := range witness.Frames {
				h.Requests = append(h.Requests, acknowledged(f.ID, f.At-second/2, f.At))
			}
			if test.more != nil {
				h.Requests = append(h.Requests, test.more)
				if test.more.FrameID == "x" { // The event comes where it was asked for.
					at := slices.IndexFunc(witness.Frames, func(f Frame) bool { return f.At > test.more.Sent })
					if at < 0 {
						at = len(witness.Frames)
						test.late.Frames = append(test.late.Frames, deletion)
					}
					witness.Frames = slices.Insert(witness.Frames, at, deletion)
				}
			}
			wantHistoryRule(t, Check(h, Options{MayLackHistory: test.may}), test.broken)
		})
	}
}

func wantHistoryRule(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, r Report, broken bool,
) {
	t.Helper()
	others := slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Rule != HistoryFirst })
	if broken != (len(r.Violations) > 0) || others {
		t.Fatalf("got %v", r.Violations)
	}
}

// TestCheck_historyOfLegal gives the connections of a legal history what a correct service
// gives, and then damages it.
func TestCheck_historyOfLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := legal(t)
		onJoin := rapid.IntRange(1, 70).Draw(t, "on join")
		h.OnJoin = map[string]int{"r": onJoin}
		whole := h.Connections[0].Frames
		for _, q := range h.Requests { // Of others it is not known whether they are there.
			if q.Outcome == Unknown {
				q.Outcome, q.FrameID = Acknowledged, q.ID[1:]
			}
		}
		var late []*Connection
		for _, c := range h.Connections {
			if len(c.Frames) == 0 {
				continue
			}
			start := slices.IndexFunc(whole, func(f Frame) bool { return f.ID == c.Frames[0].ID })
			for _, f := range whole[max(start-onJoin, 0):start] {
				c.First = append(c.First, Frame{ID: f.ID, Content: f.Content, At: c.Opened})
			}
			if len(c.First) > 0 {
				late = append(late, c)
			}
		}
		wantHistoryRule(t, Check(h, Options{}), false)
		if len(late) == 0 {
			return
		}
		c := rapid.SampledFrom(late).Draw(t, "connection")
		i := rapid.IntRange(0, len(c.First)-1).Draw(t, "frame")
		switch rapid.SampledFrom([]string{"drop", "repeat", "change"}).Draw(t, "damage") {
		case "drop":
			if i == 0 && len(c.First) == onJoin {
				return // The next in front of it does not show that one is missing.
			}
			c.First = slices.Delete(c.First, i, i+1)
		case "repeat":
			c.First = slices.Insert(c.First, i, c.First[i])
		case "change":
			c.First[i].Content += "!"
		}
		wantHistoryRule(t, Check(h, Options{}), true)
	})
}
