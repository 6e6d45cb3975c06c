package cluster

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// requests answers what other nodes ask of this one, and what a home asks of itself
// as a member of its view. Proposals are in proposal.go, operations in serve.go.
type requests struct{ node *Node }

// handle takes what is addressed to this node alone.
func (r requests) handle(subject string, data []byte, reply func([]byte)) {
	k := kindOf(subject)
	switch {
	case k == kindFrames:
		r.frames(data)
	case k == kindAck:
		r.onAck(data)
	case k == kindTail:
		r.tail(data)
	case k == kindLeave:
		r.leave(data)
	case reply == nil:
	case k == kindDo: // This and the next may take seconds.
		r.node.spawn(func() { r.onDo(data, reply) })
	case k == kindPrepare:
		r.node.spawn(func() { answer(data, reply, r.prepare) })
	case k == kindBeat:
		r.beat(reply)
	case k == kindStream:
		r.stream(data, reply)
	case k == kindEnter:
		r.enter(data, reply)
	case k == kindState:
		answer(data, reply, r.state)
	case k == kindHistory:
		answer(data, reply, r.history)
	case k == kindComplete:
		answer(data, reply, r.complete)
	case k == kindLend:
		answer(data, reply, r.lend)
	case k == kindAsk:
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
	var q streamQuestion
	if json.Unmarshal(data, &q) != nil {
		return
	}
	n := r.node
	n.mu.Lock()
	out := n.view.out[q.Member]
	if q.Member == "" {
		for _, all := range n.view.out { // Members of earlier releases do not say who asks.
			out = all
		}
	}
	if n.view.ID.Number == 0 || n.view.ID != q.View || out == nil || n.view.Interest && q.Member == "" {
		n.mu.Unlock()
		return
	}
	first, items := out.between(q.From, q.To)
	interest, have := n.view.Interest, out.kept()
	n.mu.Unlock()
	if interest {
		forms := make([][]byte, len(items))
		for i, it := range items {
			forms[i] = it.data
		}
		reply(encodeBatch(q.View, n.o.ID, false, first, forms))
		return
	}
	a := streamAnswer{First: have}
	for i, it := range items {
		a.Items = append(a.Items, encodeItem(it.of(n.o.ID, first+uint64(i))))
	}
	if data, err := json.Marshal(a); err == nil {
		reply(data)
	}
}

// state returns how far this node is.
func (r requests) state(q stateQuestion) stateAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return stateAnswer{}
	}
	a := stateAnswer{OK: true}
	if q.After == "" {
		a.Was = n.lastOpen
		for _, v := range n.past {
			if !slices.Contains(q.Known, v.ID) {
				a.Past = append(a.Past, v)
			}
		}
	}
	a.Rooms, a.More = n.logs.states(&n.view.View, q.Home, q.After, n.interests.numbers(), time.Now())
	return a
}

// history returns what the home or another member lacks.
func (r requests) history(q historyQuestion) historyAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return historyAnswer{}
	}
	a := historyAnswer{OK: true}
	size, now := 0, time.Now()
	for _, room := range q.Rooms {
		h := n.logs.lacking(room, q.Missed, now)
		a.Histories = append(a.Histories, h)
		if size += h.size(); size >= historyBytes || h.More {
			break
		}
	}
	return a
}

// complete takes what this node lacks, from the home.
func (r requests) complete(q completeQuestion) completeAnswer {
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return completeAnswer{}
	}
	now := time.Now()
	for _, h := range q.Histories {
		n.adoptLocked(h, now)
	}
	return completeAnswer{OK: true}
}
