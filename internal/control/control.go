// Package control is the control plane of Amazon IVS Chat, API version
// 2020-07-14: 17 operations over restJson1 with Signature Version 4.
//
// Every operation is a method of Service in its own file, with its input and output;
// routes.go lists them. Package api serves them.
package control

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/quota"
	"confab/internal/store"
)

// Live is the live rooms: *messaging.Engine.
type Live interface {
	// SendEvent, DeleteMessage and DisconnectUser return once the frame is published;
	// the id is the frame's. by is the ARN of the principal who asks.
	SendEvent(ctx context.Context, roomID, name string, attributes map[string]string) (id string, err error)
	DeleteMessage(ctx context.Context, roomID, messageID, reason, by string) (id string, err error)
	DisconnectUser(ctx context.Context, roomID, userID, reason, by string) error
	// RoomChanged is called after every committed change of a room.
	RoomChanged(ctx context.Context, roomID string)
}

// Sealer makes chat tokens: *chattoken.Ring.
type Sealer interface {
	Seal(t *chat.Token) (string, error)
}

// Options configure a Service. Region, Account, Store, Live and Tokens
// are required.
type Options struct {
	Region  string
	Account string
	Store   *store.DB
	Live    Live
	Tokens  Sealer

	// Extensions is set if the tags of rooms set what Confab adds; otherwise they are
	// plain tags.
	Extensions bool
	// Quotas holds the limits on resources; nil is quota.Off().
	Quotas *quota.Set
	// CheckHandler checks whether the message review handler may be associated
	// with a room. An error that is a *chat.Error refuses it. Nil accepts all.
	CheckHandler func(ctx context.Context, uri string) error
	// TokenLifetime is how long a chat token can be used to connect; 0 is as
	// long as the session it opens.
	TokenLifetime time.Duration
	// MaxEventAttributes is the limit of SendEvent's attributes in bytes; 0 is
	// chat.MaxAttributes.
	MaxEventAttributes int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is the control plane.
type Service struct{ Options }

// New makes a Service.
func New(o Options) *Service {
	if o.Quotas == nil {
		o.Quotas = quota.Off()
	}
	if o.CheckHandler == nil {
		o.CheckHandler = func(context.Context, string) error { return nil }
	}
	if o.MaxEventAttributes == 0 {
		o.MaxEventAttributes = chat.MaxAttributes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}
}

// changed tells the nodes about a committed change of a room, even if the caller has
// left. Other resources are not live.
func (s *Service) changed(ctx context.Context, a chat.ARN) {
	if a.Type == chat.RoomResource {
		s.Live.RoomChanged(context.WithoutCancel(ctx), a.ID)
	}
}

// newARN names a resource that is about to be created.
func (s *Service) newARN(t chat.ResourceType) chat.ARN {
	return chat.ARN{Region: s.Region, Account: s.Account, Type: t, ID: chat.NewID()}
}
