package webhook

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// Notes are the events of one change of a room or a ban. Add writes them in the transaction
// of the change, Forward passes them on after it.
type Notes struct {
	hooks  *Hooks
	frames []*chat.Frame
}

// Notes begins the notes of a change.
func (h *Hooks) Notes() *Notes { return &Notes{hooks: h} }

// Change is an event about a change of a room or a ban, which is not a frame.
type Change struct {
	Event
	// RoomID is the room; empty for every room.
	RoomID string
	// Tags are the tags of the room, which select webhooks. If the change has changed them,
	// both the new and the old ones are there.
	Tags []map[string]string
}

// Wanted reports whether a webhook wants events of a type.
func (n *Notes) Wanted(t EventType) bool {
	x := n.hooks.known.Load()
	if x == nil { // This process serves no clients, and does not follow changes.
		return true
	}
	for _, h := range x.byID {
		if h.Wants(t) {
			return true
		}
	}
	return false
}

// Add writes an event in the transaction of its change, if a webhook wants it. It sets ID
// and Time. If the transaction runs again, Reset must be called first.
func (n *Notes) Add(ctx context.Context, s sqldb.Session, c *Change) error {
	h := n.hooks
	x := h.known.Load()
	if x == nil {
		all, err := h.list(ctx, s, ``, nil)
		if err != nil {
			return err
		}
		x = newIndex(0, all)
	}
	roomID := c.RoomID
	if roomID == "" {
		roomID = EveryRoom
	}
	f := &chat.Frame{RoomID: roomID, Type: ChangeFrame, ID: chat.NewID(), Time: h.o.Now()}
	x.each(roomID, c.Tags, func(hook *Hook) {
		if hook.Wants(c.Type) {
			f.Webhooks = append(f.Webhooks, h.arn(hook.ID))
		}
	})
	if len(f.Webhooks) == 0 {
		return nil
	}
	c.ID, c.Time = f.ID, chat.FormatTime(f.Time)
	var err error
	if f.JSON, err = json.Marshal(c.Event); err != nil {
		return err
	}
	return n.store(ctx, s, f)
}

// store writes an event in the transaction of its change.
func (n *Notes) store(ctx context.Context, s sqldb.Session, f *chat.Frame) error {
	n.frames = append(n.frames, f)
	_, err := s.Exec(ctx, `INSERT INTO webhook_outbox (id, room_id, time, webhooks, json) VALUES ($1, $2, $3, $4, $5)`,
		f.ID, f.RoomID, f.Time.UnixNano(), strings.Join(f.Webhooks, " "), f.JSON)
	return err
}

// Reset forgets the events that were added in a transaction that was rolled back.
func (n *Notes) Reset() { n.frames = nil }

// forwardWithin bounds how long a change waits until its events are in the transcript.
const forwardWithin = time.Second

// Forward moves the events to the transcript after the transaction was committed. It is
// called before the change is answered, so these events precede the events of everything
// that the caller does next. What fails is forwarded later.
func (n *Notes) Forward(ctx context.Context) {
	if len(n.frames) == 0 {
		return
	}
	h := n.hooks
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forwardWithin)
	defer cancel()
	err := h.o.Append(ctx, n.frames)
	if err == nil {
		err = h.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error { return forget(ctx, s, n.frames) })
	}
	if err != nil {
		h.o.Log.LogAttrs(ctx, slog.LevelWarn, "Events for webhooks are passed on later", slog.Any("error", err))
	}
}

func forget(ctx context.Context, s sqldb.Session, frames []*chat.Frame) error {
	for _, f := range frames {
		if _, err := s.Exec(ctx, `DELETE FROM webhook_outbox WHERE id = $1`, f.ID); err != nil {
			return err
		}
	}
	return nil
}

const (
	// forwardedBy is the age of an event in the outbox at which its server must have failed
	// to forward it: the server was killed, or the transcript failed.
	forwardedBy = 2 * forwardWithin
	// forwardPage is how many events are forwarded together.
	forwardPage = 100
)

// forwardOld forwards events that other calls of Forward have left. Only one server does
// this at a time.
func (h *Hooks) forwardOld(ctx context.Context) error {
	before := h.o.Now().Add(-forwardedBy).UnixNano()
	var one int
	if some, err := h.sql.Read().Row(ctx, `SELECT 1 FROM webhook_outbox WHERE time < $1 LIMIT 1`, []any{before}, &one); err != nil || !some {
		return err
	}
	return h.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		var frames []*chat.Frame
		err := s.Rows(ctx, `SELECT id, room_id, time, webhooks, json FROM webhook_outbox WHERE time < $1 ORDER BY number LIMIT $2`, []any{before, forwardPage},
			func(scan func(...any) error) error {
				f := &chat.Frame{Type: ChangeFrame}
				var at int64
				var webhooks string
				if err := scan(&f.ID, &f.RoomID, &at, &webhooks, &f.JSON); err != nil {
					return err
				}
				f.Time, f.Webhooks = sqldb.Time(at), strings.Fields(webhooks)
				frames = append(frames, f)
				return nil
			})
		if err != nil || len(frames) == 0 {
			return err
		}
		if err := h.o.Append(ctx, frames); err != nil {
			return err
		}
		return forget(ctx, s, frames)
	})
}
