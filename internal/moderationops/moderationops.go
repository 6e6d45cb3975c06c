// Package moderationops has the operations of moderators: bans, content filters, the modes of
// rooms, and the moderation log. Each operation is a method of Service, in a file of its own,
// with its input and output.
package moderationops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/operation"
)

// Modes stores the modes of rooms: store.RoomModes.
type Modes interface {
	Set(ctx context.Context, roomID string, change func([]chat.Mode) []chat.Mode) (*chat.Room, error)
}

// Live is the live rooms: *messaging.Engine.
type Live interface {
	// RoomChanged makes every node read the room again.
	RoomChanged(ctx context.Context, roomID string)
}

// Options are what a Service needs. All fields are required.
type Options struct {
	Bans       Bans
	Filters    Filters
	Modes      Modes
	Moderation ModerationLog
	Live       Live
}

// Service serves the operations of moderators.
type Service struct {
	*operation.Access
	o Options
}

// New makes a Service.
func New(access *operation.Access, o Options) *Service { return &Service{access, o} }

// Operations returns the operations.
func (s *Service) Operations() []operation.Operation {
	return []operation.Operation{
		operation.OrBearer(operation.Describe("CreateBan", s.CreateBan)),
		operation.OrBearer(operation.Describe("DeleteBan", s.DeleteBan)),
		operation.Describe("DeleteContentFilter", s.DeleteContentFilter),
		operation.OrBearer(operation.Describe("GetBan", s.GetBan)),
		operation.Describe("GetContentFilter", s.GetContentFilter),
		operation.OrBearer(operation.Describe("GetRoomModes", s.GetRoomModes)),
		operation.OrBearer(operation.Describe("ListBans", s.ListBans)),
		operation.Describe("ListContentFilters", s.ListContentFilters),
		operation.Describe("ListModerationEvents", s.ListModerationEvents),
		operation.WithBody(largestFilter, operation.Describe("PutContentFilter", s.PutContentFilter)),
		operation.Describe("TestContentFilter", s.TestContentFilter),
		operation.OrBearer(operation.Describe("UpdateBan", s.UpdateBan)),
		operation.OrBearer(operation.Describe("UpdateRoomModes", s.UpdateRoomModes)),
	}
}
