package cluster

import (
	"fmt"
	"log/slog"
	"time"
)

// newer is a node that speaks a version of the wire that this one does not read.
type newer struct {
	version string // the build's
	speaks  int
	heardAt time.Time
}

// tooNew says whether a beat is of a node that this one does not understand. Such
// a node is nobody's peer: whatever it says may mean something else. The caller
// holds n.mu.
func (n *Node) tooNew(b *beat, now time.Time) bool {
	if b.Speaks <= wireVersion {
		delete(n.newer, b.ID)
		return false
	}
	delete(n.peers, b.ID)
	if b.Leaving {
		delete(n.newer, b.ID)
		return true
	}
	if _, known := n.newer[b.ID]; !known {
		n.log.LogAttrs(n.ctx, slog.LevelError, "A node speaks a newer version of the cluster's protocol, and this one does not join it; run the same release on all nodes",
			slog.String("node", b.ID), slog.String("version", b.Version), slog.Int("speaks", b.Speaks), slog.Int("reads", wireVersion))
	}
	n.newer[b.ID] = newer{b.Version, b.Speaks, now}
	return true
}

// forgetNewer forgets those that are not heard any more. The caller holds n.mu.
func (n *Node) forgetNewer(now time.Time) {
	for id, other := range n.newer {
		if now.Sub(other.heardAt) > suspectAfter {
			delete(n.newer, id)
		}
	}
}

// outdated says why this node takes no part in the cluster: there are nodes of a
// newer version, and none of its own. Members of a view serve on, so that one
// node of a newer release stops nobody. The caller holds n.mu.
func (n *Node) outdated() error {
	if len(n.view.Members) > 1 {
		return nil
	}
	for id, other := range n.newer {
		return fmt.Errorf("node %s (%s) speaks version %d of the cluster's protocol, and this one reads up to %d: run the same release on all nodes",
			id, other.version, other.speaks, wireVersion)
	}
	return nil
}
