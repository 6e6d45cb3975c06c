package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// phase is how far a node's view is. PROTOCOL.md has a table of what each allows.
type phase uint8

const (
	phaseJoining   phase = iota // there is no view yet
	phaseGathering              // the view is committed; the home collects what the members have of its rooms
	phaseOpen                   // frames get numbers
	phaseSealed                 // a later view is promised: frames get no more numbers
	phaseShut                   // and frames that have one are no longer published
)

func (p phase) String() string {
	names := [...]string{"joining", "gathering", "open", "sealed", "shut"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("phase(%d)", p)
}

// numbers reports whether a home may number frames; sealed and later phases end
// that for good, the ones before do not.
func (p phase) numbers() bool { return p == phaseOpen }

// publishes reports whether frames that have a number may be published.
func (p phase) publishes() bool { return p < phaseShut }

// isSealed reports whether a later view is promised.
func (p phase) isSealed() bool { return p >= phaseSealed }

// currentView is a node's view, with everything that ends with it.
type currentView struct {
	View
	phase phase
	since time.Time       // of the commit
	ctx   context.Context // ends with the view
	end   context.CancelFunc

	numbered   int // frames that have a number of this view and are not published yet
	out        *outStream
	keepers    map[string]string    // the first keeper of each home, once it was asked for
	in         map[string]*inStream // of the other homes
	unreadable bool                 // an item could not be decoded, which is logged once
}

// newView is the life of v at the node self. It is joining when v is no view yet.
func newView(ctx context.Context, self string, v View, now time.Time) currentView {
	c := currentView{View: v, since: now, out: newOutStream(self, v), in: map[string]*inStream{}, keepers: map[string]string{}}
	c.ctx, c.end = context.WithCancel(ctx)
	for _, id := range v.Homes {
		if id != self {
			c.in[id] = &inStream{next: 1}
		}
	}
	switch {
	case v.ID.Number == 0:
		c.phase = phaseJoining
	case v.isHome(self):
		c.phase = phaseGathering
	default:
		c.phase, c.out.opened = phaseOpen, true // There is nothing to gather.
	}
	return c
}

// keeper returns the member that acknowledges the items of a home at once.
func (c *currentView) keeper(home string) string {
	k, ok := c.keepers[home]
	if !ok {
		k = rendezvous(slices.DeleteFunc(slices.Clone(c.Members), func(id string) bool { return id == home }), "keeper "+home)
		c.keepers[home] = k
	}
	return k
}

// seal notes that a later view is promised.
func (c *currentView) seal() { c.phase = max(c.phase, phaseSealed) }

// open notes that this node has gathered. A view that is sealed meanwhile stays so.
func (c *currentView) open() {
	c.out.opened = true
	if c.phase == phaseGathering {
		c.phase = phaseOpen
	}
}

// othersOpen reports whether all other homes are open, as far as this node knows.
func (c *currentView) othersOpen() bool {
	for _, in := range c.in {
		if !in.opened {
			return false
		}
	}
	return true
}

// wasOpen reports whether the view was open everywhere, as far as this node knows.
func (c *currentView) wasOpen() bool {
	return c.ID.Number > 0 && c.out.opened && c.othersOpen()
}
