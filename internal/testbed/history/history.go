// Package history records what the clients of a run sent and received, and decides whether a
// correct chat service could have behaved like that. It is the checker of the fault suite, in
// the manner of Jepsen.
//
// Everything in it is a pure function of a History. It knows only what clients can see, so
// the same rules apply to one node, to several, and to Amazon IVS Chat itself.
package history

import (
	"fmt"
	"math"
	"time"
)

// StillOpen is Connection.Ended of a connection that was open when the run had
// come to rest, and so has everything it ever gets.
const StillOpen = time.Duration(math.MaxInt64)

// History is one run. Times count from its start, by the recording process's
// monotonic clock: clocks of nodes play no part.
type History struct {
	Connections []*Connection
	Requests    []*Request
	Handshakes  []Handshake
	// GaveUp has every client that gave up as an official client does:
	// refused four times in a row.
	GaveUp []GaveUp
	// Rates holds the maximum message rate of rooms whose rate is to be
	// checked, in messages per second.
	Rates map[string]int
	// OnJoin holds how many kept messages rooms give to new connections.
	OnJoin map[string]int
	// Kept holds the messages of rooms that a node listed at the end, the oldest first.
	Kept map[string][]Frame
	// CatchUp holds the rooms in which clients get what they missed when they come back.
	CatchUp map[string]bool
	// Presence holds the rooms in which clients are told how many there are. Present is what
	// nodes answered about them at the end.
	Presence map[string]bool
	Present  []Present
	// SlowMode holds the time between two messages of a user, of rooms that have one. No staff
	// sends messages there.
	SlowMode map[string]time.Duration
	Bans     []*Ban
	// DisconnectBan holds the rooms in which a disconnect bans its user.
	DisconnectBan map[string]bool
	// Stopped are the times in which a node was stopped.
	Stopped []Stopped
	// Writes are writes of the control plane, Stored what was read of each
	// register at the end; one that is missing was not found.
	Writes []*Write
	Stored map[string]int
	// Partitions are the times in which nodes could not reach each other.
	Partitions []Partition
}

// Connection is one WebSocket connection, from the 101 on.
type Connection struct {
	// Client names the client; it has one connection after another.
	Client, User, Room, Node string
	Opened, Ended            time.Duration
	Ending                   Ending
	// First are the messages of the room's history that came first.
	First []Frame
	// withheld is how many messages came first besides, which only this user got.
	withheld int
	// Missed is how many frames the connection was told that its client missed; "some" if
	// that is not known.
	Missed string
	// Viewers are how many people it was told that there are.
	Viewers []Viewers
	// Frames are the MESSAGE and EVENT frames in the order of their arrival.
	Frames []Frame
}

// Ending is how a connection ended, as its client saw it.
type Ending string

// The ways in which connections end.
const (
	EndedNot     Ending = ""        // open at the end of the run
	EndedDropped Ending = "dropped" // lost without a Close frame
	EndedRenewed Ending = "renewed" // ERROR 401: the client came back by itself
	EndedClosed  Ending = "closed"  // a Close frame: final for an official client
	EndedLeft    Ending = "left"    // by the client's own will
)

// Frame is one MESSAGE or EVENT.
type Frame struct {
	ID, RequestID string
	// Event is the EventName; empty for a MESSAGE.
	Event string
	// Content is a message's.
	Content string
	// Target is the user of an aws:DISCONNECT_USER.
	Target string
	// Sum is a checksum of all bytes of the frame.
	Sum uint64
	At  time.Duration
}

// DisconnectEvent is the event that goes before a kick.
const DisconnectEvent = "aws:DISCONNECT_USER"

// Action is what a request asks for.
type Action string

// The actions of clients, and SendEvent of the API.
const (
	SendMessage    Action = "SEND_MESSAGE"
	DeleteMessage  Action = "DELETE_MESSAGE"
	DisconnectUser Action = "DISCONNECT_USER"
	SendEvent      Action = "SendEvent"
)

// Request is one request of a client.
type Request struct {
	// ID is the RequestId, different for every request of a run; empty for
	// requests over HTTP, which have none.
	ID                       string
	Client, User, Room, Node string
	Action                   Action
	// Content is what a SendMessage said, Target whom a DisconnectUser or which message a
	// DeleteMessage named.
	Content, Target string
	Sent, Answered  time.Duration
	Outcome         Outcome
	// FrameID is the Id of the frame that acknowledged it.
	FrameID string
	// Code is the ErrorCode or HTTP status of a refusal.
	Code int
}

// Outcome is what the sender knows about its request.
type Outcome string

// The outcomes.
const (
	Unknown      Outcome = "unknown"      // the connection ended before an answer
	Acknowledged Outcome = "acknowledged" // the sender got its own frame back, or HTTP 200
	Refused      Outcome = "refused"      // ERROR, or another HTTP status
)

// Handshake is one attempt to connect.
type Handshake struct {
	// Token names the chat token; it is not the token. Room and User are what it says.
	Token, Node, Room, User string
	At, Answered            time.Duration
	// Status is the HTTP status; 0 when there was no answer, so nothing but the
	// server knows whether the token is spent.
	Status int
}

// GaveUp is a client that came back no more, after it was refused with this HTTP status.
type GaveUp struct {
	Client, User, Room string
	At                 time.Duration
	Status             int
}

// String says who gave up, when and why.
func (g GaveUp) String() string { return fmt.Sprintf("%s at %s: %d", g.Client, g.At, g.Status) }

// Partition is a time in which the nodes of one side could not reach those of
// another.
type Partition struct {
	// From is when the link broke; To is when the nodes are expected to be one
	// cluster again, not only when the link was mended.
	From, To time.Duration
	// Side numbers the side of each node.
	Side map[string]int
}
