package cluster

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// beat is what every node says of itself, five times a second.
type beat struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Speaks is the version of the wire in which the node says everything, this
	// included.
	Speaks   int    `json:"speaks"`
	N        uint64 `json:"beat"`
	Leaving  bool   `json:"leaving,omitzero"`
	Eligible bool   `json:"eligible"`
	View     View   `json:"view"`
	Promised uint64 `json:"promised"`
	// Sees are the nodes whose beats arrive here.
	Sees []string `json:"sees,omitzero"`
	// Leases acknowledges the last beat of every node whose lease this node
	// supports.
	Leases map[string]uint64 `json:"leases,omitzero"`
	// Sent is how many items the node's stream has in View: a lost last item is
	// noticed. Acked acknowledges the streams of the others.
	Sent        uint64            `json:"sent,omitzero"`
	Acked       map[string]uint64 `json:"acked,omitzero"`
	Connections int               `json:"connections"`
}

// peer is what this node knows of another.
type peer struct {
	last    beat
	since   time.Time // of the first beat
	heardAt time.Time // of the last
	ackedAt time.Time // when this node last supported its lease
	// leaseAt is when this node sent the last beat that the peer acknowledges.
	leaseAt time.Time
}

func (p *peer) sees(id string) bool { return slices.Contains(p.last.Sees, id) }

// run beats until the node is closed.
func (n *Node) run() {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	for {
		n.tick()
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
	}
}

func (n *Node) tick() {
	n.beat(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	// Whoever was stopped himself must not take that for the silence of others.
	if now.Sub(n.lastTick) > stallTime {
		for _, p := range n.peers {
			p.heardAt = now
		}
	}
	n.lastTick = now
	for id, p := range n.peers {
		if now.Sub(p.heardAt) > suspectAfter {
			delete(n.peers, id)
			n.log.LogAttrs(n.ctx, slog.LevelWarn, "A node is not heard any more", slog.String("node", id))
		}
	}
	n.forgetNewer(now)
	maps.DeleteFunc(n.silent, func(_ string, until time.Time) bool { return now.After(until) })
	n.coordinate(now)
	n.checkExclusion(now)
	n.checkRefusal(now)
	n.expire(now)
	n.measure()
}

// beat tells the others about this node.
func (n *Node) beat(leaving bool) {
	n.mu.Lock()
	now := time.Now()
	n.beats++
	n.sentAt[n.beats] = now
	delete(n.sentAt, n.beats-64)
	b := beat{
		ID: n.o.ID, Name: n.o.Name, Version: n.o.Version, Speaks: wireVersion, N: n.beats,
		Leaving: leaving, Eligible: n.eligible, View: n.view, Promised: n.promised.ID.Number,
		Sees: slices.Sorted(maps.Keys(n.peers)), Leases: map[string]uint64{}, Acked: map[string]uint64{},
		Connections: n.engine.Connections(),
	}
	supports := &n.view
	if n.promised.ID.compare(n.view.ID) > 0 {
		supports = &n.promised
	}
	for id, p := range n.peers {
		if supports.has(id) && n.view.has(id) {
			b.Leases[id] = p.last.N
			p.ackedAt = now
		}
	}
	if n.out != nil {
		b.Sent = n.out.sent
	}
	for id, in := range n.in {
		b.Acked[id] = in.next - 1
	}
	n.mu.Unlock()
	data, err := json.Marshal(b)
	if err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelError, "A beat cannot be encoded", slog.Any("error", err))
		return
	}
	if err := n.o.Transport.Publish(n.subjects.beats(), data); err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelDebug, "A beat was not sent", slog.Any("error", err))
	}
}

