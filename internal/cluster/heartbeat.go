package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/membership"
	"confab/internal/protocol"
	"confab/internal/view"
)

// ownHeartbeats is what this node keeps about its own heartbeats.
type ownHeartbeats struct {
	membership.Beats
	lastTick time.Time // zero before the start
	ticks    int
	asking   map[string]bool // nodes that are being asked for a full heartbeat
}

// run sends heartbeats until the node is closed.
func (n *Node) run() {
	next := time.NewTimer(n.tick())
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-n.beats.Due:
		case <-n.ctx.Done():
			return
		}
		next.Reset(n.tick())
	}
}

// tick sends a heartbeat and checks the peers. It returns the time until the next tick.
func (n *Node) tick() (wait time.Duration) {
	n.sendHeartbeat(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	// If this process was suspended, the gap does not count as missed heartbeats.
	if now.Sub(n.beats.lastTick) > protocol.StallTime {
		n.members.Resumed(now)
	}
	n.beats.lastTick = now
	for _, id := range n.members.Expire(now) {
		n.log.LogAttrs(n.ctx, slog.LevelWarn, "Peer timed out", slog.String("node", id))
	}
	n.coordinateLocked(now)
	n.checkStandingLocked(now)
	n.logs.Expire(now)
	if n.beats.ticks++; n.beats.ticks%sweepTicks == 0 {
		n.logs.Sweep(now, n.interests.Has)
	}
	streams{n}.tailsLocked()
	n.calls.Expire(now)
	n.measureLocked()
	return n.beats.Wait()
}

// sendHeartbeat sends a heartbeat. With leaving set it is the last one of this node.
func (n *Node) sendHeartbeat(leaving bool) {
	n.mu.Lock()
	b := heartbeats{n}.nextLocked(time.Now(), leaving)
	n.mu.Unlock()
	data, err := b.Bytes()
	if err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelError, "Heartbeat could not be encoded", slog.Any("error", err))
		return
	}
	if err := n.o.Transport.Publish(n.subjects.Beats(), data); err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelDebug, "Heartbeat could not be sent", slog.Any("error", err))
	}
}

func (n *Node) onHeartbeat(_ string, data []byte, _ func([]byte)) {
	b, err := protocol.DecodeHeartbeat(data)
	if err != nil || b.ID == n.o.ID || b.ID == "" || max(b.View.ID.Number, b.Promised) > view.MaxNumber {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.closed || !(heartbeats{n}).resolveLocked(&b, now) {
		return
	}
	what := n.members.Note(&b, now)
	switch what {
	case membership.NewsNone:
		return
	case membership.NewsTooNew:
		n.log.LogAttrs(n.ctx, slog.LevelError, "Peer rejected: it speaks a newer version of the cluster protocol; run the same release on all nodes",
			slog.String("node", b.ID), slog.String("version", b.Version), slog.Int("speaks", b.Speaks), slog.Int("reads", protocol.Version))
		return
	case membership.NewsLeft:
		n.coordinateLocked(now)
		return
	case membership.NewsJoined:
		// The next tick proposes a view with it. Other nodes may have joined by then as well.
		n.log.LogAttrs(n.ctx, slog.LevelInfo, "Peer joined", slog.String("node", b.ID), slog.String("version", b.Version))
	}
	if n.view.Has(b.ID) {
		n.beats.Follow(b.N)
		if b.ID == n.view.Members[0] && b.View.ID == n.view.ID {
			n.beats.Join(n.beats.lastTick, now)
		}
	}
	if at, ok := n.beats.Sent(b.Acknowledges(n.o.ID)); ok && b.View.ID == n.view.ID {
		n.members.Renew(b.ID, at)
	}
	if b.View.Has(n.o.ID) && b.View.ID == n.promised.ID && b.View.ID.Compare(n.view.ID) > 0 {
		n.commitLocked(b.View)
	}
	if b.View.ID == n.view.ID && !n.view.Interest {
		n.ackedLocked(b.ID, b.Acked[n.o.ID])
		if in := n.view.in[b.ID]; in != nil && in.Lags(b.Sent) {
			streams{n}.fillLocked(b.ID, in)
		}
	}
	if what == membership.NewsDrains {
		n.coordinateLocked(now)
	}
	n.signalLocked()
}

// measureLocked sets the gauges.
func (n *Node) measureLocked() {
	m := n.o.Metrics
	m.Members.Set(float64(len(n.view.Members)))
	m.View.Set(float64(n.view.ID.Number))
	m.HeldFrames.Set(float64(n.logs.HeldFrames()))
	if n.beats.ticks%sweepTicks == 0 {
		m.Homes.Set(float64(n.logs.Count(n.o.ID, &n.view.View)))
	}
}

// request asks one node and decodes its answer. Both are JSON.
func request[A any](ctx context.Context, n *Node, to string, k protocol.Kind, question any) (answer A, err error) {
	data, err := json.Marshal(question)
	if err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, protocol.AskWithin)
	defer cancel()
	data, err = n.o.Transport.Request(ctx, n.subjects.Node(to, k), data)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	return answer, err
}

// Hides reports whether all nodes deliver hidden frames to their user only.
func (n *Node) Hides() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members.AllRead(protocol.HiddenVersion)
}
