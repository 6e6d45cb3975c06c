package cluster

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/protocol"
)

// requests answers what other nodes ask of this node, and what a home asks of itself as a
// member of its view. Proposals are in proposal.go, operations in serve.go.
type requests struct{ node *Node }

// handle handles a message that is addressed to this node alone.
func (r requests) handle(subject string, data []byte, reply func([]byte)) {
	k := protocol.KindOf(subject)
	switch {
	case k == protocol.KindFrames:
		r.frames(data)
	case k == protocol.KindAck:
		r.onAck(data)
	case k == protocol.KindTail:
		r.tail(data)
	case k == protocol.KindLeave:
		r.leave(data)
	case reply == nil:
	case k == protocol.KindDo: // This one and the next may take seconds.
		r.node.spawn(func() { r.onDo(data, reply) })
	case k == protocol.KindPrepare:
		r.node.spawn(func() { answer(data, reply, r.prepare) })
	case k == protocol.KindBeat:
		r.beat(reply)
	case k == protocol.KindStream:
		r.stream(data, reply)
	case k == protocol.KindEnter:
		r.enter(data, reply)
	case k == protocol.KindState:
		answer(data, reply, r.state)
	case k == protocol.KindHistory:
		answer(data, reply, r.history)
	case k == protocol.KindComplete:
		answer(data, reply, r.complete)
	case k == protocol.KindLend:
		answer(data, reply, r.lend)
	case k == protocol.KindAsk:
		r.node.spawn(func() { answer(data, reply, r.ask) })
	}
}

// answer decodes a question and sends the answer.
func answer[Q, A any](data []byte, reply func([]byte), f func(Q) A) {
	var q Q
	if json.Unmarshal(data, &q) != nil {
		return
	}
	if data, err := json.Marshal(f(q)); err == nil {
		reply(data)
	}
}

// stream returns items of this node's stream to a member that lacks them. A node that
// is not in the view does not answer.
func (r requests) stream(data []byte, reply func([]byte)) {
	var q protocol.StreamQuestion
	if json.Unmarshal(data, &q) != nil {
		return
	}
	n := r.node
	n.mu.Lock()
	out := n.view.out[q.Member]
	if q.Member == "" {
		for _, all := range n.view.out { // Members of earlier releases do not say which member asks.
			out = all
		}
	}
	if n.view.ID.Number == 0 || n.view.ID != q.View || out == nil || n.view.Interest && q.Member == "" {
		n.mu.Unlock()
		return
	}
	first, items := out.Between(q.From, q.To)
	interest, have := n.view.Interest, out.Kept()
	n.mu.Unlock()
	if interest {
		forms := make([][]byte, len(items))
		for i, it := range items {
			forms[i] = it.Data
		}
		reply(protocol.EncodeBatch(q.View, n.o.ID, false, first, forms))
		return
	}
	a := protocol.StreamAnswer{First: have}
	for i, it := range items {
		a.Items = append(a.Items, protocol.EncodeItem(it.Of(n.o.ID, first+uint64(i))))
	}
	if data, err := json.Marshal(a); err == nil {
		reply(data)
	}
}

// state returns how far this node is in its rooms.
func (r requests) state(q protocol.StateQuestion) protocol.StateAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return protocol.StateAnswer{}
	}
	a := protocol.StateAnswer{OK: true}
	if q.After == "" {
		a.Was = n.lastOpen
		for _, v := range n.past {
			if !slices.Contains(q.Known, v.ID) {
				a.Past = append(a.Past, v)
			}
		}
	}
	a.Rooms, a.More = n.logs.States(&n.view.View, q.Home, q.After, n.interests.Numbers(), time.Now())
	return a
}

// history returns what the home or another member lacks.
func (r requests) history(q protocol.HistoryQuestion) protocol.HistoryAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return protocol.HistoryAnswer{}
	}
	a := protocol.HistoryAnswer{OK: true}
	size, now := 0, time.Now()
	for _, room := range q.Rooms {
		h := n.logs.Lacking(room, q.Missed, now)
		a.Histories = append(a.Histories, h)
		if size += h.Size(); size >= protocol.HistoryBytes || h.More {
			break
		}
	}
	return a
}

// complete takes what this node lacks, from the home.
func (r requests) complete(q protocol.CompleteQuestion) protocol.CompleteAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return protocol.CompleteAnswer{}
	}
	now := time.Now()
	for _, h := range q.Histories {
		n.adoptLocked(h, now)
	}
	return protocol.CompleteAnswer{OK: true}
}
