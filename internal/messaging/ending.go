package messaging

// Ending is a way for a session to end. What the client sees decides whether it
// comes back: any Close frame ends an official client for good, an ERROR 401 or
// a lost connection makes it return with a new token.
type Ending struct {
	// Name labels metrics and logs.
	Name string
	// Error is the ErrorCode of an ERROR frame that goes first; 0 sends none.
	Error int
	// Message is the ErrorMessage.
	Message string
	// Close is the status of the Close frame; 0 drops the connection without one.
	Close int
	// CloseReason is the text in the Close frame; no official client reads it.
	CloseReason string
}

// The ways in which Confab ends a session.
var (
	// Kicked: the user was disconnected; the event went out just before.
	Kicked = Ending{Name: "kicked", Close: 1000, CloseReason: "Disconnected"}
	// SessionOver: the time of the token is up. The client renews by itself.
	SessionOver = Ending{Name: "session over", Error: 401, Message: "Session has expired", Close: 1000, CloseReason: "Session has expired"}
	// RoomGone: the room was deleted and --close-on-room-delete is set.
	RoomGone = Ending{Name: "room deleted", Close: 1000, CloseReason: "Room was deleted"}
	// Draining: the node stops. The client comes back, to another node.
	Draining = Ending{Name: "draining", Error: 401, Message: "Server is restarting, please reconnect"}
)
