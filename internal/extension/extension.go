// Package extension has the operations that Confab adds to those of Amazon IVS Chat:
// restJson1 at POST /_confab/v1/<Operation>, signed and authorized like the others, with
// the IAM action confab:<Operation>. Package api serves them.
//
// Every operation is a method of Service, or of contentFilters, in its own file, with its
// input and output. operations.go lists them, and they are described nowhere else: the
// rules of members are tags of their fields, which the server checks, and comments are the
// documentation. From both, go generate makes service-2.json, the service model for
// botocore, boto3 and the AWS CLI, and docs/extension-operations.md.
package extension

//go:generate go test -run ^TestDescription$ -update .

import (
	"context"
	_ "embed"
	"time"

	"confab/internal/chat"
	"confab/internal/erasure"
	"confab/internal/history"
	"confab/internal/iam"
	"confab/internal/messaging"
	"confab/internal/presence"
	"confab/internal/quota"
	"confab/internal/series"
	"confab/internal/traces"
	"confab/internal/webhook"
)

// Model is the service model that botocore, boto3 and the AWS CLI read.
//
//go:embed service-2.json
var Model []byte

// Rooms reads rooms: *store.DB.
type Rooms interface {
	Room(ctx context.Context, id string) (*chat.Room, error)
}

// Modes are what moderators set over the tags of rooms: store.RoomModes.
type Modes interface {
	Set(ctx context.Context, roomID string, change func([]chat.Mode) []chat.Mode) (*chat.Room, error)
}

// Live is the live rooms: *messaging.Engine.
type Live interface {
	// RoomChanged makes every node read the room again.
	RoomChanged(ctx context.Context, roomID string)
	// SendMessage returns once the message is published.
	SendMessage(ctx context.Context, roomID string, m *messaging.ServerMessage) (id string, sent time.Time, err error)
}

// History is what rooms keep: *history.DB.
type History interface {
	List(ctx context.Context, q history.Query) ([]history.Message, *history.Cursor, error)
	Disconnected(ctx context.Context, roomID, userID string, since time.Time) (bool, error)
}

// Presence is who is in the rooms, over all nodes: *presence.Service.
type Presence interface {
	Room(ctx context.Context, roomID string) (presence.Presence, error)
	Users(ctx context.Context, roomID, after string, limit int) (page []presence.User, more bool)
	Rooms(ctx context.Context, from *presence.Place, limit int) (page presence.Page, ok bool)
}

// Erasures removes what users have written: *erasure.Eraser.
type Erasures interface {
	Erase(ctx context.Context, roomID, userID, by string) (*erasure.Result, error)
}

// Webhooks stores webhooks: *webhook.Hooks.
type Webhooks interface {
	Create(ctx context.Context, h *webhook.Hook) error
	Get(ctx context.Context, id string) (*webhook.Hook, error)
	Update(ctx context.Context, id string, change func(*webhook.Hook) error) (*webhook.Hook, error)
	Rotate(ctx context.Context, id string) (*webhook.Hook, error)
	Delete(ctx context.Context, id string) error
	List(ctx context.Context) ([]*webhook.Hook, error)
}

// Endpoints calls the endpoints of webhooks: *notify.Service.
type Endpoints interface {
	CheckURL(url string) error
	Test(ctx context.Context, h *webhook.Hook) (status int, took time.Duration, err error)
}

// Traces is what came of messages, over all nodes: *traces.Memory.
type Traces interface {
	List(ctx context.Context, q *traces.Query) (page []traces.Trace, next *traces.Position)
}

// Options configure a Service. All fields but Quotas and Now are required.
type Options struct {
	Region, Account, Version string
	Rooms                    Rooms
	Live                     Live
	History                  History
	Bans                     Bans
	Filters                  Filters
	Modes                    Modes
	Tokens                   Tokens
	Credentials              Credentials
	Presence                 Presence
	Erasures                 Erasures
	CleanUps                 CleanUps
	Moderation               ModerationLog
	Webhooks                 Webhooks
	Endpoints                Endpoints
	Traces                   Traces
	// Nodes asks all nodes about themselves. It leaves out those that do not answer.
	Nodes func(ctx context.Context) []Node
	// Series asks all nodes for series of their metrics, and returns the sums.
	Series func(ctx context.Context, q *series.Query) []series.Series
	// Actions are the IAM actions of IVS Chat.
	Actions []string
	// Quotas are those that GetServer shows; nil is quota.Off().
	Quotas *quota.Set
	Now    func() time.Time // nil is time.Now
}

// Service is the operations.
type Service struct {
	o       Options
	readers readers
}

// New makes a Service.
func New(o Options) *Service {
	if o.Quotas == nil {
		o.Quotas = quota.Off()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{o: o}
	s.readers.service = s
	return s
}

// room returns the room of a roomIdentifier if the caller is allowed the actions on it.
// Callers who are not allowed them do not learn whether it exists.
func (s *Service) room(ctx context.Context, identifier string, actions ...string) (*chat.Room, error) {
	arn, err := chat.ParseARN(identifier)
	if err != nil {
		return nil, err // The rule of the member refuses it earlier.
	}
	var room *chat.Room
	found := error(chat.NoSuchResource(arn))
	if arn.Region == s.o.Region && arn.Account == s.o.Account {
		if room, found = s.o.Rooms.Room(ctx, arn.ID); found != nil && chat.CodeOf(found) != chat.NotFound {
			return nil, found
		}
	}
	var keys iam.Keys
	if found == nil {
		keys.ResourceTags = room.Tags
	}
	for _, action := range actions {
		if err := iam.CallFrom(ctx).Authorize("confab:"+action, arn, keys); err != nil {
			return nil, err
		}
	}
	return room, found
}

// everyRoom is the resource of operations on all rooms.
func (s *Service) everyRoom() chat.ARN {
	return chat.ARN{Region: s.o.Region, Account: s.o.Account, Type: chat.RoomResource, ID: "*"}
}
