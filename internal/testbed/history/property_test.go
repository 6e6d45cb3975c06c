package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// legal draws a history that a correct service could have produced: one order
// of frames, connections that each got an uninterrupted part of it.
func legal(t *rapid.T) *History {
	h := &History{}
	n := rapid.IntRange(6, 60).Draw(t, "frames")
	frames := make([]Frame, n)
	for i := range frames {
		at := time.Duration(i+1) * second
		frames[i] = frame(fmt.Sprint("f", i), at)
		outcome := rapid.SampledFrom([]Outcome{Acknowledged, Acknowledged, Unknown}).Draw(t, "outcome")
		q := acknowledged(frames[i].ID, at-second/2, at)
		if q.Outcome = outcome; outcome == Unknown {
			q.FrameID = ""
		}
		h.Requests = append(h.Requests, q)
	}
	// Two connections see all, so that every frame has witnesses.
	for i := range rapid.IntRange(2, 8).Draw(t, "connections") {
		from, to := 0, n
		if i >= 2 {
			from = rapid.IntRange(0, n).Draw(t, "from")
			to = rapid.IntRange(from, n).Draw(t, "to")
		}
		c := on(fmt.Sprint("c", i), time.Duration(from)*second+second/4, time.Duration(to)*second+second/4, "")
		if to == n {
			c.Ended = StillOpen
		}
		c.Node = rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node")
		c.Frames = slices.Clone(frames[from:to])
		h.Connections = append(h.Connections, c)
	}
	return h
}

func TestCheck_legalHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if got := Check(legal(t), Options{}).Violations; len(got) > 0 {
			t.Fatal(got)
		}
	})
}

// TestCheck_brokenHistories breaks a legal history in one place, and wants the
// rule that it breaks.
func TestCheck_brokenHistories(t *testing.T) {
	rules := map[string]func(t *rapid.T, h *History) Rule{
		"swap": func(t *rapid.T, h *History) Rule {
			f := h.Connections[0].Frames
			i := rapid.IntRange(0, len(f)-2).Draw(t, "i")
			f[i], f[i+1] = f[i+1], f[i]
			return OneOrder
		},
		"move": func(t *rapid.T, h *History) Rule {
			c := h.Connections[0]
			i := rapid.IntRange(0, len(c.Frames)-1).Draw(t, "i")
			f := c.Frames[i]
			c.Frames = slices.Delete(c.Frames, i, i+1)
			j := rapid.IntRange(0, len(c.Frames)).Filter(func(j int) bool { return j != i }).Draw(t, "j")
			c.Frames = slices.Insert(c.Frames, j, f)
			return OneOrder
		},
		"drop from the middle": func(t *rapid.T, h *History) Rule {
			c := h.Connections[0]
			i := rapid.IntRange(1, len(c.Frames)-2).Draw(t, "i")
			c.Frames = slices.Delete(c.Frames, i, i+1)
			return NoGap
		},
		"drop the end": func(t *rapid.T, h *History) Rule {
			c := h.Connections[0]
			h.Requests[len(h.Requests)-1] = acknowledged(c.Frames[len(c.Frames)-1].ID, 2*second, 3*second)
			c.Frames = c.Frames[:rapid.IntRange(0, len(c.Frames)-1).Draw(t, "keep")]
			return NoLoss
		},
		"drop the beginning": func(t *rapid.T, h *History) Rule {
			c := h.Connections[0]
			h.Requests[0] = acknowledged(c.Frames[0].ID, second/2, second)
			c.Frames = c.Frames[rapid.IntRange(1, len(c.Frames)-1).Draw(t, "from"):]
			return NoLoss
		},
		"repeat": func(t *rapid.T, h *History) Rule {
			c := h.Connections[0]
			f := c.Frames[rapid.IntRange(0, len(c.Frames)-1).Draw(t, "i")]
			c.Frames = slices.Insert(c.Frames, rapid.IntRange(0, len(c.Frames)).Draw(t, "at"), f)
			return NoDuplicate
		},
		"deliver a request again": func(t *rapid.T, h *History) Rule {
			c := h.Connections[0]
			f := c.Frames[rapid.IntRange(0, len(c.Frames)-1).Draw(t, "i")]
			f.ID = "again"
			for _, c := range h.Connections[:2] {
				c.Frames = append(c.Frames, f)
			}
			return NoDuplicate
		},
		"change": func(t *rapid.T, h *History) Rule {
			f := h.Connections[0].Frames
			f[rapid.IntRange(0, len(f)-1).Draw(t, "i")].Sum++
			return SameFrame
		},
		"refuse what was delivered": func(t *rapid.T, h *History) Rule {
			q := h.Requests[rapid.IntRange(0, len(h.Requests)-1).Draw(t, "i")]
			q.Outcome, q.Code, q.FrameID = Refused, 429, ""
			return RefusalsHold
		},
	}
	for name, broken := range rules {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := legal(t)
				want := broken(t, h)
				got := Check(h, Options{}).Violations
				if !slices.ContainsFunc(got, func(v Violation) bool { return v.Rule == want }) {
					t.Fatalf("got %v, want %s", got, want)
				}
			})
		})
	}
}
