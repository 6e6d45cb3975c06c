package store

import (
	"context"

	"confab/internal/chat"
	"confab/internal/moderation"
	"confab/internal/sqldb"
	"confab/internal/webhook"
)

// hookSealer implements webhook.Sealer.
type hookSealer struct{ *sealer }

func (s hookSealer) Seal(value []byte, place string) []byte { return s.seal(value, place) }

func (s hookSealer) Open(sealed []byte, place string) ([]byte, error) { return s.open(sealed, place) }

func newHooks(db *DB) *webhook.Hooks {
	return webhook.New(db.main, webhook.Options{
		Region: db.o.Region, Account: db.o.Account, Sealer: hookSealer{db.seal}, Watch: db.watch, Now: db.o.Now, Log: db.o.Log,
		Append: func(ctx context.Context, frames []*chat.Frame) error { return db.transcript.Insert(ctx, frames) },
	})
}

// changedRoom is a room in an event, with the members of GetRoom's answer.
type changedRoom struct {
	ARN                             string            `json:"arn"`
	ID                              string            `json:"id"`
	Name                            string            `json:"name,omitempty"`
	CreateTime                      string            `json:"createTime,omitempty"`
	UpdateTime                      string            `json:"updateTime,omitempty"`
	MaximumMessageLength            int               `json:"maximumMessageLength,omitempty"`
	MaximumMessageRatePerSecond     int               `json:"maximumMessageRatePerSecond,omitempty"`
	MessageReviewHandler            *changedHandler   `json:"messageReviewHandler,omitempty"`
	LoggingConfigurationIdentifiers []string          `json:"loggingConfigurationIdentifiers,omitempty"`
	Tags                            map[string]string `json:"tags,omitempty"`
}

type changedHandler struct {
	URI            string `json:"uri"`
	FallbackResult string `json:"fallbackResult"`
}

// noteRoom notes a change of a room for webhooks. tags are those that the room had before,
// if they have changed.
func noteRoom(ctx context.Context, s sqldb.Session, n *webhook.Notes, t webhook.EventType, r *chat.Room, tags ...map[string]string) error {
	shown := &changedRoom{ARN: r.ARN.String(), ID: r.ARN.ID, Name: r.Name, Tags: r.Tags}
	if t != webhook.RoomDeleted {
		shown.CreateTime, shown.UpdateTime = chat.FormatTime(r.CreateTime), chat.FormatTime(r.UpdateTime)
		shown.MaximumMessageLength, shown.MaximumMessageRatePerSecond = r.MaximumMessageLength, r.MaximumMessageRatePerSecond
		shown.LoggingConfigurationIdentifiers = r.LoggingConfigurations
		if h := r.MessageReviewHandler; h != nil {
			shown.MessageReviewHandler = &changedHandler{h.URI, string(h.FallbackResult)}
		}
	}
	return n.Add(ctx, s, &webhook.Change{
		Event: webhook.Event{Type: t, Room: shown}, RoomID: r.ARN.ID, Tags: append([]map[string]string{r.Tags}, tags...),
	})
}

// changedBan is a ban in an event, with the members of GetBan's answer.
type changedBan struct {
	ID             string `json:"id"`
	Type           string `json:"type"`
	UserID         string `json:"userId,omitempty"`
	IPRange        string `json:"ipRange,omitempty"`
	RoomArn        string `json:"roomArn,omitempty"`
	Reason         string `json:"reason,omitempty"`
	CreateTime     string `json:"createTime"`
	ExpirationTime string `json:"expirationTime,omitempty"`
	CreatedBy      string `json:"createdBy"`
}

// banNotes implements moderation.Notes.
type banNotes struct {
	*webhook.Notes
	db *DB
}

// Ban notes a change of a ban, in the moderation log and for webhooks.
func (n banNotes) Ban(ctx context.Context, s sqldb.Session, b *moderation.Ban, change moderation.Change) error {
	if err := (moderationLog{n.db.Moderation}).ban(ctx, s, b, change); err != nil || change == moderation.Changed {
		return err
	}
	t := webhook.BanDeleted
	if change == moderation.Made {
		t = webhook.BanCreated
	}
	if !n.Wanted(t) {
		return nil
	}
	shown := &changedBan{
		ID: b.ID, Type: string(b.Type), UserID: b.UserID, Reason: b.Reason, CreateTime: chat.FormatTime(b.CreateTime), CreatedBy: b.CreatedBy,
	}
	if b.UserID == "" {
		shown.IPRange = b.Range.String()
	}
	if !b.Expires.IsZero() {
		shown.ExpirationTime = chat.FormatTime(b.Expires)
	}
	c := &webhook.Change{Event: webhook.Event{Type: t, Ban: shown}, RoomID: b.RoomID}
	if b.RoomID != "" {
		shown.RoomArn = n.db.arn(chat.RoomResource, b.RoomID).String()
		room, err := n.db.room(ctx, s, b.RoomID)
		if err == nil {
			c.Tags = []map[string]string{room.Tags}
		} else if chat.CodeOf(err) != chat.NotFound {
			return err
		}
	}
	return n.Add(ctx, s, c)
}
