package messaging

import "time"

// EraseUser removes the user's messages from what an engine keeps for clients that join a
// room, and from the traces of a room, or any room if roomID is empty: those that it has, and
// those that are under way and were sent up to sent. They were removed from the history before.
func EraseUser(e *Engine, roomID, userID string, sent time.Time) {
	e.o.Rules.Traces.Erase(roomID, userID, sent, e.now())
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id, r := range e.rooms {
		if roomID != "" && roomID != id {
			continue
		}
		r.kept.Erase(userID, sent, e.now())
	}
}

// Occupied returns which of the rooms have sessions on the engine's node.
func Occupied(e *Engine, roomIDs []string) (occupied []string) {
	for _, id := range roomIDs {
		r := e.find(id)
		if r == nil {
			continue
		}
		if users, _ := r.members.Count(); users > 0 {
			occupied = append(occupied, id)
		}
		r.release(e)
	}
	return occupied
}
