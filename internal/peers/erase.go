package peers

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/delivery"
	"confab/internal/messaging"
)

// eraseQuestion asks a node to do its part of an erasure, see package erasure. Exactly one
// of the parts is set.
type eraseQuestion struct {
	// Store asks it to store the frames that wait in its memory.
	Store bool `json:"store,omitzero"`
	// User asks it to forget the user's messages that were sent up to Sent, in one room
	// or in all, and to finish deliveries.
	User string    `json:"user,omitzero"`
	Room string    `json:"room,omitzero"`
	Sent time.Time `json:"sent,omitzero"`
	// Rooms asks it which of these rooms have sessions on it.
	Rooms []string `json:"rooms,omitzero"`
}

// Frames are the frames that wait in memory to be stored: *transcript.DB.
type Frames interface {
	// Flush stores them.
	Flush(ctx context.Context) error
	// Deleted returns the messages of a room that they delete.
	Deleted(roomID string) []string
}

// Deliveries waits for the deliveries of chat logs and webhooks of this node, once they
// have begun.
type Deliveries struct {
	service atomic.Pointer[delivery.Service]
}

// Set sets the deliveries.
func (d *Deliveries) Set(s *delivery.Service) { d.service.Store(s) }

// erase does what a question asks of this node. The answer is for its Rooms.
func (p *Peers) erase(ctx context.Context, q *eraseQuestion) (occupied []string, err error) {
	switch {
	case q.Store:
		return nil, p.Frames.Flush(ctx)
	case q.User != "":
		p.Places.Erase(q.Room, q.User)
		p.CatchUp.Erase(q.Room, q.User)
		messaging.EraseUser(p.Engine, q.Room, q.User, q.Sent)
		if s := p.Deliveries.service.Load(); s != nil {
			return nil, s.Settle(ctx)
		}
		return nil, nil
	}
	return messaging.Occupied(p.Engine, q.Rooms), nil
}

func (p *Peers) answerErase(ctx context.Context, body []byte) ([]byte, error) {
	var q eraseQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	occupied, err := p.erase(ctx, &q)
	if err != nil {
		return nil, err
	}
	return json.Marshal(occupied)
}

// askErase asks all nodes, and reports whether all have done their part.
func (p *Peers) askErase(ctx context.Context, q *eraseQuestion) (occupied []string, complete bool) {
	var others map[string][]byte
	complete = true
	if p.Node != nil {
		body, err := json.Marshal(q)
		if err != nil {
			return nil, false
		}
		others, complete = p.Node.AskOthers(ctx, topicErase, body)
	}
	occupied, err := p.erase(ctx, q)
	for _, answer := range others {
		var some []string
		if json.Unmarshal(answer, &some) != nil {
			complete = false
		}
		occupied = append(occupied, some...)
	}
	return occupied, complete && err == nil
}

// StoreFrames makes all nodes store the frames that wait in memory. It reports whether all
// have.
func (p *Peers) StoreFrames(ctx context.Context) bool {
	_, complete := p.askErase(ctx, &eraseQuestion{Store: true})
	return complete
}

// EraseUser makes all nodes forget a user's messages. It reports whether all have.
func (p *Peers) EraseUser(ctx context.Context, roomID, userID string, sent time.Time) bool {
	_, complete := p.askErase(ctx, &eraseQuestion{User: userID, Room: roomID, Sent: sent})
	return complete
}

// Occupied returns the rooms that have sessions on any node. If a node does not answer, all
// rooms are returned.
func (p *Peers) Occupied(ctx context.Context, roomIDs []string) []string {
	occupied, complete := p.askErase(ctx, &eraseQuestion{Rooms: roomIDs})
	if !complete {
		return slices.Clone(roomIDs)
	}
	return occupied
}
