package notify_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chat"
	"confab/internal/moderation"
	"confab/internal/notify"
	"confab/internal/pgtest"
	"confab/internal/store"
	"confab/internal/testbed/receiver"
	"confab/internal/webhook"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// server is a store and its deliveries.
type server struct {
	*store.DB
	*notify.Service
	metrics *prometheus.Registry
	o       store.Options
	closed  bool
}

// opener starts a server on the same database each time.
type opener func(t *testing.T) *server

func dialects(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	for name, where := range map[string]func(*testing.T) store.Options{
		"sqlite":   func(t *testing.T) store.Options { return store.Options{Dir: filepath.Join(t.TempDir(), "data")} },
		"postgres": func(t *testing.T) store.Options { return store.Options{Database: pgtest.Shared(t).Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := where(t)
			o.SecretKey, o.Region, o.Account = bytes.Repeat([]byte{7}, store.SecretKeySize), "us-west-2", "123456789012"
			test(t, func(t *testing.T) *server { return start(t, o) })
		})
	}
}

// refuse has the database refuse frames for the transcript until the function that it
// returns is called.
func (s *server) refuse(t *testing.T) (accept func()) {
	t.Helper()
	refuse, mend := `ALTER TABLE transcript ADD CONSTRAINT broken CHECK (false) NOT VALID`, `ALTER TABLE transcript DROP CONSTRAINT broken`
	driver, source := "pgx", s.o.Database
	if source == "" {
		refuse, mend = `CREATE TRIGGER broken BEFORE INSERT ON transcript BEGIN SELECT RAISE(ABORT, 'broken'); END`, `DROP TRIGGER broken`
		driver, source = "sqlite", "file:"+filepath.Join(s.o.Dir, "transcript.db")+"?_pragma=busy_timeout(10000)"
	}
	execute := func(statement string) {
		t.Helper()
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	execute(refuse)
	return func() { t.Helper(); execute(mend) }
}

func start(t testing.TB, o store.Options) *server {
	t.Helper()
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{DB: db, o: o, metrics: prometheus.NewRegistry()}
	t.Cleanup(s.end)
	if err := db.Webhooks.Start(t.Context(), func(context.Context) {}); err != nil {
		t.Fatal(err)
	}
	s.Service = notify.New(notify.Options{
		Region: o.Region, Account: o.Account, Hooks: db.Webhooks, Transcript: db.Transcript(), Insecure: true,
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Metrics: webhook.NewMetrics(s.metrics), Log: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// end ends the server at once: calls that are under way are aborted.
func (s *server) end() {
	if s.closed {
		return
	}
	s.closed = true
	if s.Service != nil {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.Service.Close(now)
	}
	s.DB.Close()
}

func (s *server) room(t testing.TB, tags map[string]string) *chat.Room {
	t.Helper()
	r := &chat.Room{Name: "stage", Tags: tags, MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10}
	if err := s.CreateRoom(t.Context(), r, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

// hook makes a webhook of the receiver, until the test ends.
func (s *server) hook(t *testing.T, r *receiver.Receiver, h webhook.Hook) *webhook.Hook {
	t.Helper()
	h.Name, h.URL = "app", r.URL+"/hook?key=secret"
	if h.Events == nil {
		h.Events = webhook.EventTypes
	}
	if err := s.Webhooks.Create(t.Context(), &h); err != nil {
		t.Fatal(err)
	}
	r.Verify(t, h.Secret())
	t.Cleanup(func() {
		if !s.closed {
			s.Webhooks.Delete(context.Background(), h.ID) //nolint:errcheck // The test may have deleted it.
		}
	})
	return &h
}

// say delivers a message in a room, as its home does.
func (s *server) say(t *testing.T, r *chat.Room, text string) {
	t.Helper()
	m := chat.Message{ID: chat.NewID(), Content: text, SendTime: time.Now(), UserID: "ann"}
	<-s.Transcript().Append(&chat.Frame{
		RoomID: r.ARN.ID, ID: m.ID, Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: m.SendTime, JSON: m.AppendJSON(nil),
		Webhooks: s.Webhooks.For(r, chat.ActionSendMessage),
	})
}

// prune drops what is not kept, and waits for the calls that have read it before.
func (s *server) prune(t *testing.T) {
	t.Helper()
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// texts are the contents of the messages among events, in their order.
func texts(events []receiver.Event) (all []string) {
	for _, e := range events {
		if e.Type == string(webhook.MessageSent) {
			_, rest, _ := strings.Cut(string(e.Frame), `"Content":"`)
			text, _, _ := strings.Cut(rest, `"`)
			all = append(all, text)
		}
	}
	return all
}

func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	dialects(t, func(t *testing.T, open opener) {
		s := open(t)
		t.Run("a webhook gets what it selects", func(t *testing.T) {
			byTag, byID, bans := receiver.Start(t, false), receiver.Start(t, false), receiver.Start(t, false)
			plain := s.room(t, nil)
			s.hook(t, byTag, webhook.Hook{Tag: &webhook.Tag{Key: "kind", Value: "live"}, Events: []webhook.EventType{webhook.MessageSent, webhook.RoomUpdated}})
			s.hook(t, byID, webhook.Hook{RoomIDs: []string{plain.ARN.ID}, Events: []webhook.EventType{webhook.MessageSent}})
			s.hook(t, bans, webhook.Hook{Events: []webhook.EventType{webhook.BanDeleted}})
			tagged := s.room(t, map[string]string{"kind": "live"})
			s.say(t, plain, "plain")
			s.say(t, tagged, "tagged")
			for _, value := range []string{"dead", "other"} { // The second change is of a room that is not selected.
				err := s.ChangeTags(t.Context(), tagged.ARN, func(tags map[string]string) error {
					tags["kind"] = value
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			ban := &moderation.Ban{Type: moderation.TypeBan, UserID: "bad", CreatedBy: "root"}
			if err := s.Bans.Create(t.Context(), ban, 0); err != nil {
				t.Fatal(err)
			}
			if err := s.Bans.Delete(t.Context(), ban.ID); err != nil {
				t.Fatal(err)
			}
			s.say(t, plain, "end")
			if got := texts(byID.WaitEvents(t, 2)); !slices.Equal(got, []string{"plain", "end"}) {
				t.Errorf("by id: %v", got)
			}
			events := byTag.WaitEvents(t, 2)
			if got := texts(events); !slices.Equal(got, []string{"tagged"}) || events[1].Type != "room.updated" || len(events) != 2 {
				t.Errorf("by tag: %+v", events)
			}
			if events := bans.WaitEvents(t, 1); events[0].Type != "moderation.ban.deleted" || events[0].RoomARN != "" || len(events) != 1 {
				t.Errorf("bans: %+v", events)
			}
		})
		t.Run("a webhook that was deleted leaves no metrics", func(t *testing.T) {
			works, room := receiver.Start(t, false), s.room(t, nil)
			h := s.hook(t, works, webhook.Hook{RoomIDs: []string{room.ARN.ID}, Events: []webhook.EventType{webhook.MessageSent}})
			counted := func() bool {
				families, err := s.metrics.Gather()
				return err == nil && strings.Contains(fmt.Sprint(families), h.ID)
			}
			s.say(t, room, "hello")
			works.WaitEvents(t, 1)
			eventually(t, "the event is counted", counted)
			if err := s.Webhooks.Delete(t.Context(), h.ID); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the count is gone", func() bool { return !counted() })
		})
		t.Run("an endpoint that hangs, and one that is gone, do not delay other webhooks", func(t *testing.T) {
			hangs, gone, works := receiver.Start(t, false), receiver.Start(t, false), receiver.Start(t, true)
			release := make(chan struct{})
			defer close(release)
			hangs.Answer(func(int, *receiver.Call) int { <-release; return http.StatusOK })
			gone.Answer(func(int, *receiver.Call) int { return http.StatusGone })
			s.hook(t, hangs, webhook.Hook{Events: []webhook.EventType{webhook.MessageSent}})
			gonner := s.hook(t, gone, webhook.Hook{Events: []webhook.EventType{webhook.MessageSent}})
			untrusted := s.hook(t, works, webhook.Hook{Events: []webhook.EventType{webhook.MessageSent}})
			good := receiver.Start(t, false)
			s.hook(t, good, webhook.Hook{Events: []webhook.EventType{webhook.MessageSent}})
			room := s.room(t, nil)
			s.say(t, room, "0")
			if got := texts(good.WaitEvents(t, 1)); !slices.Equal(got, []string{"0"}) {
				t.Errorf("got %v", got)
			}
			eventually(t, "the webhook that is gone to be paused", func() bool {
				h, err := s.Webhooks.Get(t.Context(), gonner.ID)
				return err == nil && h.State == webhook.Paused && strings.Contains(h.LastError, "410")
			})
			eventually(t, "an error about the certificate", func() bool {
				h, err := s.Webhooks.Get(t.Context(), untrusted.ID)
				return err == nil && h.State == webhook.Active && strings.Contains(h.LastError, "certificate")
			})
			s.say(t, room, "1")
			if got := texts(good.WaitEvents(t, 2)); !slices.Equal(got, []string{"0", "1"}) || gone.Tried() != 1 {
				t.Errorf("got %v; the endpoint that is gone was called %d times", got, gone.Tried())
			}
		})
		t.Run("nothing is kept for a webhook that is paused or deleted", func(t *testing.T) {
			r := receiver.Start(t, false)
			r.Answer(func(int, *receiver.Call) int { return http.StatusInternalServerError })
			h := s.hook(t, r, webhook.Hook{Events: []webhook.EventType{webhook.MessageSent}})
			room := s.room(t, nil)
			s.say(t, room, "failed")
			r.Wait(t, "a call", func() bool { return r.Tried() > 0 })
			set := func(state webhook.State) {
				t.Helper()
				if _, err := s.Webhooks.Update(t.Context(), h.ID, func(h *webhook.Hook) error { h.State = state; return nil }); err != nil {
					t.Fatal(err)
				}
			}
			set(webhook.Paused)
			s.say(t, room, "paused")
			s.prune(t)
			r.Answer(nil)
			set(webhook.Active)
			s.say(t, room, "resumed")
			if got := texts(r.WaitEvents(t, 1)); !slices.Equal(got, []string{"resumed"}) {
				t.Errorf("got %v", got)
			}
			if err := s.Webhooks.Delete(t.Context(), h.ID); err != nil {
				t.Fatal(err)
			}
			for _, arn := range s.Webhooks.For(room, chat.ActionSendMessage) {
				if strings.HasSuffix(arn, h.ID) {
					t.Errorf("got %s", arn)
				}
			}
		})
		t.Run("a change that was committed but not passed on comes later", func(t *testing.T) {
			r := receiver.Start(t, false)
			s.hook(t, r, webhook.Hook{Events: []webhook.EventType{webhook.RoomCreated}})
			accept := s.refuse(t)
			room := s.room(t, nil)
			accept()
			if events := r.WaitEvents(t, 1); events[0].Type != "room.created" || events[0].RoomARN != room.ARN.String() {
				t.Errorf("got %+v", events)
			}
		})
		t.Run("later events do not contain an erased user", func(t *testing.T) {
			all, joins := receiver.Start(t, false), receiver.Start(t, false)
			for _, r := range []*receiver.Receiver{all, joins} {
				r.Answer(func(int, *receiver.Call) int { return http.StatusInternalServerError })
			}
			attends := []webhook.EventType{webhook.UserJoined, webhook.UserLeft, webhook.PresenceReset}
			s.hook(t, all, webhook.Hook{Events: attends})
			s.hook(t, joins, webhook.Hook{Events: attends[:1]})
			room, run := s.room(t, nil), s.Webhooks.Attendance()
			tell := func(typ webhook.EventType, user string) {
				t.Helper()
				f, err := run.Frame(room.ARN.ID, s.Webhooks.ForEvent(room, typ), webhook.Event{Type: typ, UserID: user, Presence: &webhook.Presence{Users: 1, Connections: 2}})
				if err == nil {
					err = run.Announce(t.Context(), []*chat.Frame{f})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			tell(webhook.UserJoined, "zoe")
			tell(webhook.UserJoined, "zoey")
			tell(webhook.UserLeft, "zoe")
			tell(webhook.UserLeft, "zoey")
			erasure, err := s.Transcript().NewErasure(t.Context(), "", "zoe")
			if err != nil {
				t.Fatal(err)
			}
			for erasure.Removing() {
				if err := erasure.Remove(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if erasure.Messages != 0 {
				t.Errorf("%d messages were erased", erasure.Messages)
			}
			if err := s.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			all.Answer(nil)
			joins.Answer(nil)
			lines := func(events []receiver.Event) (lines []string) {
				for _, e := range events {
					lines = append(lines, fmt.Sprintf("%s %s %d/%d", e.Type, e.UserID, e.Presence.Users, e.Presence.Connections))
				}
				return lines
			}
			want := []string{"presence.reset  1/2", "user.joined zoey 1/2", "presence.reset  1/2", "user.left zoey 1/2"}
			if got := lines(all.WaitEvents(t, len(want))); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := lines(joins.WaitEvents(t, 1)); !slices.Equal(got, []string{"user.joined zoey 1/2"}) {
				t.Errorf("a webhook without resets got %q", got)
			}
		})
		t.Run("frames and changes come in their order, over restarts and failures", func(t *testing.T) {
			r := receiver.Start(t, false)
			h := s.hook(t, r, webhook.Hook{})
			r.Answer(func(n int, _ *receiver.Call) int { return []int{204, 500, 302, 200}[n%4] })
			room := s.room(t, nil)
			for i, text := range numbers(30) {
				s.say(t, room, text)
				if i == 9 || i == 19 {
					s.end()
					s = open(t)
				}
			}
			ban := &moderation.Ban{Type: moderation.TypeMute, UserID: "bad", RoomID: room.ARN.ID, CreatedBy: "root"}
			if err := s.Bans.Create(t.Context(), ban, 0); err != nil {
				t.Fatal(err)
			}
			if err := s.DeleteRoom(t.Context(), room.ARN.ID); err != nil {
				t.Fatal(err)
			}
			r.Answer(nil)
			events := r.WaitEvents(t, 33)
			if got := texts(events); !slices.Equal(got, numbers(30)) {
				t.Errorf("got %v", got)
			}
			first, last, before := events[0], events[32], events[31]
			if first.Type != "room.created" || first.Room["arn"] != room.ARN.String() || first.RoomARN != room.ARN.String() || first.Room["maximumMessageLength"] != 500.0 {
				t.Errorf("the first is %+v", first)
			}
			if before.Type != "moderation.ban.created" || before.Ban["userId"] != "bad" || last.Type != "room.deleted" {
				t.Errorf("the last are %+v, %+v", before, last)
			}
			eventually(t, "no last error", func() bool {
				h, err := s.Webhooks.Get(t.Context(), h.ID)
				return err == nil && h.LastError == ""
			})
		})
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	o := store.Options{
		Dir: filepath.Join(t.TempDir(), "data"), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize), Region: "us-west-2", Account: "123456789012",
		WebhookRetention: time.Hour,
	}
	s := start(t, o)
	r := receiver.Start(t, false)
	r.Answer(func(int, *receiver.Call) int { return http.StatusServiceUnavailable })
	s.hook(t, r, webhook.Hook{Events: []webhook.EventType{webhook.MessageSent}})
	room := s.room(t, nil)
	m := chat.Message{ID: chat.NewID(), Content: "old", SendTime: time.Now().Add(-2 * time.Hour), UserID: "ann"}
	<-s.Transcript().Append(&chat.Frame{
		RoomID: room.ARN.ID, ID: m.ID, Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: m.SendTime, JSON: m.AppendJSON(nil),
		Webhooks: s.Webhooks.For(room, chat.ActionSendMessage),
	})
	s.say(t, room, "new")
	r.Wait(t, "a call", func() bool { return r.Tried() > 0 })
	s.prune(t)
	r.Answer(nil)
	if got := texts(r.WaitEvents(t, 1)); !slices.Equal(got, []string{"new"}) {
		t.Errorf("got %v", got)
	}
}
