package cluster

import (
	"context"
	"errors"
	"time"
)

// Start joins the cluster. It returns once the node is part of a view whose
// homes are open, or is alone since nobody lets it in, or ctx has ended: it goes on trying then.
func (n *Node) Start(ctx context.Context) error {
	n.started, n.lastTick = time.Now(), time.Now()
	for subject, handle := range map[string]func(string, []byte, func([]byte)){
		n.subjects.frames():              n.onItem,
		n.subjects.beats():               n.onBeat,
		n.subjects.notices():             n.onNotice,
		n.subjects.node(n.o.ID, kindAny): n.onRequest,
	} {
		if err := n.o.Transport.Subscribe(subject, handle); err != nil {
			return err
		}
	}
	n.working.Go(n.run)
	n.working.Go(n.acknowledge)
	for {
		n.mu.Lock()
		changed := n.changed
		done := n.ready() == nil || n.refused != nil && n.view.ID.Number > 0
		n.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// Drain makes the node no room's home any more, and returns once the others
// know, or ctx has ended. Its sessions go on.
func (n *Node) Drain(ctx context.Context) {
	n.mu.Lock()
	n.eligible = false
	n.mu.Unlock()
	n.beat(false)
	for {
		n.mu.Lock()
		changed := n.changed
		gone := len(n.view.Members) < 2 || !n.view.isHome(n.o.ID) && n.opened()
		n.mu.Unlock()
		if gone {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Close leaves the cluster: the others need not wait to miss this node.
func (n *Node) Close() {
	n.mu.Lock()
	n.closed = true
	n.signal()
	n.mu.Unlock()
	n.stop()
	n.working.Wait()
	if !n.started.IsZero() {
		n.beat(true)
	}
}

// Ready says why the node should get no new connections, or nil.
func (n *Node) Ready() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ready()
}

func (n *Node) ready() error {
	if err := n.outdated(); err != nil {
		return err
	}
	switch {
	case n.refused != nil:
		return n.refused
	case n.view.ID.Number == 0:
		return errors.New("not in the cluster yet")
	case n.excluded:
		return errors.New("the other nodes go on without this one")
	case n.view.isHome(n.o.ID) && !n.out.open:
		return errors.New("the cluster is changing")
	}
	return nil
}
