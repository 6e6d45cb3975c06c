package messaging

import (
	"context"

	"confab/internal/catchup"
	"confab/internal/members"
)

// CatchUp is what clients get that come back.
type CatchUp struct {
	// Memory has what they missed. Nil means that they get nothing.
	Memory *catchup.Memory
	// Places is nil on a single node that writes no file.
	Places Places
}

// Places asks the other nodes for clients that come back.
type Places interface {
	// Find returns what the other nodes know of a client that joins a room, or nil. When it
	// returns, the room's log has what the client has missed, if any node has it.
	Find(ctx context.Context, roomID string, c catchup.Client, log *catchup.Log) *catchup.Elsewhere
	// Took is called when the client continues at e.Place. It does not block.
	Took(roomID string, c catchup.Client, e *catchup.Elsewhere)
	// Begin adds to a new log the places of clients that a killed process has left.
	Begin(roomID string, log *catchup.Log)
	// Left returns the rooms that are not live yet and of which an earlier process has left
	// places of a user: one room, or all such rooms for "".
	Left(roomID, userID string) []string
}

// CatchUps are the logs of an engine's live rooms.
type CatchUps struct{ engine *Engine }

// CatchUpsOf returns the logs of an engine.
func CatchUpsOf(e *Engine) CatchUps { return CatchUps{e} }

// Logs returns the logs that have every frame from some point on, by room.
func (c CatchUps) Logs() map[string]*catchup.Log {
	if c.engine.o.CatchUp.Memory.Empty() {
		return nil
	}
	c.engine.mu.RLock()
	defer c.engine.mu.RUnlock()
	logs := map[string]*catchup.Log{}
	for id, r := range c.engine.rooms {
		if log := r.kept.Log(); log != nil && r.entered.Load() != nil {
			logs[id] = log
		}
	}
	return logs
}

// Log returns the log of a room, if it has one that has every frame from some point on.
func (c CatchUps) Log(roomID string) *catchup.Log {
	r := c.engine.find(roomID)
	if r == nil {
		return nil
	}
	defer r.release(c.engine)
	if r.entered.Load() == nil {
		return nil
	}
	return r.kept.Log()
}

// Hold makes the room live, and returns its log; nil if clients of the room do not catch
// up. The room stays live while the log has places or reports.
func (c CatchUps) Hold(ctx context.Context, roomID string) (*catchup.Log, error) {
	r, _, err := c.engine.acquire(ctx, roomID, nil)
	if err != nil {
		return nil, err
	}
	defer r.release(c.engine)
	log := r.kept.Log()
	if log == nil {
		return nil, nil
	}
	_, err = r.enter(ctx, c.engine)
	return log, err
}

// Each calls f for each connection of a room on this node, with what it has confirmed.
func (c CatchUps) Each(roomID string, f func(c catchup.Client, number uint64)) {
	Roster(c).look(roomID, func(r *room) {
		ended := r.ended(c.engine)
		r.members.EachOfAll(func(m *members.Member) {
			if !ended(m) {
				f(m.Client(), m.Confirmed())
			}
		})
	})
}

// Confirmed returns what the connections of a client on this node have confirmed.
func (c CatchUps) Confirmed(roomID string, client catchup.Client) (live []uint64) {
	Roster(c).look(roomID, func(r *room) { live = r.members.Confirmed(client, r.ended(c.engine)) })
	return live
}
