package cluster

import (
	"runtime"
	"time"

	"confab/internal/protocol"
)

// acks are the homes to which this node owes an acknowledgement. The first keeper of a room
// acknowledges at once, because the home waits for it. (In a view without interest, a home
// has one first keeper for all its rooms.) The other members acknowledge a little later,
// many items at a time: the home can drop an item when all members have it. They also take
// the place of a keeper that lags.
type acks struct {
	now   dueAcks // of homes that wait for this node
	later dueAcks // of the other homes
}

func newAcks() acks { return acks{newDueAcks(), newDueAcks()} }

func (a *acks) due(home string, atOnce bool) {
	if atOnce {
		a.now.add(home)
	} else {
		a.later.add(home)
	}
}

type dueAcks struct {
	homes map[string]bool // guarded by Node.mu
	wake  chan struct{}
}

func newDueAcks() dueAcks { return dueAcks{homes: map[string]bool{}, wake: make(chan struct{}, 1)} }

func (d *dueAcks) add(home string) {
	d.homes[home] = true
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// send sends acknowledgements. It waits a while after the first item that needs one, so
// that one message to a home serves all items that came meanwhile, and while the last
// message was sent. It returns when the node is closed.
func (d *dueAcks) send(n *Node, wait time.Duration) {
	for {
		select {
		case <-d.wake:
		case <-n.ctx.Done():
			return
		}
		runtime.Gosched() // Items that have arrived already are acknowledged as well.
		if wait > 0 && !pause(n.ctx, wait) {
			return
		}
		n.mu.Lock()
		due := map[string][]byte{}
		for home := range d.homes {
			if in := n.view.in[home]; in != nil {
				due[home] = protocol.Ack{From: n.o.ID, View: n.view.ID, Count: in.Last()}.Bytes(n.members.Reads(home, protocol.CompactVersion))
			}
		}
		clear(d.homes)
		n.mu.Unlock()
		for home, data := range due {
			// If it is lost, the next one or the next heartbeat says the same.
			n.o.Transport.Publish(n.subjects.Node(home, protocol.KindAck), data) //nolint:errcheck // See above.
		}
	}
}

func (r requests) onAck(data []byte) {
	a, err := protocol.ReadAck(data)
	if err != nil {
		return
	}
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.View == n.view.ID {
		n.ackedLocked(a.From, a.Count)
	}
}

// ackedLocked records that a member has everything of this node's stream up to count, and
// delivers the frames that are safe now.
func (n *Node) ackedLocked(from string, count uint64) {
	out := n.view.out[from]
	if out == nil {
		return
	}
	for _, it := range out.Acknowledge(from, count) {
		if it.Room != nil {
			n.logs.DeliverUpTo(it.Room, it.At)
		}
	}
}
