package cluster

import (
	"runtime"

	"confab/internal/protocol"
	"confab/internal/stream"
)

// outbox sends the items of this node's streams to single members. A message carries all items
// that came while the last one was being sent, and those of goroutines that can run already. If
// there are none, an item is sent at once.
type outbox chan struct{}

func newOutbox() outbox { return make(outbox, 1) }

// wake makes the outbox send what is waiting.
func (o outbox) wake() {
	select {
	case o <- struct{}{}:
	default:
	}
}

// run sends until the node is closed.
func (o outbox) run(n *Node) {
	for {
		select {
		case <-o:
		case <-n.ctx.Done():
			return
		}
		// Goroutines that can run now may have items, too. Without any, this costs nothing.
		for sent := true; sent; sent = o.send(n) {
			runtime.Gosched()
		}
	}
}

// send sends one message to each member for which items wait, and reports whether there were any.
func (o outbox) send(n *Node) bool {
	n.mu.Lock()
	view := n.view.ID
	var messages []stream.Message
	if n.view.Interest {
		for id, out := range n.view.out {
			if m := out.Take(); len(m.Items) > 0 {
				m.Member = id
				messages = append(messages, m)
			}
		}
	}
	n.mu.Unlock()
	for _, m := range messages {
		// If it is lost, or there is no connection, the member asks for it.
		n.o.Transport.Publish(n.subjects.Node(m.Member, protocol.KindFrames), protocol.EncodeBatch(view, n.o.ID, m.Urgent, m.First, m.Items)) //nolint:errcheck // See above.
	}
	return len(messages) > 0
}

// tailsLocked tells members the count of the last item on the streams to them, if items of an
// earlier tick are not acknowledged: the last items, or the acknowledgement, may be lost.
func (s streams) tailsLocked() {
	n := s.node
	if !n.view.Interest {
		return
	}
	for id, out := range n.view.out {
		if count, overdue := out.Overdue(id); overdue {
			t := protocol.Ack{From: n.o.ID, View: n.view.ID, Count: count}
			n.o.Transport.Publish(n.subjects.Node(id, protocol.KindTail), t.Encode()) //nolint:errcheck // The next tick says it again.
		}
	}
}

// tail handles the message of tailsLocked of another home.
func (r requests) tail(data []byte) {
	t, err := protocol.ReadAck(data)
	if err != nil {
		return
	}
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[t.From]
	if t.View != n.view.ID || in == nil || !n.view.Interest {
		return
	}
	if in.Has(t.Count) {
		n.acks.due(t.From, true)
		return
	}
	in.Expect(t.Count)
	streams{n}.fillLocked(t.From, in)
}
