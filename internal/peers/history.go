package peers

import (
	"context"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// History returns the history for clients that join. Other nodes may have delivered deletions
// that they could not store yet, because the database had failed. Messages that they deleted are
// left out.
func (p *Peers) History(h messaging.History) messaging.History { return history{h, p} }

type history struct {
	messaging.History
	peers *Peers
}

// deletedWithin bounds the wait for the answers of other nodes, while clients wait.
const deletedWithin = 200 * time.Millisecond

// Latest asks before it reads: what other nodes store meanwhile, the read finds.
func (h history) Latest(ctx context.Context, roomID string, n int, notBefore time.Time) ([]*chat.Frame, error) {
	deleted := h.peers.deletedElsewhere(ctx, roomID)
	all, err := h.History.Latest(ctx, roomID, n, notBefore)
	return slices.DeleteFunc(all, func(f *chat.Frame) bool { return slices.Contains(deleted, f.ID) }), err
}

// deletedElsewhere returns the ids of messages that other nodes have deleted and not stored that.
// Nodes that do not answer have none.
func (p *Peers) deletedElsewhere(ctx context.Context, roomID string) (ids []string) {
	ctx, cancel := context.WithTimeout(ctx, deletedWithin)
	defer cancel()
	answers, _ := p.Node.AskOthers(ctx, topicDeleted, []byte(roomID))
	for _, a := range answers {
		var some []string
		if json.Unmarshal(a, &some) == nil {
			ids = append(ids, some...)
		}
	}
	return ids
}

func (p *Peers) answerDeleted(_ context.Context, roomID []byte) ([]byte, error) {
	return json.Marshal(p.Frames.Deleted(string(roomID)))
}
