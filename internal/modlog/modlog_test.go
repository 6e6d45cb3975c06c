package modlog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/contentfilter"
	"confab/internal/iam"
	"confab/internal/moderation"
	"confab/internal/modlog"
	"confab/internal/pgtest"
	"confab/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// opened is a store, and its clock.
type opened struct {
	*store.DB
	clock   atomic.Int64 // in nanoseconds since start
	metrics *store.Metrics
	o       store.Options
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (o *opened) now() time.Time { return start.Add(time.Duration(o.clock.Load())) }

func (o *opened) pass(d time.Duration) { o.clock.Add(int64(d)) }

// settle opens the store again, so that what was noted is stored.
func (o *opened) settle(t *testing.T) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o.open(t)
}

func (o *opened) open(t *testing.T) {
	t.Helper()
	var err error
	if o.DB, err = store.Open(t.Context(), o.o); err != nil {
		t.Fatal(err)
	}
}

func dialects(t *testing.T, test func(t *testing.T, o *opened)) {
	t.Helper()
	t.Parallel()
	for name, where := range map[string]func(testing.TB) store.Options{
		"sqlite": func(tb testing.TB) store.Options {
			tb.Helper()
			return store.Options{Dir: tb.TempDir()}
		},
		"postgres": func(tb testing.TB) store.Options {
			tb.Helper()
			return store.Options{Database: pgtest.Shared(tb).Database(tb)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &opened{metrics: store.NewMetrics(nil, chatlog.NewMetrics(nil)), o: where(t)}
			o.o.SecretKey = bytes.Repeat([]byte{7}, store.SecretKeySize)
			o.o.Region, o.o.Account = "us-west-2", "123456789012"
			o.o.Now = o.now
			o.o.Log, o.o.Metrics = slog.New(slog.DiscardHandler), o.metrics
			o.open(t)
			t.Cleanup(func() { o.Close() })
			test(t, o)
		})
	}
}

// list lists all pages of a query, each of at most most events.
func (o *opened) list(t *testing.T, q modlog.Query, most int) (all []modlog.Event) {
	t.Helper()
	for q.Max = most; ; {
		page, next, err := o.Moderation.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > most || next != nil && len(page) != most {
			t.Errorf("a page has %d events, %v", len(page), next)
		}
		all = append(all, page...)
		if next == nil {
			return all
		}
		q.After = next
	}
}

func ids(events []modlog.Event) (all []string) {
	for i := range events {
		all = append(all, events[i].ID)
	}
	return all
}

func TestNote(t *testing.T) {
	dialects(t, func(t *testing.T, o *opened) {
		for n := range 7 {
			o.Moderation.Note(&modlog.Event{
				ID: fmt.Sprint("e", n), Time: o.now().Add(time.Duration(n/2) * time.Second), Action: modlog.DeleteMessage,
				RoomID: fmt.Sprint("room", n%2), UserID: []string{"ann\x00", "bob\xff"}[n%2], MessageID: "m", By: modlog.Actor{PrincipalARN: "arn", UserID: "mo"},
				Reason: "spam", Details: map[string]string{"n": fmt.Sprint(n)},
			})
		}
		o.settle(t)
		for most := 1; most < 9; most++ {
			got := ids(o.list(t, modlog.Query{}, most))
			slices.Sort(got) // Those of one time are in the order in which they were stored.
			if fmt.Sprint(got) != "[e0 e1 e2 e3 e4 e5 e6]" {
				t.Errorf("pages of %d: got %v", most, got)
			}
		}
		for want, q := range map[string]modlog.Query{
			"[e6 e4 e2 e0]": {RoomID: "room0"},
			"[e5 e3 e1]":    {UserID: "bob\xff"},
			"[]":            {RoomID: "room0", UserID: "bob\xff"},
			"[e6 e4]":       {RoomID: "room0", Start: o.now().Add(2 * time.Second)},
			"[e2 e0]":       {RoomID: "room0", End: o.now().Add(2 * time.Second)},
		} {
			if got := fmt.Sprint(ids(o.list(t, q, 2))); got != want {
				t.Errorf("%+v: got %s, want %s", q, got, want)
			}
		}
		want := modlog.Event{
			ID: "e6", Time: o.now().Add(3 * time.Second), Action: modlog.DeleteMessage, RoomID: "room0", UserID: "ann\x00", MessageID: "m",
			By: modlog.Actor{PrincipalARN: "arn", UserID: "mo"}, Reason: "spam", Details: map[string]string{"n": "6"},
		}
		if diff := cmp.Diff(want, o.list(t, modlog.Query{}, 1)[0]); diff != "" {
			t.Error(diff)
		}
		// Written again, with other details.
		o.Moderation.Note(&modlog.Event{ID: "e6", Time: o.now(), Action: modlog.DeleteMessage})
		o.settle(t)
		if got := o.list(t, modlog.Query{}, 9); len(got) != 7 || got[0].Details != nil || got[0].Reason != "spam" {
			t.Errorf("got %+v", got)
		}
	})
}

