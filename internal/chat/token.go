package chat

import (
	"slices"
	"time"
)

// Capability is what the bearer of a chat token may do besides viewing.
type Capability string

// The three capabilities. Each is also the Action of the frame it permits.
const (
	SendMessage    Capability = "SEND_MESSAGE"
	DisconnectUser Capability = "DISCONNECT_USER"
	DeleteMessage  Capability = "DELETE_MESSAGE"
)

// MaxSession and DefaultSession bound the length of a session (API model:
// sessionDurationInMinutes 1–180, default 60).
const (
	MaxSession     = 180 * time.Minute
	DefaultSession = 60 * time.Minute
)

// Bearer is the user whom a token lets in, and what this user may do.
type Bearer struct {
	UserID       string
	Capabilities []Capability // must not be changed
	// Attributes are sent with every message of the session as Sender.Attributes.
	Attributes map[string]string
}

// Can reports whether the bearer has the capability.
func (b *Bearer) Can(c Capability) bool { return slices.Contains(b.Capabilities, c) }

// Staff reports whether the bearer moderates the room.
func (b *Bearer) Staff() bool { return b.Can(DeleteMessage) || b.Can(DisconnectUser) }

// MaxSkew is how much the clock of an application that signs tokens itself may differ.
const MaxSkew = time.Minute

// Token is the content of a chat token: one user may connect to one room, once.
type Token struct {
	// ID makes the token single-use: it is redeemed. See NewTokenID.
	ID   [16]byte
	Room ARN
	Bearer
	IssuedAt time.Time
	// Skew is how far the clock that set IssuedAt may be ahead: that of an application that
	// signs tokens itself. It is zero for other tokens.
	Skew time.Duration
	// Expires is the last moment to connect; SessionExpires ends the session.
	// Both are fixed when the token is issued.
	Expires        time.Time
	SessionExpires time.Time
}

// NotIssuedBefore is the earliest time, by the clocks of the servers, at which the token can
// have been made. What the user lost after that, such as the place in a room, the token does
// not give back.
func (t *Token) NotIssuedBefore() time.Time { return t.IssuedAt.Add(-t.Skew) }
