package messaging

import (
	"context"
	"log/slog"
	"time"

	"confab/internal/chat"
	"confab/internal/traces"
)

// senderOf returns who sent the message that an operation deletes, if that is known, and
// whether only its sender got it.
func (e banning) senderOf(ctx context.Context, op *Operation) (userID string, hidden bool) {
	if op.OnlyUser != "" {
		return op.OnlyUser, true
	}
	userID, hidden = e.o.Rules.Traces.Sender(op.RoomID, op.Target)
	if userID != "" || e.o.History == nil {
		return userID, hidden
	}
	r := e.find(op.RoomID)
	if r == nil {
		return "", false
	}
	defer r.release(e.Engine)
	if r.state.Load().extensions.History == 0 {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, senderWithin)
	defer cancel()
	userID, hidden, err := e.o.History.Sender(ctx, op.RoomID, op.Target)
	if err != nil {
		e.o.Log.LogAttrs(ctx, slog.LevelWarn, "Sender of a deleted message unknown", slog.String("room", op.RoomID), slog.Any("error", err))
	}
	return userID, hidden
}

// senderWithin bounds the search in the history.
const senderWithin = time.Second

// hides reports whether a ban hides the message of a session from all others. It is an
// error while a node of the cluster would deliver it to them.
func (e banning) hides(op *Operation) (bool, error) {
	if e.o.Bans == nil || op.Action != chat.ActionSendMessage || op.FromServer || !e.o.Bans.Hides(op.RoomID, op.UserID, op.SenderIP) {
		return false, nil
	}
	return true, e.mayHide()
}

// mayHide refuses messages that are to be hidden while a node of an earlier release would
// deliver them to all. The text of the refusal does not tell the sender about the ban.
func (e banning) mayHide() error {
	if e.broker.Hides() {
		return nil
	}
	return chat.Errorf(chat.Throttled, rateLimitExceeded).By(traces.RuleHideLater)
}

// hide gives the room's rate back what a message took that a filter hides. Like every
// hidden message, it counts in the limits of its user only.
func (e banning) hide(r *room, op *Operation, j *Judgement) error {
	if op.hidden || j == nil || !j.Hidden {
		return nil
	}
	if err := e.mayHide(); err != nil {
		return err
	}
	r.sequencer.GiveBack()
	op.hidden = true
	return nil
}
