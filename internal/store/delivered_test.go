package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/history"
	"confab/internal/store"
	"confab/internal/transcript"
	"confab/internal/webhook"
)

// flow is a model of what rooms deliver, and of who is to have it, while rooms, their tags,
// logging configurations and webhooks come, change and go. Messages are delivered before the
// database has them: nothing here waits for that.
type flow struct {
	db    *store.DB
	made  int // numbers names
	rooms []*flowing
	// logs are the messages for destinations of logs, by configuration and destination; events
	// those for webhooks, by id.
	logs, events map[string][]string
	configs      []*chat.LoggingConfiguration
	hooks        []*webhook.Hook
	// ours are the ids of configurations and webhooks of this model, also of those that are gone.
	ours map[string]bool
}

// flowing is a live room.
type flowing struct {
	*chat.Room
	sequence uint64
	kept     []string // the messages that its history has
}

func (m *flow) name(kind string) string {
	m.made++
	return fmt.Sprint(kind, m.made)
}

// pick draws one of all, and returns its index, or -1.
func pick[T any](t *rapid.T, all []T) int {
	if len(all) == 0 {
		return -1
	}
	return rapid.IntRange(0, len(all)-1).Draw(t, "one")
}

func ok(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *flow) addConfiguration(t *rapid.T) {
	c := &chat.LoggingConfiguration{State: chat.LoggingActive, Destination: chat.Destination{Type: chat.CloudWatchLogs, Name: m.name("group")}}
	ok(t, m.db.CreateLoggingConfiguration(context.Background(), c, 0))
	m.configs = append(m.configs, c)
	m.ours[c.ARN.ID] = true
}

func (m *flow) addRoom(t *rapid.T) {
	r := &chat.Room{MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10}
	if i := pick(t, m.configs); i >= 0 {
		r.LoggingConfigurations = []string{m.configs[i].ARN.String()}
	}
	if rapid.Bool().Draw(t, "keeps") {
		r.Tags = map[string]string{"confab:history": "1h"}
	}
	ok(t, m.db.CreateRoom(context.Background(), r, 0))
	m.rooms = append(m.rooms, &flowing{Room: r})
}

// send delivers a message, as the room's home does.
func (m *flow) send(t *rapid.T) {
	i := pick(t, m.rooms)
	if i < 0 {
		return
	}
	r := m.rooms[i]
	r.sequence++
	said := chat.Message{ID: chat.NewID(), Content: m.name("message"), SendTime: time.Now(), UserID: "ann"}
	f := &chat.Frame{
		RoomID: r.ARN.ID, Epoch: 1, Sequence: r.sequence, ID: said.ID, Type: chat.MessageFrame, Action: chat.ActionSendMessage,
		Time: said.SendTime, JSON: said.AppendJSON(nil), UserID: said.UserID,
		LoggingConfigurations: r.LoggingConfigurations, Webhooks: m.db.Webhooks.For(r.Room, chat.ActionSendMessage),
	}
	if r.Tags["confab:history"] != "" {
		f.Keep = time.Hour
		r.kept = append(r.kept, f.ID)
	}
	if f.Keep == 0 && len(f.LoggingConfigurations) == 0 && len(f.Webhooks) == 0 {
		return
	}
	for _, arn := range f.LoggingConfigurations {
		c := m.configs[slices.IndexFunc(m.configs, func(c *chat.LoggingConfiguration) bool { return c.ARN.String() == arn })]
		to := c.ARN.ID + c.Destination.Name
		m.logs[to] = append(m.logs[to], f.ID)
	}
	for _, arn := range f.Webhooks {
		id := arn[strings.LastIndexByte(arn, '/')+1:]
		m.events[id] = append(m.events[id], f.ID)
	}
	done := m.db.Transcript().Queue(f)
	m.db.Transcript().Write()
	<-done
}

// prune does what servers do in the background.
func (m *flow) prune(t *rapid.T) {
	ok(t, m.db.Transcript().History().Prune(context.Background()))
	ok(t, m.db.Prune(context.Background()))
}

