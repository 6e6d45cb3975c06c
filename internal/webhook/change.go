package webhook

import (
	"context"
	"encoding/json"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// Most is how many webhooks there may be.
const Most = 100

// change makes a change in a transaction. It is in force on this server when change
// returns, and on the others that answered.
func (h *Hooks) change(ctx context.Context, do func(ctx context.Context, s sqldb.Session) error) error {
	err := h.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		if _, err := s.Exec(ctx, `INSERT INTO webhook_version (one, version) VALUES (1, 1)
			ON CONFLICT (one) DO UPDATE SET version = webhook_version.version + 1`); err != nil {
			return err
		}
		return do(ctx, s)
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
	defer cancel()
	if err := h.Refresh(ctx); err != nil {
		return err
	}
	h.tell(ctx)
	return nil
}

// tellWithin bounds how long a change waits until the other servers know it.
const tellWithin = time.Second

// Create stores a webhook with a new secret. It sets ID, State and the times. If there are
// Most already, it returns QuotaExceeded.
func (h *Hooks) Create(ctx context.Context, hook *Hook) error {
	now := h.o.Now().Truncate(time.Microsecond)
	hook.ID, hook.State, hook.CreateTime, hook.UpdateTime = chat.NewID(), Active, now, now
	hook.secrets = secrets{Present: newSecret()}
	return h.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		var n int
		if _, err := s.Row(ctx, `SELECT count(*) FROM webhooks`, nil, &n); err != nil {
			return err
		}
		if n >= Most {
			return &chat.Error{
				Code: chat.QuotaExceeded, Limit: Most, Resource: chat.ARN{Type: chat.WebhookResource},
				Message: "The account has as many webhooks as it may have",
			}
		}
		return h.insert(ctx, s, hook, `(SELECT coalesce(max(number), 0) + 1 FROM webhooks)`)
	})
}

// insert stores a webhook. number is an expression.
func (h *Hooks) insert(ctx context.Context, s sqldb.Session, hook *Hook, number string) error {
	events, err := json.Marshal(hook.Events)
	if err != nil {
		return err
	}
	rooms, err := json.Marshal(hook.RoomIDs)
	if err != nil {
		return err
	}
	opened, err := json.Marshal(hook.secrets)
	if err != nil {
		return err
	}
	var key, value any
	if hook.Tag != nil {
		key, value = hook.Tag.Key, hook.Tag.Value
	}
	_, err = s.Exec(ctx, `INSERT INTO webhooks (`+hookColumns+`, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, `+number+`)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url, events = excluded.events, rooms = excluded.rooms,
		tag_key = excluded.tag_key, tag_value = excluded.tag_value, state = excluded.state, sealed = excluded.sealed,
		last_error = excluded.last_error, update_time = excluded.update_time`,
		hook.ID, hook.Name, hook.URL, events, rooms, key, value, string(hook.State),
		h.o.Sealer.Seal(opened, "webhook "+hook.ID), []byte(hook.LastError), hook.CreateTime.UnixNano(), hook.UpdateTime.UnixNano())
	return err
}

// Get returns the webhook, or NotFound.
func (h *Hooks) Get(ctx context.Context, id string) (*Hook, error) {
	return h.get(ctx, h.sql.Read(), id)
}

func (h *Hooks) get(ctx context.Context, s sqldb.Session, id string) (*Hook, error) {
	if !chat.ValidID(id) {
		return nil, noSuchHook(id)
	}
	all, err := h.list(ctx, s, `WHERE id = $1`, []any{id})
	if err == nil && len(all) == 0 {
		err = noSuchHook(id)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// List returns all webhooks, the newest first.
func (h *Hooks) List(ctx context.Context) ([]*Hook, error) { return h.list(ctx, h.sql.Read(), ``, nil) }

// Update changes a webhook, or returns NotFound. An error of change is returned, and
// nothing is changed.
func (h *Hooks) Update(ctx context.Context, id string, change func(*Hook) error) (*Hook, error) {
	var hook *Hook
	err := h.change(ctx, func(ctx context.Context, s sqldb.Session) (err error) {
		if hook, err = h.get(ctx, s, id); err != nil {
			return err
		}
		if err := change(hook); err != nil {
			return err
		}
		hook.UpdateTime = h.o.Now().Truncate(time.Microsecond)
		return h.insert(ctx, s, hook, `0`)
	})
	return hook, err
}

// Rotate replaces the secret of a webhook. For a day, calls are also signed with the
// previous one.
func (h *Hooks) Rotate(ctx context.Context, id string) (*Hook, error) {
	return h.Update(ctx, id, func(hook *Hook) error {
		hook.secrets = secrets{Present: newSecret(), Previous: hook.secrets.Present, Until: h.o.Now().Add(previousKept)}
		return nil
	})
}

// Delete deletes a webhook, or returns NotFound.
func (h *Hooks) Delete(ctx context.Context, id string) error {
	return h.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		n, err := s.Exec(ctx, `DELETE FROM webhooks WHERE id = $1`, id)
		if err == nil && n == 0 {
			return noSuchHook(id)
		}
		return err
	})
}

// Failed stores the error of a webhook's last call, or "" if it succeeded. It changes
// nothing else.
func (h *Hooks) Failed(ctx context.Context, id, why string) error {
	return h.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		_, err := s.Exec(ctx, `UPDATE webhooks SET last_error = $2 WHERE id = $1 AND last_error <> $2`, id, []byte(why))
		return err
	})
}

// Exist reports whether there are webhooks.
func (h *Hooks) Exist(ctx context.Context) (bool, error) {
	var one int
	return h.sql.Read().Row(ctx, `SELECT 1 FROM webhooks LIMIT 1`, nil, &one)
}
