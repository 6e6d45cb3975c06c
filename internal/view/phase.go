package view

import "fmt"

// Phase is how far a node's view is. PROTOCOL.md has a table of what each allows.
type Phase uint8

// The phases, in their order.
const (
	Joining   Phase = iota // there is no view yet
	Gathering              // the view is committed; the home collects what the members have of its rooms
	Open                   // frames get numbers
	Sealed                 // a later view is promised: frames get no more numbers
	Shut                   // and frames that have one are no longer published
)

func (p Phase) String() string {
	names := [...]string{"joining", "gathering", "open", "sealed", "shut"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("phase(%d)", p)
}

// Numbers reports whether a home may number frames; sealed and later phases end
// that for good, the ones before do not.
func (p Phase) Numbers() bool { return p == Open }

// Publishes reports whether frames that have a number may be published.
func (p Phase) Publishes() bool { return p < Shut }

// IsSealed reports whether a later view is promised.
func (p Phase) IsSealed() bool { return p >= Sealed }
