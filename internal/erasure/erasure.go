// Package erasure removes the messages of a user from everything that Confab keeps: the
// history of rooms, the memory of nodes for clients that join, and the records of chat logs
// that were not delivered yet. Connected clients get events that delete the messages.
//
// An erasure has four steps. Their order makes sure that no removed message comes back:
//
//  1. All nodes store the frames that wait in memory.
//  2. The frames and records are removed from the database (transcript.Erasure).
//  3. All nodes remove the messages from memory, and finish the calls to destinations that
//     may have read removed records.
//  4. The clients of the rooms get the events, at the room's rate.
//
// A call works for some seconds. If it cannot finish, the next call with the same arguments
// continues, on any node.
package erasure

import (
	"context"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/transcript"
)

// Nodes carries steps of an erasure out on all nodes, this one included: *peers.Peers.
type Nodes interface {
	// StoreFrames makes all nodes store the frames that wait in memory. It reports whether
	// all have.
	StoreFrames(ctx context.Context) bool
	// EraseUser makes all nodes forget the user's messages that were sent up to sent, in
	// one room or in all, and finish the deliveries of chat logs that are in progress. It
	// reports whether all have.
	EraseUser(ctx context.Context, roomID, userID string, sent time.Time) bool
	// Occupied returns the rooms that have sessions on any node. If a node does not answer,
	// all rooms are returned.
	Occupied(ctx context.Context, roomIDs []string) []string
}

// Clients are the clients of live rooms: messaging.Erased.
type Clients interface {
	// DeleteMessage tells the clients of a room to remove a message: those of one user, if
	// only that user got it, or all for "".
	DeleteMessage(ctx context.Context, roomID, messageID, onlyUser, by string) error
}

// Transcript keeps the state of erasures: *transcript.DB.
type Transcript interface {
	NewErasure(ctx context.Context, roomID, userID string) (*transcript.Erasure, error)
}

// Rooms reads the settings of rooms: *store.DB.
type Rooms interface {
	Room(ctx context.Context, id string) (*chat.Room, error)
}

// Options configure an Eraser. All fields are required.
type Options struct {
	Account    string
	Transcript Transcript
	Rooms      Rooms
	Clients    Clients
	Nodes      Nodes
}

// Eraser removes what users have written.
type Eraser struct {
	o Options

	mu   sync.Mutex // guards busy
	busy map[subject]bool
}

type subject struct{ room, user string }

// New returns an Eraser.
func New(o Options) *Eraser { return &Eraser{o: o, busy: map[subject]bool{}} }

// Result is the state of an erasure.
type Result struct {
	// Started is when the erasure was first asked for. It is zero if another call works on
	// it now.
	Started time.Time
	Done    bool
	// Messages is how many messages were removed, by this call and those before it.
	Messages int64
	// Logs are the parts of delivered logs that have messages of the user.
	Logs []Log
}

// Log is a part of a delivered log.
type Log struct {
	Destination chat.Destination
	// Prefix is that of the room's objects, or its log stream.
	Prefix     string
	Start, End time.Time
}

const (
	// nodesWithin bounds one question to all nodes.
	nodesWithin = 2 * time.Second
	// tellTime bounds the time for which one call tells clients.
	tellTime = 2 * time.Second
	// tellRooms is how many rooms are told at the same time.
	tellRooms = 256
)

// Erase erases the messages of a user from one room, or from all if roomID is empty. by is
// the ARN of the principal who asks.
func (e *Eraser) Erase(ctx context.Context, roomID, userID, by string) (*Result, error) {
	who := subject{roomID, userID}
	e.mu.Lock()
	busy := e.busy[who]
	e.busy[who] = true
	e.mu.Unlock()
	if busy { // Another call does it now.
		return &Result{}, nil
	}
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.busy, who)
	}()
	state, err := e.o.Transcript.NewErasure(ctx, roomID, userID)
	if err != nil {
		return nil, err
	}
	finished, err := e.work(ctx, state, by)
	if err != nil {
		return nil, err
	}
	out := &Result{Started: state.Started, Done: finished, Messages: state.Messages}
	logs, err := state.Logs(ctx)
	for _, l := range logs {
		if l.Destination.Type == chat.S3 {
			// The key of an object has the hour of its first record.
			l.Start = l.Start.Add(-time.Hour)
		}
		out.Logs = append(out.Logs, Log{l.Destination, chatlog.Prefix(l.Destination.Type, e.o.Account, l.RoomID), l.Start, l.End})
	}
	return out, err
}

// work does some of what is left, and reports whether that was all.
func (e *Eraser) work(ctx context.Context, state *transcript.Erasure, by string) (bool, error) {
	if state.Removing() {
		if !within(ctx, e.o.Nodes.StoreFrames) {
			return false, nil
		}
		if err := state.Remove(ctx); err != nil {
			return false, err
		}
	}
	if state.Removing() {
		return false, nil
	}
	if state.Settling() {
		erased := within(ctx, func(ctx context.Context) bool {
			return e.o.Nodes.EraseUser(ctx, state.RoomID, state.UserID, state.Started)
		})
		if !erased {
			return false, nil
		}
		if err := state.Settle(ctx); err != nil {
			return false, err
		}
	}
	told, err := e.tell(ctx, state, by)
	if err != nil || !told {
		return false, err
	}
	return true, state.Finish(ctx)
}

// within asks all nodes.
func within(ctx context.Context, ask func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, nodesWithin)
	defer cancel()
	return ask(ctx)
}
