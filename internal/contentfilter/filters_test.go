package contentfilter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/filter"
	"confab/internal/pgtest"
	"confab/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const (
	room  = "roomroomroom"
	other = "otherotheroo"
)

// dialects runs a test once for each database. open opens the same one each time.
func dialects(t *testing.T, test func(t *testing.T, open func() *store.DB, now *time.Time)) {
	t.Helper()
	t.Parallel()
	for name, where := range map[string]func(testing.TB) store.Options{
		"sqlite": func(tb testing.TB) store.Options {
			tb.Helper()
			return store.Options{Dir: filepath.Join(tb.TempDir(), "data")}
		},
		"postgres": func(tb testing.TB) store.Options {
			tb.Helper()
			return store.Options{Database: pgtest.Shared(tb).Database(tb)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
			o := where(t)
			o.SecretKey, o.Region, o.Account = bytes.Repeat([]byte{7}, store.SecretKeySize), "us-west-2", "123456789012"
			o.Now = func() time.Time { return now }
			test(t, func() *store.DB {
				db, err := store.Open(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
				return db
			}, &now)
		})
	}
}

func put(tb testing.TB, f *contentfilter.Filters, roomID, name string, action contentfilter.Action, terms ...string) *contentfilter.Filter {
	tb.Helper()
	made := &contentfilter.Filter{RoomID: roomID, Name: name, Action: action, Terms: terms}
	if err := f.Put(tb.Context(), made); err != nil {
		tb.Fatal(err)
	}
	return made
}

// decided is what comes of a message: the action, the filter and what is delivered.
func decided(f *contentfilter.Filters, roomID, content string) string {
	d := f.Decide(roomID, content)
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Action, d.Filter, d.Content))
}

