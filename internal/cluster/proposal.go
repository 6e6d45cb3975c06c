package cluster

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"confab/internal/membership"
	"confab/internal/protocol"
	"confab/internal/view"
)

// proposal is one attempt of a coordinator to get a view promised by all its members, and
// to commit it.
type proposal struct {
	node    *Node
	view    view.View
	answers []protocol.PrepareAnswer // by member
}

// coordinateLocked proposes a new view if this node is the coordinator and the current view
// is not the right one any more.
func (n *Node) coordinateLocked(now time.Time) {
	if n.proposing || n.closed || n.view.ID.Number == 0 && n.members.Outdated(&n.view.View) != nil {
		return
	}
	if n.members.IsSteady(n.view.ID, n.promised.ID) || membership.Waits(&n.members, now) {
		return
	}
	if n.promised.ID.Coordinator != n.o.ID && now.Sub(n.view.asked) < protocol.BeatInterval {
		return // The node that proposed the promised view is about to commit it.
	}
	v, ok := n.members.Proposal(&n.view.View, now)
	if !ok || v.SameAs(&n.view.View) && n.agreedLocked(now) {
		if now.Sub(n.view.since) >= protocol.AskWithin && n.agreedLocked(now) {
			n.members.Settle(&n.view.View, n.promised.ID)
		}
		return
	}
	v.ID = view.ID{Number: n.members.NextNumber(max(n.view.ID.Number, n.promised.ID.Number)), Coordinator: n.o.ID}
	n.proposing = true
	p := &proposal{node: n, view: v, answers: make([]protocol.PrepareAnswer, len(v.Members))}
	n.working.Go(p.run)
}

// agreedLocked reports whether all members have the view, or may be about to commit it.
func (n *Node) agreedLocked(now time.Time) bool {
	if now.Sub(n.view.since) < protocol.AskWithin {
		return true
	}
	return !n.view.phase.IsSealed() && n.promised.ID.Compare(n.view.ID) <= 0 && n.members.Agreed(&n.view.View)
}

// run asks for promises and commits the view. It stops when the view is not the right one any
// more. A promise alone changes nothing: members commit the view that a heartbeat shows.
func (p *proposal) run() {
	n := p.node
	defer func() {
		n.mu.Lock()
		n.proposing = false
		n.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(n.ctx, protocol.PrepareWithin)
	defer cancel()
	var asked sync.WaitGroup
	for i := range p.view.Members {
		asked.Go(func() { p.ask(ctx, cancel, i) })
	}
	asked.Wait()
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	n.mu.Lock()
	supported, promised := n.members.Judge(&p.view, p.answers, late && p.standsLocked(), time.Now())
	n.mu.Unlock()
	// A home that is left out stops by itself when its lease ends.
	if !promised || !pause(n.ctx, protocol.LeaseTime-supported) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.promised.ID == p.view.ID && p.standsLocked() {
		n.commitLocked(p.view)
	}
}

// ask asks a member for its promise, repeatedly until it answers. So one lost message does not make
// a member look silent, and a member that takes long to seal its view answers a later question.
func (p *proposal) ask(ctx context.Context, cancel func(), i int) {
	n, id := p.node, p.view.Members[i]
	if id == n.o.ID {
		p.answers[i] = requests{n}.prepare(p.view)
		return
	}
	for ctx.Err() == nil {
		n.mu.Lock()
		stands := p.standsLocked()
		n.mu.Unlock()
		if !stands {
			cancel()
			return
		}
		try, done := context.WithTimeout(ctx, protocol.PrepareAgain)
		a, err := request[protocol.PrepareAnswer](try, n, id, protocol.KindPrepare, p.view)
		done()
		if err == nil {
			p.answers[i] = a
			return
		}
		pause(ctx, protocol.RetryWait)
	}
}

// standsLocked reports whether the proposed view is still the right one. Peers may have
// joined or timed out since. If a node is back and the view does not have it, committing
// the view would separate it from the nodes with which it has delivered the same.
func (p *proposal) standsLocked() bool {
	return p.node.members.Proposes(p.view.Members, &p.node.view.View, time.Now())
}

// prepare promises a view. It returns when every frame that has a number in the current view is
// published or will never be; no further frame gets a number. That may take longer than one
// question lasts. All questions that wait are answered together, and later ones at once.
func (r requests) prepare(v view.View) protocol.PrepareAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	a := protocol.PrepareAnswer{Promised: max(n.promised.ID.Number, n.view.ID.Number), Supported: int64(protocol.LeaseTime)}
	if v.ID != n.promised.ID && v.ID.Number <= a.Promised || !v.Has(n.o.ID) || v.ID.Number > view.MaxNumber || n.closed {
		return a
	}
	if v.ID == n.view.ID {
		a.OK = true // The question was repeated, and the view was committed meanwhile.
		return a
	}
	n.promised = v
	n.view.seal(time.Now())
	n.signalLocked()
	ctx, cancel := context.WithTimeout(n.ctx, protocol.SealWithin)
	defer cancel()
	for n.view.numbered > 0 && n.view.phase.Publishes() && n.promised.ID == v.ID && ctx.Err() == nil {
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
	if n.view.phase != view.Shut {
		n.view.phase = view.Shut
		n.signalLocked()
	}
	a.Supported = int64(n.members.Supported(&n.view.View, &v, time.Now()))
	return a
}

// pause waits and reports whether ctx is still alive.
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

// commitLocked makes v the view.
func (n *Node) commitLocked(v view.View) {
	n.view.end()
	n.firstView.CompareAndSwap(0, v.ID.Number)
	if n.view.wasOpen() {
		n.lastOpen = n.view.ID
	}
	v = v.WithNames()
	n.view = newView(n.ctx, n.o.ID, v, time.Now())
	n.members.Commit(n.view.since)
	n.past = append(n.past[max(0, len(n.past)-pastViews+1):], v)
	n.standing.include(n.ctx)
	n.o.Metrics.ViewChanges.Inc()
	n.measureLocked()
	n.log.LogAttrs(n.ctx, slog.LevelInfo, "View committed",
		slog.Uint64("view", v.ID.Number), slog.Any("members", v.Members), slog.Any("homes", v.Homes))
	if n.view.phase == view.Gathering {
		ctx, past := n.view.ctx, slices.Clone(n.past)
		n.working.Go(func() { n.gather(ctx, v, past) })
	}
	n.engine.ReloadAll()
	n.working.Go(func() { n.sendHeartbeat(false) }) // It shows the members the new view, and renews leases.
	n.signalLocked()
}
