package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
)

// run sends heartbeats until the node is closed.
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
	n.sendHeartbeat(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	// If this process was suspended, the gap does not count as missed heartbeats.
	if now.Sub(n.lastTick) > stallTime {
		n.members.resumed(now)
	}
	n.lastTick = now
	for _, id := range n.members.expire(now) {
		n.log.LogAttrs(n.ctx, slog.LevelWarn, "Peer timed out", slog.String("node", id))
	}
	n.coordinateLocked(now)
	n.checkStandingLocked(now)
	n.logs.expire(now)
	if n.ticks++; n.ticks%sweepTicks == 0 {
		n.logs.sweep(now, n.interests.has)
	}
	streams{n}.tailsLocked()
	n.calls.expire(now)
	n.measureLocked()
}

// sendHeartbeat sends a heartbeat; leaving makes it the last.
func (n *Node) sendHeartbeat(leaving bool) {
	n.mu.Lock()
	b := heartbeats{n}.nextLocked(time.Now(), leaving)
	n.mu.Unlock()
	data, err := b.bytes()
	if err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelError, "Heartbeat could not be encoded", slog.Any("error", err))
		return
	}
	if err := n.o.Transport.Publish(n.subjects.beats(), data); err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelDebug, "Heartbeat could not be sent", slog.Any("error", err))
	}
}

func (n *Node) onHeartbeat(_ string, data []byte, _ func([]byte)) {
	b, err := readHeartbeat(data)
	if err != nil || b.ID == n.o.ID || b.ID == "" || max(b.View.ID.Number, b.Promised) > maxNumber {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.closed || !(heartbeats{n}).resolveLocked(&b, now) {
		return
	}
	what := n.members.note(&b, now)
	switch what {
	case newsNone:
		return
	case newsTooNew:
		n.log.LogAttrs(n.ctx, slog.LevelError, "Peer rejected: it speaks a newer version of the cluster protocol; run the same release on all nodes",
			slog.String("node", b.ID), slog.String("version", b.Version), slog.Int("speaks", b.Speaks), slog.Int("reads", wireVersion))
		return
	case newsLeft:
		n.coordinateLocked(now)
		return
	case newsJoined:
		// The next tick decides about it, when other nodes may have joined as well.
		n.log.LogAttrs(n.ctx, slog.LevelInfo, "Peer joined", slog.String("node", b.ID), slog.String("version", b.Version))
	}
	if n.view.has(b.ID) {
		n.beats.follow(b.N)
	}
	if at, ok := n.beats.sent(b.acknowledges(n.o.ID)); ok && b.View.ID == n.view.ID {
		n.members.renew(b.ID, at)
	}
	if b.View.has(n.o.ID) && b.View.ID == n.promised.ID && b.View.ID.compare(n.view.ID) > 0 {
		n.commitLocked(b.View)
	}
	if b.View.ID == n.view.ID && !n.view.Interest {
		n.ackedLocked(b.ID, b.Acked[n.o.ID])
		if in := n.view.in[b.ID]; in != nil && in.lags(b.Sent) {
			streams{n}.fillLocked(b.ID, in)
		}
	}
	if what == newsDrains {
		n.coordinateLocked(now)
	}
	n.signalLocked()
}

// measureLocked sets the gauges.
func (n *Node) measureLocked() {
	m := n.o.Metrics
	m.Members.Set(float64(len(n.view.Members)))
	m.View.Set(float64(n.view.ID.Number))
	m.HeldFrames.Set(float64(n.logs.heldFrames()))
	if n.ticks%sweepTicks == 0 {
		m.Homes.Set(float64(n.logs.count(n.o.ID, &n.view.View)))
	}
}

// request asks one node and decodes its answer. Both are JSON.
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

// Hides reports whether all nodes deliver hidden frames to their user only.
func (n *Node) Hides() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members.allRead(hiddenVersion)
}