// tag sets or removes the tag that keeps messages. What was kept is gone after the next pruning.
func (m *flow) tag(t *rapid.T) {
	i := pick(t, m.rooms)
	if i < 0 {
		return
	}
	r := m.rooms[i]
	ok(t, m.db.ChangeTags(context.Background(), r.ARN, func(tags map[string]string) error {
		if tags["confab:history"] == "" {
			tags["confab:history"] = "1h"
		} else {
			delete(tags, "confab:history")
		}
		return nil
	}))
	if r.Tags["confab:history"] == "" {
		r.Tags = map[string]string{"confab:history": "1h"}
		return
	}
	r.Tags, r.kept = nil, nil
	m.prune(t)
}

func (m *flow) deleteRoom(t *rapid.T) {
	i := pick(t, m.rooms)
	if i < 0 {
		return
	}
	r := m.rooms[i]
	ok(t, m.db.DeleteRoom(context.Background(), r.ARN.ID))
	m.rooms = slices.Delete(m.rooms, i, i+1)
	m.prune(t)
	if left := m.list(t, r.ARN.ID, false); len(left) > 0 {
		t.Fatalf("a deleted room has %v", left)
	}
}

func (m *flow) changeDestination(t *rapid.T) {
	i := pick(t, m.configs)
	if i < 0 {
		return
	}
	c, err := m.db.UpdateLoggingConfiguration(context.Background(), m.configs[i].ARN.ID, func(c *chat.LoggingConfiguration) error {
		c.Destination.Name = m.name("group")
		return nil
	})
	ok(t, err)
	m.configs[i] = c
}

// deleteConfiguration detaches a logging configuration from all rooms, and deletes it.
func (m *flow) deleteConfiguration(t *rapid.T) {
	i := pick(t, m.configs)
	if i < 0 {
		return
	}
	arn := m.configs[i].ARN
	for _, r := range m.rooms {
		if !slices.Contains(r.LoggingConfigurations, arn.String()) {
			continue
		}
		changed, err := m.db.UpdateRoom(context.Background(), r.ARN.ID, func(r *chat.Room) error {
			r.LoggingConfigurations = []string{}
			return nil
		})
		ok(t, err)
		r.Room = changed
	}
	ok(t, m.db.DeleteLoggingConfiguration(context.Background(), arn.ID))
	m.configs = slices.Delete(m.configs, i, i+1)
}

func (m *flow) addHook(t *rapid.T) {
	if len(m.hooks) == 3 {
		return
	}
	h := &webhook.Hook{Name: m.name("hook"), URL: "https://example.com/", Events: []webhook.EventType{webhook.MessageSent}}
	ok(t, m.db.Webhooks.Create(context.Background(), h))
	m.hooks = append(m.hooks, h)
	m.ours[h.ID] = true
}

func (m *flow) deleteHook(t *rapid.T) {
	i := pick(t, m.hooks)
	if i < 0 {
		return
	}
	ok(t, m.db.Webhooks.Delete(context.Background(), m.hooks[i].ID))
	delete(m.events, m.hooks[i].ID)
	m.hooks = slices.Delete(m.hooks, i, i+1)
}

// pauseHook pauses a webhook until after a pruning: it loses what it was owed.
func (m *flow) pauseHook(t *rapid.T) {
	i := pick(t, m.hooks)
	if i < 0 {
		return
	}
	id := m.hooks[i].ID
	set := func(s webhook.State) {
		_, err := m.db.Webhooks.Update(context.Background(), id, func(h *webhook.Hook) error {
			h.State = s
			return nil
		})
		ok(t, err)
	}
	set(webhook.Paused)
	delete(m.events, id)
	m.prune(t)
	set(webhook.Active)
}

func (m *flow) list(t *rapid.T, roomID string, newestFirst bool) (ids []string) {
	page, _, err := m.db.Transcript().History().List(context.Background(), history.Query{RoomID: roomID, Max: 1000, NewestFirst: newestFirst})
	ok(t, err)
	for _, x := range page {
		ids = append(ids, x.ID)
	}
	if newestFirst {
		slices.Reverse(ids)
	}
	return ids
}

// check compares the histories.
func (m *flow) check(t *rapid.T) {
	for _, r := range m.rooms {
		if rapid.Bool().Draw(t, "skip") { // A read stores what waits.
			continue
		}
		if d := cmp.Diff(r.kept, m.list(t, r.ARN.ID, rapid.Bool().Draw(t, "newest first"))); d != "" {
			t.Fatalf("kept (-) and listed (+) differ:\n%s", d)
		}
	}
}

