package history

import (
	"fmt"
	"time"
)

// Write is one write of the control plane: a room's name is set to a value. Its
// writer makes one after another, each with the next value, and makes no more
// once it does not know what became of one.
type Write struct {
	// Register names what is written.
	Register, Node string
	Value          int
	Sent, Answered time.Duration
	Outcome        Outcome
}

// writes checks that what was acknowledged is what is read when the run has come
// to rest: the last acknowledged value, or one whose outcome is unknown.
func (h *History) writes() []Violation {
	type register struct {
		last  *Write // acknowledged
		maybe map[int]bool
	}
	registers := map[string]*register{}
	for _, w := range h.Writes {
		r := registers[w.Register]
		if r == nil {
			r = &register{maybe: map[int]bool{}}
			registers[w.Register] = r
		}
		switch {
		case w.Outcome == Acknowledged && (r.last == nil || w.Value > r.last.Value):
			r.last = w
		case w.Outcome == Unknown:
			r.maybe[w.Value] = true
		}
	}
	var all []Violation
	for name, r := range registers {
		stored, found := h.Stored[name]
		if r.last == nil || found && (stored == r.last.Value || r.maybe[stored]) {
			continue
		}
		what := "is gone"
		if found {
			what = fmt.Sprintf("is %d", stored)
		}
		all = append(all, Violation{Rule: Durable, Detail: fmt.Sprintf(
			"%s %s, but %d was acknowledged on %s at %s", name, what, r.last.Value, r.last.Node, r.last.Answered)})
	}
	return all
}
