package cluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// How long a change waits for frames that have a number already, how long and how
// often it asks for a promise, and how long a node that does not answer stays out
// of views.
const (
	sealWithin    = time.Second
	prepareWithin = 1500 * time.Millisecond
	prepareAgain  = 300 * time.Millisecond
	silentFor     = 3 * time.Second
)

type prepareAnswer struct {
	// OK says that the node has sealed and will commit no earlier view.
	OK       bool   `json:"ok"`
	Promised uint64 `json:"promised"`
	// Supported is how long ago, in nanoseconds, the node last supported the
	// lease of a node that the new view leaves out.
	Supported int64 `json:"supported"`
}

// coordinate proposes a new view when this node is the first of those alive and
// the current view is not as it should be. The caller holds n.mu.
func (n *Node) coordinate(now time.Time) {
	if n.changing || n.closed || n.view.ID.Number == 0 && n.outdated() != nil {
		return
	}
	v, ok := n.wanted(now)
	if !ok {
		return
	}
	if slices.Equal(v.Members, n.view.Members) && slices.Equal(v.Homes, n.view.Homes) && n.agreed(now) {
		return
	}
	v.ID = ViewID{Number: max(n.view.ID.Number, n.promised.ID.Number) + 1, Coordinator: n.o.ID}
	for _, p := range n.peers {
		v.ID.Number = max(v.ID.Number, p.last.View.ID.Number+1, p.last.Promised+1)
	}
	n.changing = true
	n.working.Go(func() { n.change(v) })
}

// change has all members promise the view, and commits it. It gives up as soon as
// the view is not what there should be; members commit what its beat shows, so a
// promise alone changes nothing.
func (n *Node) change(v View) {
	defer func() {
		n.mu.Lock()
		n.changing = false
		n.mu.Unlock()
	}()
	answers := make([]prepareAnswer, len(v.Members))
	ctx, giveUp := context.WithTimeout(n.ctx, prepareWithin)
	defer giveUp()
	var asked sync.WaitGroup
	for i, id := range v.Members {
		asked.Go(func() {
			if id == n.o.ID {
				answers[i] = n.prepare(v)
				return
			}
			for ctx.Err() == nil {
				if !n.stillStands(v) {
					giveUp()
					return
				}
				// It is asked again while it seals, so that one lost message does not
				// make it look silent; the next question finds it sealed.
				try, cancel := context.WithTimeout(ctx, prepareAgain)
				a, err := request[prepareAnswer](try, n, id, kindPrepare, v)
				cancel()
				if err == nil {
					answers[i] = a
					return
				}
				pause(ctx, 20*time.Millisecond)
			}
		})
	}
	asked.Wait()
	n.mu.Lock()
	supported, promised := n.judge(v, answers, errors.Is(ctx.Err(), context.DeadlineExceeded))
	n.mu.Unlock()
	if !promised {
		return
	}
	// A home that is left out stops by itself when its lease has run out.
	if !pause(n.ctx, leaseTime-supported) {
		return
	}
	n.mu.Lock()
	if n.promised.ID == v.ID && n.stands(v) {
		n.commit(v)
	}
	n.mu.Unlock()
}

// judge looks at what the members of a proposed view answered: whether all have
// promised it, and how long ago one of them last supported a lease of a node that
// it leaves out. late says that they were asked for as long as there is time, for
// a proposal that stood all the while: who has not answered then is silent. The
// caller holds n.mu.
func (n *Node) judge(v View, answers []prepareAnswer, late bool) (supported time.Duration, promised bool) {
	supported, promised = leaseTime, true
	late = late && n.stands(v)
	for i, a := range answers {
		if a.OK {
			supported = min(supported, time.Duration(a.Supported))
			continue
		}
		promised = false
		switch p := n.peers[v.Members[i]]; {
		case p == nil:
		case a.Promised > 0:
			p.last.Promised = max(p.last.Promised, a.Promised)
		case late:
			n.silent[v.Members[i]] = time.Now().Add(silentFor)
		}
	}
	return supported, promised
}

// stands says whether a proposed view is still what there should be. Nodes may
// have been heard since, or lost: a view without one that is heard again would
// part it from those that it was together with. The caller holds n.mu.
func (n *Node) stands(v View) bool {
	now, ok := n.wanted(time.Now())
	return ok && slices.Equal(now.Members, v.Members)
}

// stillStands is stands for who does not hold n.mu.
func (n *Node) stillStands(v View) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stands(v)
}

// pause waits and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// prepare promises a view, and returns once every frame that has a number of
// the current view is published: none will follow.
func (n *Node) prepare(v View) prepareAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := prepareAnswer{Promised: max(n.promised.ID.Number, n.view.ID.Number), Supported: int64(leaseTime)}
	if v.ID != n.promised.ID && v.ID.Number <= a.Promised || !v.has(n.o.ID) || v.ID.Number > maxNumber || n.closed {
		return a
	}
	if v.ID == n.view.ID {
		a.OK = true // A question that was asked again came after the view.
		return a
	}
	n.promised, n.sealed = v, true
	n.signal()
	ctx, cancel := context.WithTimeout(n.ctx, sealWithin)
	defer cancel()
	for n.numbered > 0 && n.promised.ID == v.ID && ctx.Err() == nil {
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		n.mu.Lock()
	}
	if a.OK = n.promised.ID == v.ID; !a.OK || n.view.ID == v.ID {
		return a
	}
	n.shut = true
	now := time.Now()
	for _, id := range n.view.Members {
		if p := n.peers[id]; p != nil && !v.has(id) {
			a.Supported = min(a.Supported, int64(now.Sub(p.ackedAt)))
		}
	}
	return a
}

// commit makes v the view. The caller holds n.mu.
func (n *Node) commit(v View) {
	n.endView()
	if n.out != nil && n.opened() && (n.out.open || !n.view.isHome(n.o.ID)) {
		n.previous = n.view.ID
	}
	n.view = v
	n.past = append(n.past[max(0, len(n.past)-pastViews+1):], v)
	n.viewCtx, n.endView = context.WithCancel(n.ctx)
	n.sealed, n.shut, n.numbered, n.unreadable = false, false, 0, false
	n.committed = time.Now()
	n.included()
	n.out = &outStream{view: v, first: 1, acked: map[string]uint64{}}
	n.in = map[string]*inStream{}
	for _, id := range v.Homes {
		if id != n.o.ID {
			n.in[id] = &inStream{next: 1}
		}
	}
	n.o.Metrics.ClusterViewChanges.Inc()
	n.measure()
	n.log.LogAttrs(n.ctx, slog.LevelInfo, "The cluster has a new view",
		slog.Uint64("view", v.ID.Number), slog.Any("members", v.Members), slog.Any("homes", v.Homes))
	if v.isHome(n.o.ID) {
		ctx := n.viewCtx
		n.working.Go(func() { n.open(ctx, v) })
	}
	n.engine.ReloadAll()
	n.working.Go(func() { n.beat(false) }) // It tells the members, and renews leases.
	n.signal()
}

// opened says whether all homes of the view are open, as far as this node
// knows. The caller holds n.mu.
func (n *Node) opened() bool {
	for _, id := range n.view.Homes {
		if in := n.in[id]; id != n.o.ID && (in == nil || !in.opened) {
			return false
		}
	}
	return true
}
