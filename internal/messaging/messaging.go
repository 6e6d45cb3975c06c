// Package messaging is the heart of Confab: the rooms that are live on this
// node, the sessions in them, and the way of a message from its sender to
// everybody in the room.
//
// It knows no NATS, no sockets, no SQL and no AWS. What it needs of them stands
// in this file as small interfaces, and package app hands them in.
//
// A message's way:
//
//	Session.SendMessage   what one node can check: capability, sizes, the connection's rate
//	→ Home.Do             the one node that sequences the room, here or one request away
//	→ Broker.Await        until that node may number frames of the room
//	→ Engine.Sequence     the room's rate, the account's quota, Reviewer
//	→ Broker.Next         the frame's place in the room's order; then Transcript
//	→ Broker.Publish      every node, this one included
//	→ Engine.Deliver      the live room on each node
//	→ Audience.Deliver    one prepared frame to all its connections
package messaging

import (
	"context"
	"errors"
	"time"

	"confab/internal/chat"
)

// Broker carries frames and notices between nodes, and says when this node may
// number the frames of a room.
type Broker interface {
	// Await returns once this node may sequence the room, which takes as long as
	// a change of the cluster. ErrMoved means that another node is the room's
	// home, ErrPublished that the room has a frame of this id: the operation is a
	// repetition, and done. Unavailable means that nobody knows within ctx.
	Await(ctx context.Context, roomID, id string) (Turn, error)
	// Next gives f its place in the room's order. The engine has filled in Epoch
	// and Sequence as a node on its own would; a cluster puts its own there. It
	// does not block. ErrNotNow asks the caller to Await again; the other errors
	// are those of Await. Every frame that has a place is published.
	Next(f *chat.Frame) error
	// Publish hands the frame to Engine.Deliver on every node, this one included.
	// Calls for one room are made one after another, in the order of the
	// numbers, and do not block. The channel gives nil once no single node that
	// fails can take the frame along, and ErrMoved when the frame reaches nobody;
	// a nil channel means that all is done.
	Publish(f *chat.Frame) <-chan error
	// RoomChanged has every node, this one included, call Engine.Reload for the
	// room. The notice carries no data, so a late one is never stale.
	RoomChanged(ctx context.Context, roomID string) error
}

// Turn is a time during which one node sequences a room.
type Turn struct {
	// Epoch tells turns apart; it is 0 for a node on its own.
	Epoch uint64
	// Messages is how many messages the room had in the second before the call,
	// whoever sequenced them: the room's rate goes on where it was.
	Messages int
}

// What a Broker may answer. No client sees these: the caller of Engine.Sequence
// asks the room's new home instead.
var (
	ErrMoved     = errors.New("messaging: another node is the room's home")
	ErrNotNow    = errors.New("messaging: the cluster is changing")
	ErrPublished = errors.New("messaging: the room has this frame already")
)

// Home carries operations out on the node that sequences their room. At any time
// one node sequences a room, so that every receiver sees one order and the room's
// limits are exact. A cluster finds that node, also when it changes meanwhile; on
// a node on its own it is the engine itself.
type Home interface {
	// Do carries one operation out and returns once its frame survives the loss of
	// any one node. It returns the id of the frame. Errors are *chat.Error for what
	// the sender may read: Throttled, QuotaExceeded, Rejected, NotFound, Unavailable.
	Do(ctx context.Context, op Operation) (id string, err error)
}

// Rooms is the durable truth about rooms.
type Rooms interface {
	// Room returns the room, or a NotFound. The caller keeps the result.
	Room(ctx context.Context, id string) (*chat.Room, error)
}

// Tokens makes chat tokens single-use.
type Tokens interface {
	// Redeem spends the token. The first call for an id succeeds and is durable
	// against kill -9 when it returns; every later one, on any node, is
	// Unauthenticated. Unavailable means that nobody knows.
	Redeem(ctx context.Context, id [16]byte, expires time.Time) error
}

// Reviewer asks a room's message review handler.
type Reviewer interface {
	// Review returns the message as it shall be delivered, or Rejected with the
	// handler's reason. It never takes longer than its time limit and never
	// fails for want of an answer: then the room's fallback result decides.
	Review(ctx context.Context, room *chat.Room, m *chat.Message, senderIP string) (*chat.Message, error)
}

// Transcript is the durable record of the frames that a room delivered.
type Transcript interface {
	// Append queues the frame behind those appended before and returns at once.
	// The channel is closed when the frame is durable against kill -9, or has
	// been given up and counted: a room goes on when the disk does not. Frames
	// of one room become durable in the order of the calls.
	Append(f *chat.Frame) <-chan struct{}
}

// Operation is what a home is asked to do. It holds only what travels well, for
// the home may be another node.
type Operation struct {
	Action chat.Action
	// ID will be the frame's. It is given where the request comes in, so that an
	// operation that is asked for again, of the room's next home, is known.
	ID     string
	RoomID string
	// Room is what a home goes by that cannot read the room itself: the settings
	// as the session's node last read them, without name and tags. It is nil for
	// operations over HTTP.
	Room *chat.Room `json:",omitzero"`
	// RequestID is echoed in the frame; empty for operations over HTTP.
	RequestID string
	// Received is when the service received the request.
	Received time.Time
	// Content and the sender belong to SendMessage.
	Content          string
	UserID           string
	SenderAttributes map[string]string
	SenderIP         string
	// Attributes are a message's or an event's.
	Attributes map[string]string
	// EventName belongs to SendEvent.
	EventName string
	// Target is the message to delete or the user to disconnect.
	Target string
	// Reason says why, of DeleteMessage and DisconnectUser.
	Reason string
}

// Audience is everybody who is connected to one live room on this node. Package
// edge makes it, so that fan-out stays next to the sockets.
type Audience interface {
	// Deliver queues the frame for every member, behind everything delivered
	// before, and returns how many there are. It does not block and keeps json
	// no longer than the call.
	Deliver(json []byte) int
}

// Conn is the connection of one session. Its methods do not block.
type Conn interface {
	// Send queues a frame for this connection alone, behind everything that
	// was delivered to its room before.
	Send(json []byte)
	// End ends the connection as the reason's table says, behind everything
	// queued before. Only the first call counts.
	End(Ending)
}
