package cluster

// outbox sends what this node puts on its streams to single members. A message carries all
// that came while the last one was sent, and what comes first waits for nothing.
type outbox chan struct{}

func newOutbox() outbox { return make(outbox, 1) }

// wake has the outbox send what there is.
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
		for o.send(n) {
		}
	}
}

// send sends each member one message, and reports whether there was any.
func (o outbox) send(n *Node) bool {
	n.mu.Lock()
	view := n.view.ID
	var messages []message
	if n.view.Interest {
		for id, out := range n.view.out {
			if m := out.take(); len(m.items) > 0 {
				m.member = id
				messages = append(messages, m)
			}
		}
	}
	n.mu.Unlock()
	for _, m := range messages {
		// What is lost, also for want of a connection, is asked for.
		n.o.Transport.Publish(n.subjects.node(m.member, kindFrames), encodeBatch(view, n.o.ID, m.urgent, m.first, m.items)) //nolint:errcheck // See above.
	}
	return len(messages) > 0
}

// tailsLocked tells members how far the streams to them are, if items of an earlier tick
// are not acknowledged: the last ones, or the acknowledgement, may be lost.
func (s streams) tailsLocked() {
	n := s.node
	if !n.view.Interest {
		return
	}
	for id, out := range n.view.out {
		if count, overdue := out.overdue(id); overdue {
			t := ack{n.o.ID, n.view.ID, count}
			n.o.Transport.Publish(n.subjects.node(id, kindTail), t.encode()) //nolint:errcheck // The next tick says it again.
		}
	}
}

// tail takes what a home says of its stream.
func (r requests) tail(data []byte) {
	t, err := readAck(data)
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
	if in.has(t.Count) {
		n.acks.due(t.From, true)
		return
	}
	in.expect(t.Count)
	streams{n}.fillLocked(t.From, in)
}
