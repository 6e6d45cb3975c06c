package peers

import "context"

// TellFilters tells the other nodes that content filters were changed, and waits for their
// answers until ctx ends.
func (p *Peers) TellFilters(ctx context.Context) {
	if p.Node != nil {
		p.Node.AskOthers(ctx, topicFilters, nil)
	}
}

func (p *Peers) readFilters(ctx context.Context, _ []byte) ([]byte, error) {
	if p.Filters == nil {
		return nil, nil
	}
	return nil, p.Filters.Changed(ctx)
}
