// Package messaging is the heart of Confab: the rooms that are live on this node, their
// sessions, and the path of a message from its sender to everybody in the room.
//
// It knows no NATS, no sockets, no SQL and no AWS. This file defines what it needs of
// them as small interfaces, and package app passes them in.
//
// The path of a message:
//
//	Session.SendMessage   what one node can check: capability, sizes, the connection's rate
//	→ Home.Do             the one node that sequences the room, here or one request away
//	→ Broker.Await        until that node may number frames of the room
//	→ Engine.Sequence     bans, modes, the room's rate, the account's quota, content filters, Reviewer (rules.go)
//	→ Broker.Next         the frame's place in the room's order; then Transcript
//	→ Broker.Publish      every node with sessions of the room
//	→ Engine.Deliver      the live room on each node
//	→ Audience.Deliver    one prepared frame to all its connections
package messaging

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"confab/internal/chat"
)

// Broker carries frames and notices between nodes, and decides when this node may number
// the frames of a room.
type Broker interface {
	// Await returns once this node may sequence the room. This takes as long as a change
	// of the cluster. ErrMoved means that another node is the room's home. ErrPublished
	// means that the room already has a frame with this id: the operation is a retry and
	// is done. Unavailable means that the home is still unknown when ctx ends.
	Await(ctx context.Context, roomID, id string) (Turn, error)
	// Next gives f its place in the room's order. The engine has filled in Epoch and
	// Sequence as for a single node, and a cluster replaces them. Next does not block.
	// ErrNotNow asks the caller to call Await again. The other errors are those of Await.
	// Every frame that has a place is published or dropped.
	Next(f *chat.Frame) error
	// Publish passes the frame to Engine.Deliver on this node and on every one that has entered
	// the room. Calls for one room are made one after another, in the order of the numbers, and
	// do not block. The channel returns nil once the frame survives the failure of any single
	// node, and ErrMoved if the frame is not delivered. A nil channel means that there is
	// nothing to wait for.
	Publish(f *chat.Frame) <-chan error
	// Stands reports whether this node may still publish a frame that has a place: its room
	// has no later home. It is asked again while a frame waits for the transcript.
	Stands(f *chat.Frame) bool
	// Drop gives up a frame that does not stand any more. The channel returns ErrMoved.
	Drop(f *chat.Frame) <-chan error
	// Enter returns once every later frame of the room is delivered on this node. It returns
	// the place in the room's order behind which that holds. Unavailable means that the
	// room's home did not answer in time. Each success is undone by one call of Leave.
	Enter(ctx context.Context, roomID string) (chat.Point, error)
	// Leave allows the Broker to keep frames of the room from this node. It does not block.
	Leave(roomID string)
	// Hides reports whether every node delivers a frame with chat.Frame.Hidden to its user
	// only. Nodes of earlier releases deliver it to everybody.
	Hides() bool
	// RoomChanged makes every node, this one included, call Engine.Reload for the room.
	// The notice carries no data, so a late one is never stale.
	RoomChanged(ctx context.Context, roomID string) error
}

// Turn is a period during which one node sequences a room.
type Turn struct {
	// Epoch identifies the turn. It is 0 on a single node.
	Epoch uint64
	// Messages is how many messages the room had in the second before the call, on any
	// home. The room's rate continues from there.
	Messages int
}

// The errors of a Broker. No client sees these: the caller of Engine.Sequence asks the
// room's new home instead.
var (
	ErrMoved     = errors.New("messaging: another node is the room's home")
	ErrNotNow    = errors.New("messaging: the cluster is changing")
	ErrPublished = errors.New("messaging: the room has this frame already")
)

// ErrKicked refuses a request of a session whose user was disconnected before the request
// had its place in the room's order. The session ends, and the client gets no answer.
var ErrKicked = errors.New("messaging: the user was disconnected")

// Home carries out operations on the node that sequences their room. At any time one node sequences
// a room, so that every receiver sees one order and the room's limits are exact. A cluster finds
// that node, even if it changes meanwhile. On a single node it is the engine itself.
type Home interface {
	// Do carries out one operation and returns the id of its frame once the frame survives the loss
	// of any one node. Errors are *chat.Error for what the sender may read: Throttled,
	// QuotaExceeded, Rejected, NotFound, Unavailable. ErrKicked is for a session that is ending.
	Do(ctx context.Context, op Operation) (id string, err error)
}

// Rooms reads rooms from the database.
type Rooms interface {
	// Room returns the room, or NotFound. The caller owns the result.
	Room(ctx context.Context, id string) (*chat.Room, error)
}

// Tokens makes chat tokens single-use.
type Tokens interface {
	// Redeem spends the token of a client at an address. The first call for a token
	// succeeds and is durable against kill -9. Every later one, on any node, is
	// Unauthenticated. AccessDenied: the bearer is banned, on whatever node, and the token
	// is not spent. Unavailable: the outcome is unknown.
	Redeem(ctx context.Context, t *chat.Token, ip netip.Addr) error
}

