// Package extension puts together the operations that Confab adds to those of Amazon IVS
// Chat: restJson1 at POST /_confab/v1/<Operation>, signed and authorized like the others, with
// the IAM action confab:<Operation>. Package api serves them.
//
// Packages by subject have the operations: roomops, moderationops, webhookops, serverops. The
// method Operations of each lists its own, and they are described nowhere else: the rules of
// members are tags of their fields, which the server checks, and comments are the
// documentation. From both, go generate makes service-2.json, the service model for
// botocore, boto3 and the AWS CLI, and docs/extension-operations.md.
package extension

//go:generate go test -run ^TestDescription$ -update .

import (
	"context"
	_ "embed"
	"net/netip"
	"slices"
	"time"

	"confab/internal/moderationops"
	"confab/internal/modlog"
	"confab/internal/operation"
	"confab/internal/quota"
	"confab/internal/roomops"
	"confab/internal/series"
	"confab/internal/serverops"
	"confab/internal/webhookops"
)

// Model is the service model that botocore, boto3 and the AWS CLI read.
//
//go:embed service-2.json
var Model []byte

// Live is the live rooms: *messaging.Engine.
type Live interface {
	roomops.Live
	moderationops.Live
}

// History is the history of rooms: *history.DB.
type History interface {
	roomops.History
	// Disconnected reports whether the user was disconnected from the room since then.
	Disconnected(ctx context.Context, roomID, userID string, since time.Time) (bool, error)
}

// Bans are the bans of all rooms: *moderation.Bans.
type Bans interface {
	moderationops.Bans
	// Banned returns the error for a user who is banned from the room, by id or by address.
	Banned(roomID, userID string, ip netip.Addr) error
	// BannedSince reports whether the user was banned from the room at any moment since then.
	BannedSince(ctx context.Context, roomID, userID string, since time.Time) (bool, error)
}

// ModerationLog is the moderation log: peers.ModerationLog.
type ModerationLog interface {
	moderationops.ModerationLog
	Note(e *modlog.Event)
}

// Options configure a Service. All fields but Quotas and Now are required.
type Options struct {
	Region, Account, Version string
	Rooms                    operation.Rooms
	Live                     Live
	History                  History
	Bans                     Bans
	Filters                  moderationops.Filters
	Modes                    moderationops.Modes
	Tokens                   Tokens
	Credentials              serverops.Credentials
	Presence                 roomops.Presence
	Erasures                 roomops.Erasures
	CleanUps                 roomops.CleanUps
	Moderation               ModerationLog
	Webhooks                 webhookops.Webhooks
	Endpoints                webhookops.Endpoints
	Traces                   roomops.Traces
	// Nodes asks all nodes about themselves. It leaves out those that do not answer.
	Nodes func(ctx context.Context) []serverops.Node
	// Series asks all nodes for series of their metrics, and returns the sums.
	Series func(ctx context.Context, q *series.Query) []series.Series
	// Actions are the IAM actions of IVS Chat.
	Actions []string
	// Quotas are those that GetServer shows; nil is quota.Off().
	Quotas *quota.Set
	Now    func() time.Time // nil is time.Now
}

// Service serves all operations that Confab adds.
type Service struct {
	o          Options
	rooms      *roomops.Service
	moderation *moderationops.Service
	webhooks   *webhookops.Service
	server     *serverops.Service
}

// New makes a Service.
func New(o Options) *Service {
	if o.Quotas == nil {
		o.Quotas = quota.Off()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	access := &operation.Access{Region: o.Region, Account: o.Account, Rooms: o.Rooms, Now: o.Now}
	s := &Service{o: o}
	s.rooms = roomops.New(access, roomops.Options{
		Live: o.Live, History: o.History, Presence: o.Presence, Erasures: o.Erasures, CleanUps: o.CleanUps,
		Traces: o.Traces, Moderation: o.Moderation,
	})
	s.moderation = moderationops.New(access, moderationops.Options{
		Bans: o.Bans, Filters: o.Filters, Modes: o.Modes, Moderation: o.Moderation, Live: o.Live,
	})
	s.webhooks = webhookops.New(access, webhookops.Options{Webhooks: o.Webhooks, Endpoints: o.Endpoints})
	s.server = serverops.New(access, serverops.Options{
		Version: o.Version, Credentials: o.Credentials, Nodes: o.Nodes, Series: o.Series, Quotas: o.Quotas,
		Actions: func() []string { return slices.Concat(o.Actions, s.Actions()) },
	})
	return s
}
