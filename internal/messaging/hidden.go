package messaging

import "confab/internal/chat"

// deliverHidden delivers a frame to the connections of the user who sent it, in the room's
// order. All others get nothing.
func (r *room) deliverHidden(f *chat.Frame) int {
	var conns []Conn
	r.sessionsMu.Lock()
	for s := r.users[f.UserID]; s != nil; s = s.next {
		conns = append(conns, s.conn)
	}
	r.sessionsMu.Unlock()
	for _, c := range conns {
		c.Send(f.JSON)
	}
	return len(conns)
}
