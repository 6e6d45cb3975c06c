package enforce

import (
	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/modlog"
)

// Moderated returns messaging.Rules.Moderated: it notes deletions and disconnects in the
// moderation log, with the ids of their events.
func Moderated(log *modlog.Log) func(messaging.Operation) {
	return func(op messaging.Operation) {
		e := &modlog.Event{ID: op.ID, Time: op.Received, RoomID: op.RoomID, Reason: op.Reason, By: modlog.Actor{UserID: op.UserID}}
		if op.UserID == "" {
			e.By = modlog.ActorOf(op.By)
		}
		if e.Action = modlog.DeleteMessage; op.Action == chat.ActionDisconnectUser {
			e.Action = modlog.DisconnectUser
		}
		if e.Action == modlog.DeleteMessage {
			e.MessageID, e.UserID = op.Target, op.Sender
		} else {
			e.UserID = op.Target
		}
		log.Note(e)
	}
}