// Reviewer asks a room's message review handler.
type Reviewer interface {
	// Review returns the message as it shall be delivered, or Rejected with the handler's
	// reason. It never takes longer than its time limit. Without an answer the room's
	// fallback result decides, and fallback is set.
	Review(ctx context.Context, room *chat.Room, m *chat.Message, senderIP string) (reviewed *chat.Message, fallback bool, err error)
}

// Transcript is the durable record of the frames that a room delivered.
type Transcript interface {
	// Append queues the frame after those appended before and returns at once. The channel is
	// closed when the frame is durable against kill -9, or was dropped and counted: a room
	// continues when the disk fails. Frames of one room become durable in the order of the calls.
	// One that does not stand (chat.Frame.Stands) when it is about to be stored is left out; no
	// other frame of the room is stored meanwhile. A Withdrawn one removes others.
	Append(f *chat.Frame) <-chan struct{}
	// Queue is Append for a caller that calls Write next, when it holds no lock. Write may write
	// the frame in the goroutine of the caller, so that no other one has to wake up for it.
	Queue(f *chat.Frame) <-chan struct{}
	Write()
	// Failing reports whether frames cannot be stored now. Then no caller waits for them.
	Failing() bool
}

// Webhooks knows which webhooks get frames. Its methods do not block.
type Webhooks interface {
	// For returns the ARNs of the webhooks that want the frames of an action in a room.
	For(room *chat.Room, action chat.Action) []string
	// SelectsBy reports whether a webhook selects rooms by a tag with this key.
	SelectsBy(key string) bool
}

// Operation is a request to a room's home. It must be serializable, because the home may
// be another node.
type Operation struct {
	Action chat.Action
	// ID becomes the id of the frame. It is assigned where the request arrives, so that
	// the room's next home recognizes a retry.
	ID     string
	RoomID string
	// Room is for a home that cannot read the room itself: the settings as the session's
	// node last read them, without name and tags. It is nil for operations over HTTP.
	Room *chat.Room `json:",omitzero"`
	// RequestID is echoed in the frame. It is empty for operations over HTTP.
	RequestID string
	// Received is when the service received the request.
	Received time.Time
	// UserID is the user whose session asks. It is empty for operations over HTTP.
	UserID string
	// Joined is the last kick in the room that the session joined behind. It is nil for
	// operations over HTTP and from nodes of earlier releases.
	Joined *chat.Point `json:",omitzero"`
	// Content and the attributes of the sender belong to SendMessage.
	Content          string
	SenderAttributes map[string]string
	SenderIP         string // for every operation of a session, not only messages
	// Staff is set if the session has DELETE_MESSAGE or DISCONNECT_USER.
	Staff bool `json:",omitzero"`
	// FromServer is set for a message of Engine.SendMessage, which does not count against
	// the room's rate, for a disconnect that a ban makes, and for a deletion that an erasure
	// makes. SkipReview is set if the review handler is not asked.
	FromServer bool `json:",omitzero"`
	SkipReview bool `json:",omitzero"`
	// Again is set if another home of the room was asked before.
	Again bool `json:",omitzero"`
	// Attributes are a message's or an event's.
	Attributes map[string]string
	// EventName belongs to SendEvent.
	EventName string
	// Target is the message to delete or the user to disconnect.
	Target string
	// Reason is the reason of a DeleteMessage or a DisconnectUser.
	Reason string
	// By is the ARN of the principal that asks over HTTP, for the record of a deletion or ban.
	By string `json:",omitzero"`

	// OnlyUser is the user whose connections alone get the event of a deletion by an erasure:
	// only they got the message. The home cannot know that any more. It is empty for others.
	OnlyUser string `json:",omitzero"`

	// Sender is the user whose message is deleted, if the home knows it.
	Sender string `json:"-"`
	// hidden is set by the home for a message that only its user gets.
	hidden bool
}

// OutlastsFrame reports whether the operation is not done when its frame is delivered: after a
// moderator's disconnect, the home calls Options.Disconnected.
func (op *Operation) OutlastsFrame() bool {
	return op.Action == chat.ActionDisconnectUser && !op.FromServer
}

// Audience is everybody who is connected to one live room on this node. Package edge
// implements it, so that fan-out stays next to the sockets. One that is a replay.Audience
// can replay messages to new connections. In rooms of others, those who join get no history.
type Audience interface {
	// Deliver queues the frame for every member, after everything delivered before, and returns
	// how many members there are. It does not block and does not keep json after it returns.
	Deliver(json []byte) int
}

// History is what rooms keep of their messages.
type History interface {
	// Latest returns the newest n messages that were neither deleted nor erased and are not
	// older than notBefore, the oldest first. Hidden ones among them come as well.
	Latest(ctx context.Context, roomID string, n int, notBefore time.Time) ([]*chat.Frame, error)
	// Sender returns who sent a message, if the history keeps it and it is not very old, and
	// whether only its sender got it.
	Sender(ctx context.Context, roomID, messageID string) (userID string, hidden bool, err error)
}