func TestDecide(t *testing.T) {
	dialects(t, func(t *testing.T, open func() *store.DB, _ *time.Time) {
		f := open().Filters
		if err := f.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		put(t, f, "", "names", contentfilter.Mask, "voldemort")
		put(t, f, "", "watch", contentfilter.Flag, "odd", "idiot")
		put(t, f, room, "insults", contentfilter.Deny, "idiot")
		put(t, f, room, "spam", contentfilter.Hide, "scam*")
		for _, c := range []struct{ room, content, want string }{
			{room, "hello", "hello"},
			{room, "an i.d.i.o.t", "DENY insults an i.d.i.o.t"},
			{other, "an idiot", "FLAG watch an idiot"},
			{room, "scammers of Voldemort", "HIDE spam scammers of *********"},
			{other, "scammers of Voldemort", "MASK names scammers of *********"},
			{other, "odd voldemort", "MASK names odd *********"},
		} {
			if got := decided(f, c.room, c.content); got != c.want {
				t.Errorf("%q in %s: got %q, want %q", c.content, c.room, got, c.want)
			}
		}
		if d := f.Decide(other, "odd voldemort"); !slices.Equal(d.Flagged, []string{"watch"}) {
			t.Errorf("flagged by %q", d.Flagged)
		}
		d, all := f.Explain(room, "idiot, idiot of Voldemort")
		if d.Action != contentfilter.Deny || d.Message != contentfilter.DefaultMessage {
			t.Errorf("got %+v", d)
		}
		var got []string
		for _, m := range all {
			got = append(got, fmt.Sprint(m.Filter, m.Start, m.End))
		}
		if want := []string{"insults0 5", "watch0 5", "insults7 12", "watch7 12", "names16 25"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestChanges is about several servers on one database, and restarts.
func TestChanges(t *testing.T) {
	dialects(t, func(t *testing.T, open func() *store.DB, now *time.Time) {
		ctx := t.Context()
		first, second := open(), open()
		notices := 0
		for _, db := range []*store.DB{first, second} {
			if err := db.Filters.Start(ctx, func(context.Context) { notices++ }); err != nil {
				t.Fatal(err)
			}
		}
		put(t, first.Filters, room, "insults", contentfilter.Deny, "idiot\u00e9", "shut up")
		if notices != 1 {
			t.Errorf("%d notices", notices)
		}
		check := func(db *store.DB, want string) {
			t.Helper()
			if err := db.Filters.Changed(ctx); err != nil {
				t.Fatal(err)
			}
			if got := decided(db.Filters, room, "shut up"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		check(second, "DENY insults shut up")
		*now = now.Add(time.Minute)
		put(t, second.Filters, room, "insults", contentfilter.Mask, "shut")
		check(first, "MASK insults **** up")
		if got, err := first.Filters.Get(ctx, room, "insults"); err != nil || !slices.Equal(got.Terms, []string{"shut"}) || !got.UpdateTime.Equal(*now) || len(got.Expressions) != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		third := open()
		if err := third.Filters.Start(ctx, nil); err != nil {
			t.Fatal(err)
		}
		check(third, "MASK insults **** up")
		if err := third.Filters.Delete(ctx, room, "insults"); err != nil {
			t.Fatal(err)
		}
		for _, db := range []*store.DB{first, second, third} {
			check(db, "shut up")
		}
		for _, err := range []error{first.Filters.Delete(ctx, room, "insults"), func() error { _, err := first.Filters.Get(ctx, "", "insults"); return err }()} {
			if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.NotFound || e.Resource.Type.ErrorName() != "CONTENT_FILTER" {
				t.Errorf("got %v", err)
			}
		}
		// What was deleted long ago is pruned, and numbers of changes are not used again.
		put(t, first.Filters, room, "later", contentfilter.Deny, "later")
		check(second, "shut up")
		*now = now.Add(25 * time.Hour)
		if err := first.Prune(ctx); err != nil {
			t.Fatal(err)
		}
		if err := first.Filters.Delete(ctx, room, "later"); err != nil {
			t.Fatal(err)
		}
		check(second, "shut up")
		if got := decided(second.Filters, room, "later"); got != "later" {
			t.Errorf("got %q", got)
		}
	})
}

func TestListAndLimits(t *testing.T) {
	dialects(t, func(t *testing.T, open func() *store.DB, _ *time.Time) {
		ctx := t.Context()
		db := open()
		f := db.Filters
		if err := f.Start(ctx, nil); err != nil {
			t.Fatal(err)
		}
		made := &chat.Room{ARN: chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: room}}
		if err := db.CreateRoom(ctx, made, 0); err != nil {
			t.Fatal(err)
		}
		for i := range contentfilter.MaxInScope {
			put(t, f, room, fmt.Sprintf("f%02d", i), contentfilter.Deny, "idiot")
		}
		put(t, f, "", "every", contentfilter.Flag, "a", "b")
		put(t, f, room, "f00", contentfilter.Mask, "idiot") // It replaces one.
		err := f.Put(ctx, &contentfilter.Filter{RoomID: room, Name: "more", Action: contentfilter.Deny, Terms: []string{"x"}})
		if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.QuotaExceeded || e.Limit != contentfilter.MaxInScope {
			t.Errorf("got %v", err)
		}
		if err := f.Put(ctx, &contentfilter.Filter{RoomID: room, Name: "f00", Expressions: []string{"("}}); err == nil {
			t.Error("a wrong expression was stored")
		} else if _, ok := errors.AsType[*filter.RuleError](err); !ok {
			t.Errorf("got %v", err)
		}
		names := func(roomID string, everywhere bool) (all []string) {
			var at contentfilter.Place
			for {
				page, next, err := f.List(ctx, roomID, everywhere, 8, at)
				if err != nil {
					t.Fatal(err)
				}
				for i := range page {
					if page[i].Terms != nil {
						t.Errorf("%s has terms", page[i].Name)
					}
					all = append(all, page[i].Name)
				}
				if next == nil {
					return all
				}
				at = *next
			}
		}
		if got := names("", false); !slices.Equal(got, []string{"every"}) {
			t.Errorf("got %q", got)
		}
		if got := names(room, false); len(got) != contentfilter.MaxInScope || !slices.IsSorted(got) {
			t.Errorf("got %q", got)
		}
		if got := names("", true); len(got) != contentfilter.MaxInScope+1 || got[0] != "every" || !slices.IsSorted(got[1:]) {
			t.Errorf("got %q", got)
		}
		if err := db.DeleteRoom(ctx, room); err != nil {
			t.Fatal(err)
		}
		if got := names("", true); !slices.Equal(got, []string{"every"}) {
			t.Errorf("after the room: %q", got)
		}
		if got := decided(f, room, "idiot"); got != "idiot" {
			t.Errorf("after the room: %q", got)
		}
	})
}
