package webhook

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/poll"
	"confab/internal/sqldb"
)

// Sealer encrypts the secrets in the database.
type Sealer interface {
	Seal(value []byte, place string) []byte
	Open(sealed []byte, place string) ([]byte, error)
}

// Options configure Hooks. All fields are required.
type Options struct {
	// Region and Account are those in the ARNs of webhooks in the transcript.
	Region, Account string
	Sealer          Sealer
	// Append stores frames in the transcript, durably, with their webhooks as readers.
	Append func(ctx context.Context, frames []*chat.Frame) error
	// Watch looks for changes of other servers.
	Watch *poll.Watch
	Now   func() time.Time
	Log   *slog.Logger
}

// Hooks are all webhooks. Its methods are safe for concurrent use.
type Hooks struct {
	o   Options
	sql *sqldb.DB
	// known are the webhooks in memory: nil before Start.
	known atomic.Pointer[index]
	// reading is held while webhooks are read, so that the newest are kept.
	reading sync.Mutex
	// tell and stop are set by Start.
	tell func(ctx context.Context)
	stop context.CancelFunc
	work sync.WaitGroup
}

// New returns the webhooks in the database.
func New(db *sqldb.DB, o Options) *Hooks {
	return &Hooks{o: o, sql: db, stop: func() {}, tell: func(context.Context) {}}
}

// Tables are the tables of the webhooks, for sqldb.Spec.
var Tables = []sqldb.Table{
	{Name: "webhooks", Columns: hookColumns + ", number"},
	{Name: "webhook_version", Columns: "one, version"},
	{Name: "webhook_outbox", Columns: "number, id, room_id, time, webhooks, json", Numbered: "number"},
	{Name: "webhook_runs", Columns: "run, seen"},
	{Name: "webhook_attendance", Columns: "run, room_id, webhooks"},
}

// Start reads all webhooks, and follows the changes of other servers until Close. Only
// servers call it, before their first client. tell makes the other servers call Refresh,
// and waits a moment for them.
func (h *Hooks) Start(ctx context.Context, tell func(ctx context.Context)) error {
	if err := h.Refresh(ctx); err != nil {
		return err
	}
	h.tell = tell
	ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.work.Go(func() { h.follow(ctx) })
	return nil
}

// Close ends the background work.
func (h *Hooks) Close() {
	h.stop()
	h.work.Wait()
}

// follow reads changes, and forwards what is left in the outbox, until ctx ends.
func (h *Hooks) follow(ctx context.Context) {
	look := func(ctx context.Context) error {
		if h.Empty() {
			return nil
		}
		return h.forwardOld(ctx)
	}
	turned := func(err error) {
		if err == nil {
			h.o.Log.LogAttrs(ctx, slog.LevelInfo, "Webhooks are read again")
			return
		}
		h.o.Log.LogAttrs(ctx, slog.LevelWarn, "Webhooks not read; the known ones stay in force", slog.Any("error", err))
	}
	if !h.sql.Remote() { // Only this process changes a SQLite file.
		poll.Every(ctx, poll.Interval, look, turned)
		return
	}
	h.o.Watch.Follow(ctx, &poll.Changes{
		Counter: stateCounter,
		News:    func(state int64) bool { return state != 2*h.known.Load().version },
		Read: func(ctx context.Context) error {
			if err := h.Refresh(ctx); err != nil {
				return err
			}
			return look(ctx)
		},
		Turned: turned,
	})
}

// stateCounter is twice the version of the webhooks, and one more while there is something in the
// outbox.
const stateCounter = `SELECT 2 * version + CASE WHEN EXISTS (SELECT 1 FROM webhook_outbox) THEN 1 ELSE 0 END FROM webhook_version`

// Refresh reads the webhooks again if they have changed.
func (h *Hooks) Refresh(ctx context.Context) error {
	h.reading.Lock()
	defer h.reading.Unlock()
	s := h.sql.Read()
	var version int64
	if _, err := s.Row(ctx, `SELECT version FROM webhook_version`, nil, &version); err != nil {
		return err
	}
	if known := h.known.Load(); known != nil && known.version == version {
		return nil
	}
	// The webhooks that are read may be newer than the version. Then they are read once
	// more.
	all, err := h.list(ctx, s, ``, nil)
	if err != nil {
		return err
	}
	if before := h.known.Swap(newIndex(version, all)); before != nil {
		close(before.replaced)
	}
	return nil
}

// index is all webhooks, by what they select.
type index struct {
	version    int64
	byID       map[string]*Hook
	everywhere []*Hook
	byRoom     map[string][]*Hook
	byTag      map[Tag][]*Hook
	tagKeys    map[string]bool
	// attended is set if a webhook wants to know who is in rooms.
	attended bool
	// replaced is closed when there is a newer index.
	replaced chan struct{}
}

func newIndex(version int64, all []*Hook) *index {
	x := &index{version: version, replaced: make(chan struct{}), byID: map[string]*Hook{}, byRoom: map[string][]*Hook{}, byTag: map[Tag][]*Hook{}, tagKeys: map[string]bool{}}
	for _, h := range all {
		x.byID[h.ID] = h
		x.attended = x.attended || slices.ContainsFunc(attendance, h.Wants)
		switch {
		case h.RoomIDs != nil:
			for _, id := range h.RoomIDs {
				x.byRoom[id] = append(x.byRoom[id], h)
			}
		case h.Tag != nil:
			x.byTag[*h.Tag] = append(x.byTag[*h.Tag], h)
			x.tagKeys[h.Tag.Key] = true
		default:
			x.everywhere = append(x.everywhere, h)
		}
	}
	return x
}

