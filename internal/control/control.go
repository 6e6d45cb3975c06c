// Package control is the control plane of Amazon IVS Chat, API version
// 2020-07-14: 17 operations over restJson1 with Signature Version 4.
//
// Every operation is a method of Service in its own file, with its input and output;
// routes.go lists them. A request passes these steps:
//
//	read the body, at most restjson.MaxBody
//	authenticate          an unsigned request to an unknown path is unsigned first,
//	                      except on a host that the server shares (BasePath)
//	find the operation    404 UnknownOperationException
//	throttle              the quota on calls of the operation
//	decode                406, 415, SerializationException
//	the method            checks the members, and names all that are wrong at once,
//	                      authorizes with the tags of the resource,
//	                      then looks at what there is
//
// Members are checked before the caller's policies, which need the ARN in the
// members. Callers learn whether a resource exists only if their policies allow the
// operation on its ARN; others are denied. This includes ARNs of another region or
// account, where nothing exists.
package control

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/origin"
	"confab/internal/quota"
	"confab/internal/store"
)

// Live is the live rooms: *messaging.Engine.
type Live interface {
	// SendEvent, DeleteMessage and DisconnectUser return once the frame is published;
	// the id is the frame's.
	SendEvent(ctx context.Context, roomID, name string, attributes map[string]string) (id string, err error)
	DeleteMessage(ctx context.Context, roomID, messageID, reason string) (id string, err error)
	DisconnectUser(ctx context.Context, roomID, userID, reason string) error
	// RoomChanged is called after every committed change of a room.
	RoomChanged(ctx context.Context, roomID string)
}

// Sealer makes chat tokens: *chattoken.Ring.
type Sealer interface {
	Seal(t *chat.Token) (string, error)
}

// Authenticator identifies the caller: *iam.Authenticator.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request, body []byte) (*iam.Principal, error)
}

// Options configure a Service. Region, Account, Store, Live, Tokens and Authenticator
// are required.
type Options struct {
	Region        string
	Account       string
	Store         *store.DB
	Live          Live
	Tokens        Sealer
	Authenticator Authenticator

	// Quotas holds the API call rates and the limits on resources; nil is quota.Off().
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
	// TrustedProxies are the proxies whose X-Forwarded-For sets aws:SourceIp.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins whose pages may call; an empty list allows all.
	CORSOrigins origin.List
	// BasePath comes before the paths of all operations; empty is the whole host.
	BasePath string

	Log     *slog.Logger     // nil discards
	Metrics *Metrics         // nil makes unused ones
	Now     func() time.Time // nil is time.Now
}

// Service is the control plane.
type Service struct {
	Options
	origins origins
}

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
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{Options: o, origins: newOrigins(o.CORSOrigins)}
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
