package peers

import (
	"context"

	"confab/internal/modlog"
)

// ModerationLog is the moderation log of all nodes.
type ModerationLog struct {
	*modlog.Log
	Peers *Peers
}

// List makes all nodes store the events that wait in memory, and then lists events.
func (l ModerationLog) List(ctx context.Context, q modlog.Query) ([]modlog.Event, *modlog.Place, error) {
	if l.Peers.Node != nil {
		l.Peers.Node.AskOthers(ctx, topicLog, nil)
	}
	l.Flush(ctx)
	return l.Log.List(ctx, q)
}

func (p *Peers) answerLog(ctx context.Context, _ []byte) ([]byte, error) {
	p.Moderation.Flush(ctx)
	return nil, nil
}
