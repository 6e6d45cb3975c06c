package peers

import (
	"context"
	"slices"
	"time"

	"confab/internal/cluster"
	"confab/internal/messaging"
)

// CatchUpNodes connects catch-up (package places) with the other nodes.
type CatchUpNodes struct {
	Node *cluster.Node
	Self string
}

// Others implements places.Nodes.
func (c CatchUpNodes) Others() []string {
	members := c.Node.View().Members
	return slices.DeleteFunc(slices.Clone(members), func(id string) bool { return id == c.Self })
}

// Holders implements places.Nodes.
func (c CatchUpNodes) Holders(roomID string) []string {
	v := c.Node.View()
	return v.Holders(roomID)
}

// Ask implements places.Nodes.
func (c CatchUpNodes) Ask(ctx context.Context, node, topic string, body []byte) ([]byte, bool) {
	return cluster.AskOne(ctx, c.Node, node, topic, body)
}

// CatchUpOverNodes prepares catch-up for clients that return to another node. Places is
// started when the engine exists.
func (p *Peers) CatchUpOverNodes(o *messaging.Options, self string, node *cluster.Node) {
	p.Places.Self, p.Places.Nodes = self, CatchUpNodes{node, self}
	o.CatchUp.Places = p.Places
}

// flushWithin bounds Flush.
const flushWithin = 5 * time.Second

// Flush tells the other nodes how far the clients of this node are. It is called when the
// node stops.
func (p *Peers) Flush(ctx context.Context) {
	if p.Places.Nodes != nil && p.Places.Live != nil {
		ctx, cancel := context.WithTimeout(ctx, flushWithin)
		defer cancel()
		p.Places.Flush(ctx)
	}
}
