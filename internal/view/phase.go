package view

import "fmt"

// Phase is what a node may do in its view now. PROTOCOL.md has a table of what each allows.
type Phase uint8

// The phases, in their order.
const (
	Joining   Phase = iota // there is no view yet
	Gathering              // the view is committed; the home collects what the members have of its rooms
	Open                   // frames get numbers
	Sealed                 // a later view is promised: no frame gets a number any more
	Shut                   // also, frames that have a number are no longer published
)

func (p Phase) String() string {
	names := [...]string{"joining", "gathering", "open", "sealed", "shut"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("phase(%d)", p)
}

// Numbers reports whether a home may number frames. Before it is open, it may do so later; from
// sealed on, never again in this view.
func (p Phase) Numbers() bool { return p == Open }

// Publishes reports whether frames that have a number may be published.
func (p Phase) Publishes() bool { return p < Shut }

// IsSealed reports whether a later view is promised.
func (p Phase) IsSealed() bool { return p >= Sealed }
