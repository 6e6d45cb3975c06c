package cluster

import (
	"log/slog"
	"time"
)

// checkRefusal notices when this node hears nobody because nobody lets it in, as
// with a wrong secret, and when that is over. Such a node would go on alone beside
// a cluster that is well, on the same database, so it takes no new clients. A node
// that hears others is well, whoever else is refused. The caller holds n.mu.
func (n *Node) checkRefusal(now time.Time) {
	if n.o.Refused == nil {
		return
	}
	var why error
	// Before that nobody serves alone, and others may be heard yet.
	if len(n.peers) == 0 && now.Sub(n.started) >= suspectAfter {
		why = n.o.Refused(n.met)
	}
	before := n.refused
	n.refused = why
	switch {
	case why != nil && before == nil:
		n.log.LogAttrs(n.ctx, slog.LevelError, "Not ready: nobody lets this node into the cluster", slog.Any("error", why))
	case why == nil && before != nil:
		n.log.LogAttrs(n.ctx, slog.LevelInfo, "Nobody keeps this node out of the cluster any more", slog.Int("heard", len(n.peers)))
	default:
		return
	}
	n.signal()
}
