package cluster

import (
	"context"
	"errors"
	"time"

	"confab/internal/protocol"
)

// Start joins the cluster. It returns once the node is part of a view whose rooms are open, or
// serves alone because the other nodes reject it, or ctx has ended: it keeps trying then.
func (n *Node) Start(ctx context.Context) error {
	n.beats.lastTick = time.Now()
	n.members.Start(n.beats.lastTick)
	for subject, handle := range map[string]func(string, []byte, func([]byte)){
		n.subjects.Frames(): n.onItem,
		n.subjects.Beats():  n.onHeartbeat,
		n.subjects.Notices(): func(_ string, room []byte, _ func([]byte)) {
			n.spawn(func() { n.engine.Reload(n.ctx, string(room)) })
		},
		n.subjects.Node(n.o.ID, protocol.KindAny): requests{n}.handle,
	} {
		if err := n.o.Transport.Subscribe(subject, handle); err != nil {
			return err
		}
	}
	n.working.Go(n.run)
	n.working.Go(func() { n.outbox.run(n) })
	n.working.Go(func() { n.acks.now.send(n, 0) })
	n.working.Go(func() { n.acks.later.send(n, protocol.AckWait) })
	for {
		n.mu.Lock()
		changed := n.changed
		done := n.readyLocked() == nil || n.standing.refused != nil && n.view.ID.Number > 0
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

// Drain makes the node the home of no room, and returns once the other homes have
// opened, or ctx has ended. Its sessions continue.
func (n *Node) Drain(ctx context.Context) {
	n.mu.Lock()
	n.members.Drain()
	n.mu.Unlock()
	n.sendHeartbeat(false)
	for {
		n.mu.Lock()
		changed := n.changed
		drained := len(n.view.Members) < 2 || !n.view.IsHome(n.o.ID) && n.view.othersOpen()
		n.mu.Unlock()
		if drained {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Close leaves the cluster, and says so in a last heartbeat: the other nodes need not
// wait until this one times out.
func (n *Node) Close() {
	n.mu.Lock()
	n.closed = true
	n.signalLocked()
	n.mu.Unlock()
	n.stop()
	n.working.Wait()
	if !n.beats.lastTick.IsZero() {
		n.sendHeartbeat(true)
	}
}

// Ready returns why the node should get no new connections, or nil.
func (n *Node) Ready() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.readyLocked()
}

func (n *Node) readyLocked() error {
	if err := n.members.Outdated(&n.view.View); err != nil {
		return err
	}
	switch {
	case n.standing.refused != nil:
		return n.standing.refused
	case n.view.ID.Number == 0:
		return errors.New("not yet part of the cluster")
	case n.standing.excluded:
		return errors.New("excluded from the cluster by the other nodes")
	case !n.view.opened:
		return errNotOpen
	}
	return nil
}

var errNotOpen = errors.New("the cluster is changing, and the rooms of this node are not open yet")

// settleWithin is how long Settled waits. The probes of load balancers wait longer.
const settleWithin = 500 * time.Millisecond

// Settled is Ready for load balancers. While the cluster changes, it waits until the node has
// opened its rooms, for at most half a second: all nodes change at the same time, and a load
// balancer that asks just then would have no node left.
func Settled(ctx context.Context, n *Node) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	for {
		n.mu.Lock()
		err, changed := n.readyLocked(), n.changed
		n.mu.Unlock()
		if !errors.Is(err, errNotOpen) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return err
		}
	}
}