// Events that are noted twice before they are stored are stored once: with the details of the
// second time, and otherwise as the first time.
func TestNoteTwice(t *testing.T) {
	dialects(t, func(t *testing.T, o *opened) {
		const events = 100
		for _, word := range []string{"first", "second"} {
			for n := range events {
				o.Moderation.Note(&modlog.Event{
					ID: fmt.Sprintf("e%02d", n), Time: o.now(), Action: modlog.DeleteMessage, Reason: word, Details: map[string]string{"word": word},
				})
			}
		}
		o.settle(t)
		got := o.list(t, modlog.Query{}, 200)
		if len(got) != events {
			t.Fatalf("%d events are stored, want %d", len(got), events)
		}
		for i := range got {
			if e := &got[i]; e.Reason != "first" || e.Details["word"] != "second" {
				t.Errorf("%s has the reason %q and the details %v", e.ID, e.Reason, e.Details)
			}
		}
	})
}

// What was noted is stored when the store is closed.
func TestClose(t *testing.T) {
	dialects(t, func(t *testing.T, o *opened) {
		for n := range 300 {
			o.Moderation.Note(&modlog.Event{ID: fmt.Sprint(n), Time: o.now(), Action: modlog.DisconnectUser})
		}
		o.settle(t)
		if got := o.list(t, modlog.Query{}, 200); len(got) != 300 {
			t.Errorf("%d events are stored", len(got))
		}
	})
}

func TestPrune(t *testing.T) {
	dialects(t, func(t *testing.T, o *opened) {
		for n := range 600 {
			o.Moderation.Note(&modlog.Event{ID: fmt.Sprintf("%04d", n), Time: o.now(), Action: modlog.DeleteMessage})
		}
		o.Moderation.Note(&modlog.Event{ID: "later", Time: o.now().Add(time.Hour), Action: modlog.DeleteMessage})
		o.settle(t)
		if err := modlog.Prune(t.Context(), o.Moderation, 10); err != nil {
			t.Fatal(err)
		}
		if n := len(o.list(t, modlog.Query{}, 200)); n != 10 {
			t.Errorf("%d of the newest 10 are left", n)
		}
		o.pass(modlog.DefaultRetention + time.Minute)
		if got := fmt.Sprint(ids(o.list(t, modlog.Query{}, 5))); got != "[later]" { // Before they are deleted, too.
			t.Errorf("got %s", got)
		}
		if err := o.Moderation.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.pass(-modlog.DefaultRetention)
		if got := fmt.Sprint(ids(o.list(t, modlog.Query{}, 5))); got != "[later]" {
			t.Errorf("got %s", got)
		}
	})
}

// A flood is bounded, and what is dropped is counted.
func TestFlood(t *testing.T) {
	dialects(t, func(t *testing.T, o *opened) {
		for n := range modlog.HitsPerSecond + 50 {
			o.Moderation.Note(&modlog.Event{ID: fmt.Sprint("hit", n), Time: o.now(), Action: modlog.FilterHit})
		}
		if n := testutil.ToFloat64(o.metrics.Moderation.Dropped); n != 50 {
			t.Errorf("%v hits are counted as dropped", n)
		}
		const flood = 4_000
		reason := strings.Repeat("x", 4096)
		for n := range flood {
			o.Moderation.Note(&modlog.Event{ID: fmt.Sprint(n), Time: o.now(), Action: modlog.DeleteMessage, RoomID: "flooded", Reason: reason})
		}
		dropped := testutil.ToFloat64(o.metrics.Moderation.Dropped) - 50
		if dropped == 0 {
			t.Error("nothing was dropped, so more was in memory than may be")
		}
		o.settle(t)
		if got := len(o.list(t, modlog.Query{RoomID: "flooded"}, 200)); float64(got) != flood-dropped {
			t.Errorf("%d events are stored and %v dropped, of %d", got, dropped, flood)
		}
	})
}

