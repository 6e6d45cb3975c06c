package peers

import (
	"context"

	"confab/internal/messaging"
	"confab/internal/traces"
)

// Trace makes the memory of attempts to send messages, unless extensions are off. name is
// the name of this node.
func (p *Peers) Trace(o *messaging.Options, name string) {
	if !o.Extensions {
		return
	}
	p.Traces = traces.New(0)
	p.Traces.Node = name
	p.Traces.AskOthers = func(ctx context.Context, body []byte) (map[string][]byte, bool) {
		if p.Node == nil {
			return nil, true
		}
		return p.Node.AskOthers(ctx, topicTraces, body)
	}
	o.Rules.Traces = p.Traces
}

func (p *Peers) answerTraces(ctx context.Context, body []byte) ([]byte, error) {
	if p.Traces == nil {
		return nil, nil
	}
	return p.Traces.Answer(ctx, body)
}
