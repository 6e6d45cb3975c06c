package chat

import (
	"maps"
	"slices"
	"time"
)

// The limits of a room's settings (API model). Lengths are counted in Unicode
// code points, rates in messages per second over all clients of the room.
const (
	MaxMessageLength     = 500
	DefaultMessageLength = MaxMessageLength
	MaxMessageRate       = 100
	DefaultMessageRate   = 10
	MaxRoomLogging       = 3  // logging configurations of one room
	MaxTags              = 50 // tags of one resource
)

// FallbackResult decides on a message if the review handler gave no valid answer.
type FallbackResult string

// The two results.
const (
	Allow FallbackResult = "ALLOW"
	Deny  FallbackResult = "DENY"
)

// MessageReviewHandler reviews a room's messages. An empty URI is a handler that was
// removed: the service still shows it, but does not call it.
type MessageReviewHandler struct {
	URI            string
	FallbackResult FallbackResult
}

// Room is a place where people chat.
type Room struct {
	ARN                  ARN
	Name                 string
	CreateTime           time.Time
	UpdateTime           time.Time
	MaximumMessageLength int
	// MaximumMessageRatePerSecond counts the messages of all clients together.
	MaximumMessageRatePerSecond int
	// MessageReviewHandler is nil in a room that never had one.
	MessageReviewHandler *MessageReviewHandler
	// LoggingConfigurations are ARNs, in the order in which they were given; nil if
	// none were ever given.
	LoggingConfigurations []string
	Tags                  map[string]string
	// Modes are the settings with which moderators override tags. They include those that
	// have expired.
	Modes []Mode
}

// Clone returns a copy that shares nothing with r.
func (r *Room) Clone() *Room {
	c := *r
	if r.MessageReviewHandler != nil {
		h := *r.MessageReviewHandler
		c.MessageReviewHandler = &h
	}
	c.LoggingConfigurations = slices.Clone(r.LoggingConfigurations)
	c.Tags = maps.Clone(r.Tags)
	c.Modes = slices.Clone(r.Modes)
	return &c
}

// Reviewed reports whether the room's messages are reviewed.
func (r *Room) Reviewed() bool {
	return r.MessageReviewHandler != nil && r.MessageReviewHandler.URI != ""
}