// each calls do once for each webhook that selects a room, by the room's id or by one of
// the sets of tags. EveryRoom is selected by webhooks of every room only.
func (x *index) each(roomID string, tags []map[string]string, do func(*Hook)) {
	for _, h := range x.everywhere {
		do(h)
	}
	for _, h := range x.byRoom[roomID] {
		do(h)
	}
	if len(x.byTag) == 0 {
		return
	}
	for i, some := range tags {
		for k, v := range some {
			if i > 0 && tags[0][k] == v {
				continue // It was selected by the first set.
			}
			for _, h := range x.byTag[Tag{k, v}] {
				do(h)
			}
		}
	}
}

// Empty reports whether there are no webhooks.
func (h *Hooks) Empty() bool {
	x := h.known.Load()
	return x == nil || len(x.byID) == 0
}

// None returns a channel that is closed when there may be webhooks, or nil if there are some now.
func (h *Hooks) None() <-chan struct{} {
	if x := h.known.Load(); x != nil && len(x.byID) == 0 {
		return x.replaced
	}
	return nil
}

// Known reports whether this server knows a webhook.
func (h *Hooks) Known(id string) bool {
	x := h.known.Load()
	return x != nil && x.byID[id] != nil
}

// For returns the ARNs of the webhooks that want the frames of an action in a room. It
// implements messaging.Webhooks.
func (h *Hooks) For(room *chat.Room, action chat.Action) (arns []string) {
	return h.ForEvent(room, ofAction[action])
}

// ForEvent returns the ARNs of the webhooks that want events of a type in a room.
func (h *Hooks) ForEvent(room *chat.Room, t EventType) (arns []string) {
	x := h.known.Load()
	if x == nil || len(x.byID) == 0 {
		return nil
	}
	x.each(room.ARN.ID, []map[string]string{room.Tags}, func(hook *Hook) {
		if hook.Wants(t) {
			arns = append(arns, h.arn(hook.ID))
		}
	})
	return arns
}

// SelectsBy reports whether a webhook selects rooms by a tag with this key. It implements
// messaging.Webhooks.
func (h *Hooks) SelectsBy(key string) bool {
	x := h.known.Load()
	return x != nil && x.tagKeys[key]
}

func (h *Hooks) arn(id string) string {
	return chat.ARN{Region: h.o.Region, Account: h.o.Account, Type: chat.WebhookResource, ID: id}.String()
}

// Active returns the webhook, or nil if it is paused or deleted: then no events are kept
// for it.
func (h *Hooks) Active(ctx context.Context, id string) (*Hook, error) {
	if x := h.known.Load(); x != nil {
		if hook := x.byID[id]; hook != nil && hook.State == Active {
			return hook, nil
		}
	}
	// Another server may have created or resumed it just before.
	hook, err := h.Get(ctx, id)
	if chat.CodeOf(err) == chat.NotFound || err == nil && hook.State != Active {
		return nil, nil
	}
	return hook, err
}

// Keeps reports whether events are kept for a webhook. It implements transcript.Webhooks.
func (h *Hooks) Keeps(ctx context.Context, id string) (bool, error) {
	hook, err := h.Active(ctx, id)
	return hook != nil, err
}

// Resets reports whether a webhook wants the event presence.reset. It implements
// transcript.Webhooks.
func (h *Hooks) Resets(ctx context.Context, id string) (bool, error) {
	hook, err := h.Active(ctx, id)
	return hook != nil && hook.Wants(PresenceReset), err
}

const hookColumns = `id, name, url, events, rooms, tag_key, tag_value, state, sealed, last_error, create_time, update_time`

// list returns webhooks, the newest first.
func (h *Hooks) list(ctx context.Context, s sqldb.Session, where string, args []any) (all []*Hook, err error) {
	err = s.Rows(ctx, `SELECT `+hookColumns+`, number FROM webhooks `+where+` ORDER BY number DESC`, args, func(scan func(...any) error) error {
		one := &Hook{}
		var events, rooms, sealed, lastError []byte
		var key, value *string
		var created, updated int64
		if err := scan(&one.ID, &one.Name, &one.URL, &events, &rooms, &key, &value, &one.State, &sealed, &lastError, &created, &updated, &one.Number); err != nil {
			return err
		}
		if key != nil && value != nil {
			one.Tag = &Tag{*key, *value}
		}
		one.LastError, one.CreateTime, one.UpdateTime = string(lastError), sqldb.Time(created), sqldb.Time(updated)
		opened, err := h.o.Sealer.Open(sealed, "webhook "+one.ID)
		for body, to := range map[*[]byte]any{&events: &one.Events, &rooms: &one.RoomIDs, &opened: &one.secrets} {
			if err == nil {
				err = json.Unmarshal(*body, to)
			}
		}
		if err != nil {
			return h.sql.Failed(ctx, err)
		}
		all = append(all, one)
		return nil
	})
	return all, err
}
