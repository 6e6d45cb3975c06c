package peers

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/messaging"
)

// sentQuestion asks a node for the messages of a user that it has in memory for clients
// that join the room. The answer is a list of messaging.Sent.
type sentQuestion struct {
	Room  string    `json:"room"`
	User  string    `json:"user"`
	Since time.Time `json:"since,omitzero"`
}

func (p *Peers) answerSent(_ context.Context, body []byte) ([]byte, error) {
	var q sentQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	return json.Marshal(messaging.SentBy(p.Engine, q.Room, q.User, q.Since))
}

// SentBy returns the messages of a user that nodes have in memory for clients that join the
// room. A message that several nodes have is returned several times. Nodes that do not
// answer are left out.
func (p *Peers) SentBy(ctx context.Context, roomID, userID string, since time.Time) []messaging.Sent {
	sent := messaging.SentBy(p.Engine, roomID, userID, since)
	if p.Node == nil {
		return sent
	}
	body, err := json.Marshal(sentQuestion{roomID, userID, since})
	if err != nil {
		return sent
	}
	others, _ := p.Node.AskOthers(ctx, topicSent, body)
	for _, answer := range others {
		var some []messaging.Sent
		if json.Unmarshal(answer, &some) == nil {
			sent = append(sent, some...)
		}
	}
	return sent
}
