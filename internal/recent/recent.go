// Package recent keeps the latest messages of rooms in memory, so that a client that joins
// gets them before the first live frame. Package messaging uses it for rooms with the tag
// confab:history.
//
// A Ring has the messages of one room, as connections get them; all connections share the
// bytes. Messages enter it in the step that delivers them (Ring.Keep), so the messages that
// a connection gets first end exactly where its live frames begin: there is neither a gap
// nor a duplicate. Messages that were delivered before the ring existed come from the
// room's history (Ring.Fill).
//
// Memory is bounded: if all rings together have too much, Bound empties those of the rooms
// that no client has joined for the longest time. The next join fills them again.
package recent

import (
	"context"
	"sync"
	"time"

	"confab/internal/chat"
)

// size is how many messages a Ring has. most is how many there may be for a moment, so that
// they are rarely moved.
const (
	size = chat.MaxHistoryOnJoin
	most = size + size/4
)

// Ring has the latest messages of a room, oldest first. Its methods may be called from any
// goroutine.
type Ring struct {
	// erased reports whether a message of a user, sent at a time in nanoseconds, was erased.
	erased func(userID string, sent int64) bool

	// mu guards the fields below. It is taken while the room's output is locked, so no other
	// lock is taken while it is held.
	mu       sync.Mutex
	messages []message
	// hidden is how many of the messages are for their senders only. They do not count as
	// messages of the room, and there are at most size of them.
	hidden int
	// complete is set if the messages reach back to size, or to the room's first.
	complete bool
	// filled is when the history was last read.
	filled time.Time
	// bytes is roughly the memory of the messages.
	bytes int64
	// joined is when a client last asked for messages.
	joined time.Time
	// deleted are the last messages that were deleted, also while the ring is empty: the
	// history may not know of it yet.
	deleted lastIDs

	// filling is held while the history is read.
	filling sync.Mutex
}

// message is a message as connections get it.
type message struct {
	id    string
	user  string // who sent it
	hides bool   // all connections but the user's leave it out
	time  int64  // in nanoseconds
	frame []byte // as Encoder.AppendFrame made it
	late  bool   // while the history is merged: it may still be delivered
}

// Encoder encodes a frame as connections get it.
type Encoder interface {
	AppendFrame(b, json []byte) []byte
}

// Source returns the messages that were delivered before a Ring existed.
type Source interface {
	Encoder
	// Latest returns the newest n messages of the room's history, the oldest first.
	Latest(ctx context.Context, n int) ([]*chat.Frame, error)
	// Delivered returns the last frame of the room that this node has delivered.
	Delivered() Delivered
	// Now returns the time.
	Now() time.Time
}

// New returns an empty Ring. erased reports whether a message that a user sent at a time,
// in nanoseconds since 1970, was erased: such a message may still be delivered, but the
// Ring does not keep it. erased must not block.
func New(erased func(userID string, sent int64) bool) *Ring { return &Ring{erased: erased} }
