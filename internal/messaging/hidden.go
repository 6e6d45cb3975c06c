package messaging

import "confab/internal/chat"

// deliverHidden delivers a frame to the connections of its user, in the room's order. All
// others get nothing.
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

// senderOf returns who sent the message that an operation deletes, if that is known, and
// whether only its sender got it.
func (e banning) senderOf(op *Operation) (userID string, hidden bool) {
	return e.o.Rules.Traces.Sender(op.RoomID, op.Target)
}

// hides reports whether a ban hides the message of a session from all others. It is an
// error while a node of the cluster would deliver it to them.
func (e banning) hides(op *Operation) (bool, error) {
	if e.o.Bans == nil || op.Action != chat.ActionSendMessage || op.FromServer || !e.o.Bans.Hides(op.RoomID, op.UserID, op.SenderIP) {
		return false, nil
	}
	return true, e.mayHide()
}

// mayHide refuses messages that are to be hidden while a node of an earlier release would
// deliver them to everybody. The sender reads nothing that tells them from others.
func (e banning) mayHide() error {
	if e.broker.Hides() {
		return nil
	}
	return chat.Errorf(chat.Throttled, rateLimitExceeded).By(ruleHideLater)
}

// hide takes what a filter hides out of the room's rate. It counts in the limits of its user
// only, as all that is hidden.
func (e banning) hide(r *room, op *Operation, j *Judgement) error {
	if op.hidden || j == nil || !j.Hidden {
		return nil
	}
	if err := e.mayHide(); err != nil {
		return err
	}
	r.sequencer.giveBack()
	op.hidden = true
	return nil
}
