package cluster

import (
	"context"
	"slices"
	"time"

	"confab/internal/interest"
	"confab/internal/roomlog"
	"confab/internal/stream"
	"confab/internal/view"
)

// currentView is a node's view, and the state that is discarded with it.
type currentView struct {
	view.View
	phase view.Phase
	since time.Time       // of the commit
	asked time.Time       // when this node last promised a later view
	ctx   context.Context // ends with the view
	end   context.CancelFunc

	numbered   int                    // frames that have a number of this view and are not published yet
	opened     bool                   // this node has gathered its rooms
	out        map[string]*stream.Out // by the member that gets it
	keepers    map[string]string      // the first keeper of each home, computed when it is first needed
	interested interest.Members       // the interested members of the rooms whose home is this node
	in         map[string]*inbound    // of the other homes
	unreadable bool                   // an item could not be decoded, which is logged once
}

// inbound is the stream of another home.
type inbound struct {
	stream.In
	opened  bool // its mark has come
	filling bool // the home is asked for missing items
}

// newView returns the state of the view v at the node self. Its phase is joining if v is no
// view yet.
func newView(ctx context.Context, self string, v view.View, now time.Time) currentView {
	c := currentView{
		View: v, since: now, out: stream.Outs(self, &v), in: map[string]*inbound{},
		keepers: map[string]string{}, interested: interest.Members{},
	}
	c.ctx, c.end = context.WithCancel(ctx)
	for _, id := range v.Homes {
		if id != self {
			c.in[id] = &inbound{In: stream.NewIn()}
		}
	}
	switch {
	case v.ID.Number == 0:
		c.phase = view.Joining
	case v.IsHome(self):
		c.phase = view.Gathering
	default:
		c.phase, c.opened = view.Open, true // There is nothing to gather.
	}
	return c
}

// keeper returns the member that acknowledges the items of a home at once, in a view
// without interest.
func (c *currentView) keeper(home string) string {
	k, ok := c.keepers[home]
	if !ok {
		k = view.Rendezvous(slices.DeleteFunc(slices.Clone(c.Members), func(id string) bool { return id == home }), "keeper "+home)
		c.keepers[home] = k
	}
	return k
}

// keeps reports whether a member is a keeper of a room.
func (c *currentView) keeps(l *roomlog.Log, member string) bool {
	return slices.Contains(l.Keepers(&c.View), member)
}

// seal records that a later view is promised.
func (c *currentView) seal(now time.Time) { c.phase, c.asked = max(c.phase, view.Sealed), now }

// open records that this node has gathered. If the view was sealed meanwhile, it stays sealed.
func (c *currentView) open() {
	c.opened = true
	if c.phase == view.Gathering {
		c.phase = view.Open
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

// openAt reports whether a home is open, as far as the node self knows.
func (c *currentView) openAt(home, self string) bool {
	in := c.in[home]
	return home == self && c.opened || in != nil && in.opened
}

// wasOpen reports whether the view was open everywhere, as far as this node knows.
func (c *currentView) wasOpen() bool {
	return c.ID.Number > 0 && c.opened && c.othersOpen()
}
