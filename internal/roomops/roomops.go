// Package roomops has operations on what is in rooms: their messages and the attempts to
// send them, and the users who are connected. Each operation is a method of Service, in a
// file of its own, with its input and output.
package roomops

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/erasure"
	"confab/internal/history"
	"confab/internal/messaging"
	"confab/internal/modlog"
	"confab/internal/operation"
	"confab/internal/presence"
	"confab/internal/traces"
)

// Live is the live rooms: *messaging.Engine.
type Live interface {
	// SendMessage returns once the message is published.
	SendMessage(ctx context.Context, roomID string, m *messaging.ServerMessage) (id string, sent time.Time, err error)
}

// History is the history of rooms: *history.DB.
type History interface {
	// List returns a page, and where the next one begins; nil if it is the last.
	List(ctx context.Context, q history.Query) ([]history.Message, *history.Cursor, error)
}

// Presence counts and lists the users of rooms, over all nodes: *presence.Service.
type Presence interface {
	Room(ctx context.Context, roomID string) (presence.Presence, error)
	// Users returns users ordered by their ids, those after one of them, and whether there
	// are more.
	Users(ctx context.Context, roomID, after string, limit int) (page []presence.User, more bool)
	// Rooms reports false if the snapshot of an earlier page is not kept any more.
	Rooms(ctx context.Context, from *presence.Place, limit int) (page presence.Page, ok bool)
}

// Erasures removes what users have written: *erasure.Eraser.
type Erasures interface {
	Erase(ctx context.Context, roomID, userID, by string) (*erasure.Result, error)
}

// CleanUps deletes the messages of users: *erasure.Cleaner.
type CleanUps interface {
	// Clean returns how many messages are deleted.
	Clean(ctx context.Context, room *chat.Room, what erasure.CleanUp) (int, error)
}

// Traces lists the attempts to send messages, over all nodes: *traces.Memory.
type Traces interface {
	List(ctx context.Context, q *traces.Query) (page []traces.Trace, next *traces.Position)
}

// ModerationLog records what operations did: peers.ModerationLog.
type ModerationLog interface {
	Note(e *modlog.Event)
}

// Options are what a Service needs. All fields are required.
type Options struct {
	Live       Live
	History    History
	Presence   Presence
	Erasures   Erasures
	CleanUps   CleanUps
	Traces     Traces
	Moderation ModerationLog
}

// Service serves the operations on what is in rooms.
type Service struct {
	*operation.Access
	o Options
}

// New makes a Service.
func New(access *operation.Access, o Options) *Service { return &Service{access, o} }

// Operations returns the operations.
func (s *Service) Operations() []operation.Operation {
	return []operation.Operation{
		operation.OrBearer(operation.Describe("DeleteUserMessages", s.DeleteUserMessages)),
		operation.Describe("EraseUser", s.EraseUser),
		operation.Describe("GetRoomPresence", s.GetRoomPresence),
		operation.OrBearer(operation.Describe("ListMessages", s.ListMessages)),
		operation.OrBearer(operation.Describe("ListMessageTraces", s.ListMessageTraces)),
		operation.Describe("ListRoomPresence", s.ListRoomPresence),
		operation.Describe("ListRoomUsers", s.ListRoomUsers),
		operation.Describe("SendMessage", s.SendMessage),
	}
}