// Changes in the main database write their events in their own transactions.
func TestChanges(t *testing.T) {
	dialects(t, func(t *testing.T, o *opened) {
		ctx := iam.WithCall(t.Context(), &iam.Call{Principal: &iam.Principal{ARN: "arn:aws:iam::123456789012:user/mo"}})
		room := &chat.Room{MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10}
		if err := o.CreateRoom(ctx, room, 0); err != nil {
			t.Fatal(err)
		}
		id := room.ARN.ID
		ban := &moderation.Ban{Type: moderation.TypeBan, RoomID: id, UserID: "ann", Reason: "spam", CreatedBy: room.ARN.String() + "/mod"}
		filter := &contentfilter.Filter{Name: "words", Terms: []string{"secretword"}, Action: contentfilter.Deny}
		modes := store.NewRoomModes(o.DB)
		set := func(all ...chat.Mode) func() error {
			return func() error {
				_, err := modes.Set(ctx, id, func([]chat.Mode) []chat.Mode { return all })
				return err
			}
		}
		for _, do := range []func() error{
			func() error { return o.Bans.Create(context.Background(), ban, time.Minute) },
			func() error {
				_, err := o.Bans.Update(ctx, ban.ID, func(b *moderation.Ban) { b.Reason = "more spam" })
				return err
			},
			func() error { return o.Bans.Delete(ctx, ban.ID) },
			func() error { return o.Filters.Put(ctx, filter) },
			func() error { return o.Filters.Delete(ctx, "", "words") },
			set(chat.Mode{Name: "send", Value: "staff"}),
			set(chat.Mode{Name: "slow-mode", Value: "5s", Expires: start.Add(time.Hour)}),
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
			o.pass(time.Second)
		}
		mo := modlog.Actor{PrincipalARN: "arn:aws:iam::123456789012:user/mo"}
		banned := map[string]string{"id": ban.ID, "type": "BAN", "expirationTime": chat.FormatTime(ban.Expires)}
		want := []modlog.Event{
			{Action: modlog.CreateBan, RoomID: id, UserID: "ann", Reason: "spam", By: modlog.Actor{UserID: "mod"}, Details: banned},
			{Action: modlog.UpdateBan, RoomID: id, UserID: "ann", Reason: "more spam", By: mo, Details: banned},
			{Action: modlog.DeleteBan, RoomID: id, UserID: "ann", By: mo, Details: map[string]string{"id": ban.ID, "type": "BAN"}},
			{Action: modlog.PutContentFilter, By: mo, Details: map[string]string{"filter": "words", "filterAction": "DENY", "terms": "1", "expressions": "0"}},
			{Action: modlog.DeleteContentFilter, By: mo, Details: map[string]string{"filter": "words"}},
			{Action: modlog.UpdateRoomModes, RoomID: id, By: mo, Details: map[string]string{"send": "staff"}},
			{Action: modlog.UpdateRoomModes, RoomID: id, By: mo, Details: map[string]string{"send": "", "slow-mode": "5s", "expirationTime": chat.FormatTime(start.Add(time.Hour))}},
		}
		got := o.list(t, modlog.Query{}, 3)
		slices.Reverse(got)
		for i := range got {
			got[i].ID, got[i].Time = "", time.Time{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := o.Bans.Delete(ctx, ban.ID); chat.CodeOf(err) != chat.NotFound || len(o.list(t, modlog.Query{}, 9)) != len(want) {
			t.Errorf("a change that failed (%v) is in the log", err)
		}
	})
}

// BenchmarkNote shows what an event costs until it is stored in SQLite: of 1,000 rooms, in full
// batches.
func BenchmarkNote(b *testing.B) {
	o := &opened{metrics: store.NewMetrics(nil, chatlog.NewMetrics(nil)), o: store.Options{Dir: b.TempDir(), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize)}}
	o.o.Region, o.o.Account = "us-west-2", "123456789012"
	o.o.Log, o.o.Metrics = slog.New(slog.DiscardHandler), o.metrics
	var err error
	if o.DB, err = store.Open(b.Context(), o.o); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := processorTime(b)
	for n := 0; b.Loop(); n++ {
		o.Moderation.Note(&modlog.Event{
			ID: chat.NewID(), Time: time.Now(), Action: modlog.DeleteMessage, RoomID: fmt.Sprintf("room%08d", n%1000),
			MessageID: "012345678901", By: modlog.Actor{UserID: "moderator"}, Reason: "spam",
		})
		if n%256 == 255 {
			o.Moderation.Flush(b.Context())
		}
	}
	if err := o.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
