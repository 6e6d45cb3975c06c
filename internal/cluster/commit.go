package cluster

import (
	"log/slog"
	"slices"
	"time"

	"confab/internal/view"
)

// commitLocked makes v the view.
func (n *Node) commitLocked(v view.View) {
	n.view.end()
	n.firstView.CompareAndSwap(0, v.ID.Number)
	if n.view.wasOpen() {
		n.lastOpen = n.view.ID
	}
	v = v.WithNames()
	n.view = newView(n.ctx, n.o.ID, v, time.Now())
	n.members.Commit(n.view.since)
	n.past = append(n.past[max(0, len(n.past)-pastViews+1):], v)
	n.standing.include(n.ctx)
	n.o.Metrics.ViewChanges.Inc()
	n.measureLocked()
	n.log.LogAttrs(n.ctx, slog.LevelInfo, "View committed",
		slog.Uint64("view", v.ID.Number), slog.Any("members", v.Members), slog.Any("homes", v.Homes))
	if n.view.phase == phaseGathering {
		ctx, past := n.view.ctx, slices.Clone(n.past)
		n.working.Go(func() { n.gather(ctx, v, past) })
	}
	n.engine.ReloadAll()
	n.working.Go(func() { n.sendHeartbeat(false) }) // It shows the members the view, and renews leases.
	n.signalLocked()
}