// readers are those of a transcript: *transcript.DB or transcript.WebhookReaders.
type readers interface {
	Readers(ctx context.Context) ([]chatlog.Reader, error)
	Claim(ctx context.Context, readers []int64) (map[int64]time.Time, error)
	Backlogs(ctx context.Context, reader int64, before time.Time, size int64, max int) ([]chatlog.Backlog, error)
	Owed(ctx context.Context, b chatlog.Backlog, after, to int64, max int) ([]chatlog.Record, error)
	Advance(ctx context.Context, b chatlog.Backlog, to int64, bytes int, since time.Time) error
}

// deliver delivers what all readers are owed. It returns the ids of the messages by reader.
func (m *flow) deliver(t *rapid.T, from readers, name func(r *chatlog.Reader) string) map[string][]string {
	got := map[string][]string{}
	all, err := from.Readers(context.Background())
	ok(t, err)
	for i := range all {
		if all[i].Since.IsZero() || !m.ours[all[i].Configuration.ID] {
			continue
		}
		_, err := from.Claim(context.Background(), []int64{all[i].ID})
		ok(t, err)
		backlogs, err := from.Backlogs(context.Background(), all[i].ID, time.Now().Add(time.Hour), 1<<40, 1000)
		ok(t, err)
		for _, b := range backlogs {
			records, err := from.Owed(context.Background(), b, b.Delivered, b.Head, 1000)
			ok(t, err)
			for _, r := range records {
				_, rest, _ := strings.Cut(string(r.JSON), `"Id":"`)
				id, _, _ := strings.Cut(rest, `"`)
				got[name(&all[i])] = append(got[name(&all[i])], id)
			}
			ok(t, from.Advance(context.Background(), b, b.Head, 1<<30, time.Now()))
		}
	}
	return got
}

// compare compares the messages of each reader; their order counts in each room only.
func compare(t *rapid.T, what string, want, got map[string][]string) {
	for _, all := range []map[string][]string{want, got} {
		for _, ids := range all {
			slices.Sort(ids)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s: wanted (-) and delivered (+) differ:\n%s", what, d)
	}
}

// TestDelivered holds that what was delivered before a change meets what was there before it,
// although the database gets it later; and that what is removed stays away.
func TestDelivered(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t, func(o *store.Options) { o.Server = true })
		if err := db.Webhooks.Start(t.Context(), func(context.Context) {}); err != nil {
			t.Fatal(err)
		}
		runs := 0
		rapid.Check(t, func(r *rapid.T) {
			if runs++; runs > 20 && !t.Failed() {
				return // Each run has some dozens of steps, with commits that are synced.
			}
			m := &flow{db: db, logs: map[string][]string{}, events: map[string][]string{}, ours: map[string]bool{}}
			m.addConfiguration(r)
			m.addRoom(r)
			m.addRoom(r)
			r.Repeat(map[string]func(*rapid.T){
				"":                     m.check,
				"send":                 m.send,
				"send more":            m.send,
				"and more":             m.send,
				"tag":                  m.tag,
				"add room":             m.addRoom,
				"delete room":          m.deleteRoom,
				"add configuration":    m.addConfiguration,
				"change destination":   m.changeDestination,
				"delete configuration": m.deleteConfiguration,
				"add webhook":          m.addHook,
				"delete webhook":       m.deleteHook,
				"pause webhook":        m.pauseHook,
				"prune":                m.prune,
			})
			m.prune(r) // What deleted webhooks were owed is gone.
			compare(r, "logs", m.logs, m.deliver(r, db.Transcript(), func(r *chatlog.Reader) string { return r.Configuration.ID + r.Destination.Name }))
			compare(r, "webhooks", m.events, m.deliver(r, transcript.WebhookReaders{DB: db.Transcript()}, func(r *chatlog.Reader) string { return r.Configuration.ID }))
			for _, h := range m.hooks {
				ok(r, db.Webhooks.Delete(context.Background(), h.ID))
			}
		})
	})
}
