// Package ending lists the ways in which Confab ends a session, and what the client sees of
// each.
package ending

import "github.com/go-json-experiment/json"

// Way is a way for a session to end. What the client sees decides whether it comes
// back: any Close frame ends an official client for good. An ERROR 401 or a lost
// connection makes it return with a new token.
type Way struct {
	// Name labels metrics and logs.
	Name string
	// Event is a frame that goes first, for a session that did not get it with its room.
	// It is empty for most.
	Event string
	// Error is the ErrorCode of an ERROR frame that goes first; 0 sends none.
	Error int
	// Message is the ErrorMessage.
	Message string
	// Close is the status of the Close frame; 0 drops the connection without one.
	Close int
	// CloseReason is the text in the Close frame, which some applications show to their
	// users. Package websocket cuts it to the 123 bytes that RFC 6455 allows.
	CloseReason string
	// LastOnly sends the Close frame only when the user has no other session in the room.
	// Otherwise the connection is dropped. An official client that has lost a socket may
	// have two connections, one of which it forgot. ERROR 401 and Close on that one end
	// the client for good. ERROR 401 and a drop make it come back.
	LastOnly bool
}

// sessionOver is what a client reads when the time of its session is over.
const sessionOver = "Session has expired"

// The ways in which Confab ends a session.
var (
	// Kicked: the user was disconnected. The event was delivered just before. The
	// moderator's reason replaces the text, if there is one.
	Kicked = Way{Name: "kicked", Close: 1000, CloseReason: "Disconnected"}
	// SessionOver: the token's session time is over. The client renews by itself.
	SessionOver = Way{
		Name: "session over", Error: 401, Message: sessionOver, Close: 1000, LastOnly: true,
		CloseReason: `{"Type":"ERROR","ErrorCode":401,"ErrorMessage":"` + sessionOver + `"}`,
	}
	// RoomGone: the room was deleted and --close-on-room-delete is set.
	RoomGone = Way{Name: "room deleted", Close: 1000, CloseReason: "Room was deleted"}
	// Draining: the node stops. The client reconnects to another node.
	Draining = Way{Name: "draining", Error: 401, Message: "Server is restarting, please reconnect"}
)

// KickedBy is Kicked with the reason in the event, which reached every node as part of the
// frame.
func KickedBy(event []byte) Way {
	var e struct {
		Attributes struct{ Reason string }
	}
	why := Kicked
	if json.Unmarshal(event, &e) == nil && e.Attributes.Reason != "" {
		why.CloseReason = e.Attributes.Reason
	}
	return why
}