func (n *Node) onBeat(_ string, data []byte, _ func([]byte)) {
	var b beat
	if err := json.Unmarshal(data, &b); err != nil || b.ID == n.o.ID || b.ID == "" || max(b.View.ID.Number, b.Promised) > maxNumber {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	now := time.Now()
	if n.tooNew(&b, now) {
		return
	}
	p := n.peers[b.ID]
	switch {
	case b.Leaving:
		delete(n.peers, b.ID)
		n.coordinate(now)
		return
	case p == nil:
		p = &peer{since: now}
		n.met = true
		n.peers[b.ID] = p
		n.log.LogAttrs(n.ctx, slog.LevelInfo, "A node is heard", slog.String("node", b.ID), slog.String("version", b.Version))
	case b.N <= p.last.N:
		return // Late.
	}
	// Of a node that is new the next tick decides, when others may be heard, too.
	turned := p.last.ID != "" && p.last.Eligible != b.Eligible
	p.last, p.heardAt = b, now
	if at, ok := n.sentAt[b.Leases[n.o.ID]]; ok && b.View.ID == n.view.ID && at.After(p.leaseAt) {
		p.leaseAt = at
	}
	if b.View.has(n.o.ID) && b.View.ID == n.promised.ID && b.View.ID.compare(n.view.ID) > 0 {
		n.commit(b.View)
	}
	if b.View.ID == n.view.ID {
		n.acked(b.ID, b.Acked[n.o.ID])
		if in := n.in[b.ID]; in != nil {
			n.noticeTail(b.ID, in, b.Sent)
		}
	}
	if turned {
		n.coordinate(now)
	}
	n.signal()
}

// leased says whether a majority of the view has acknowledged a beat that this
// node sent within the lease time. The caller holds n.mu.
func (n *Node) leased(now time.Time) bool {
	have := 1
	for _, id := range n.view.Members {
		if p := n.peers[id]; p != nil && now.Sub(p.leaseAt) < leaseTime {
			have++
		}
	}
	return have > len(n.view.Members)/2
}

// checkExclusion notices when members have gone on without this node for a
// while, or when other nodes and this one hear each other and do not become one.
// The caller holds n.mu.
func (n *Node) checkExclusion(now time.Time) {
	shunned, limit := false, suspectAfter+mergeWithin
	for id, p := range n.peers {
		v := &p.last.View
		switch {
		case n.view.ID.Number == 0 || len(v.Members) == 0 || v.has(n.o.ID):
		case n.view.has(id) && v.ID.compare(n.view.ID) > 0:
			shunned, limit = true, suspectAfter
		case p.sees(n.o.ID) && v.Members[0] < n.view.Members[0]:
			shunned = true
		}
	}
	switch {
	case !shunned:
		n.included()
	case n.shunned.IsZero():
		n.shunned = now
	case now.Sub(n.shunned) > limit && !n.excluded:
		n.excluded = true
		n.endPart()
		n.log.LogAttrs(n.ctx, slog.LevelError, "The other nodes go on without this one; its sessions end, to come back to them")
		if n.o.Excluded != nil {
			n.working.Go(n.o.Excluded)
		}
	}
}

// included notes that nobody goes on without this node. The caller holds n.mu.
func (n *Node) included() {
	n.shunned = time.Time{}
	if n.excluded {
		n.excluded = false
		n.part, n.endPart = context.WithCancel(n.ctx)
	}
}

// measure sets the gauges. The caller holds n.mu.
func (n *Node) measure() {
	m := n.o.Metrics
	m.ClusterMembers.Set(float64(len(n.view.Members)))
	m.ClusterView.Set(float64(n.view.ID.Number))
	here, held := 0, 0
	for id, l := range n.rooms {
		if n.view.home(id) == n.o.ID {
			here++
		}
		held += l.held
	}
	m.ClusterHomes.Set(float64(here))
	m.ClusterHeldFrames.Set(float64(held))
}

// request asks one node and decodes its answer. Both sides speak JSON.
func request[A any](ctx context.Context, n *Node, to string, k kind, question any) (answer A, err error) {
	data, err := json.Marshal(question)
	if err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	data, err = n.o.Transport.Request(ctx, n.subjects.node(to, k), data)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	return answer, err
}
