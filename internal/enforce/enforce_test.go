package enforce_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/enforce"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/moderation"
	"confab/internal/store"
)

const roomID = "abcdefABCDEF"

var log = slog.New(slog.DiscardHandler)

// live is an engine whose only room is roomID, and its bans.
type live struct {
	*messagingtest.Store
	*messagingtest.Audience
	engine *messaging.Engine
	bans   *moderation.Bans
	db     *store.DB
}

// replaying is an Audience of a room in which clients catch up.
type replaying struct{ *messagingtest.Audience }

func (r replaying) DeliverAnd(frame []byte, then func()) int {
	then()
	return r.Deliver(frame)
}
func (replaying) AppendFrame(b, json []byte) []byte { return append(b, json...) }
func (replaying) Mark(uint64)                       {}
func (replaying) PingEvery(_, _ time.Duration)      {}

func newLive(t *testing.T) *live {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{
		Dir: t.TempDir(), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize), Region: messagingtest.Region, Account: messagingtest.Account,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &live{Store: messagingtest.NewStore(messagingtest.NewRoom(roomID)), Audience: &messagingtest.Audience{}, bans: db.Bans, db: db}
	w.engine = messaging.NewEngine(messaging.Options{
		Rooms: w, Tokens: w, Reviewer: w, Transcript: w, NewAudience: func() messaging.Audience { return replaying{w.Audience} },
		CatchUp: messaging.CatchUp{Memory: catchup.NewMemory(1 << 20)},
		Bans:    w.bans, Disconnected: enforce.Disconnected(w.bans, w.db.Transcript().History(), log), Extensions: true,
		Metrics: messaging.NewMetrics(nil), Log: log,
	})
	t.Cleanup(w.engine.Close)
	return w
}

func (w *live) join(t *testing.T, user string) *messagingtest.Client {
	t.Helper()
	return messagingtest.Join(t, w.engine, messagingtest.Token(roomID, user, time.Now()))
}

func (w *live) end(t *testing.T, b *moderation.Ban) {
	t.Helper()
	enforce.End(t.Context(), messaging.RosterOf(w.engine), b, log)
}

func TestEnd(t *testing.T) {
	t.Parallel()
	t.Run("a user's sessions end behind the event, in one room or in all", func(t *testing.T) {
		for _, in := range []string{roomID, ""} {
			w := newLive(t)
			ann, again, bob := w.join(t, "ann"), w.join(t, "ann"), w.join(t, "bob")
			w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", RoomID: in, UserID: "ann", Reason: "spam"})
			frames := w.Frames()
			if len(frames) != 1 || frames[0]["EventName"] != chat.DisconnectUserEvent {
				t.Fatalf("got %v", frames)
			}
			for _, c := range []*messagingtest.Client{ann, again} {
				if got := c.Endings(); len(got) == 0 || got[0] != ending.Kicked.Name {
					t.Errorf("got %v", got)
				}
			}
			if got := bob.Endings(); got != nil {
				t.Errorf("another user's session ended: %v", got)
			}
		}
	})
	t.Run("the sessions of a range end without an event", func(t *testing.T) {
		w := newLive(t)
		ann := w.join(t, "ann")
		for _, cidr := range []string{"192.0.3.0/24", "192.0.2.0/24"} {
			if got := ann.Endings(); got != nil {
				t.Errorf("before %s: got %v", cidr, got)
			}
			w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", RoomID: roomID, Range: netip.MustParsePrefix(cidr)})
		}
		if ann.Endings() == nil || len(w.Frames()) != 0 {
			t.Errorf("got %v, %d frames", ann.Endings(), len(w.Frames()))
		}
	})
	t.Run("rooms without the user are left alone", func(t *testing.T) {
		w := newLive(t)
		w.join(t, "bob")
		w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", UserID: "ann"})
		w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", UserID: "ann", RoomID: "elsewhereabc"})
		if n := len(w.Frames()); n != 0 {
			t.Errorf("%d frames were delivered", n)
		}
	})
	t.Run("the event comes once, also when its ban is enforced again", func(t *testing.T) {
		w := newLive(t)
		for range 2 {
			ann := w.join(t, "ann")
			w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", RoomID: roomID, UserID: "ann"})
			if got := ann.Endings(); len(got) == 0 || got[0] != ending.Kicked.Name {
				t.Errorf("got %v", got)
			}
		}
		if n := len(w.Frames()); n != 1 {
			t.Errorf("%d frames were delivered, want 1", n)
		}
	})
	t.Run("long after the ban, the event is a new one", func(t *testing.T) {
		w := newLive(t)
		created := time.Now()
		for _, age := range []time.Duration{0, time.Hour} {
			w.join(t, "ann")
			w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", RoomID: roomID, UserID: "ann", CreateTime: created.Add(-age)})
		}
		if ids := w.IDs(); len(ids) != 2 || ids[0] != "ABCDEFabcdef" || ids[1] == ids[0] {
			t.Errorf("the events have the ids %q", ids)
		}
	})
	t.Run("a banned user who lost the connection does not catch up later", func(t *testing.T) {
		for _, in := range []string{roomID, ""} {
			w := newLive(t)
			w.Change(roomID, func(r *chat.Room) { r.Tags = map[string]string{"confab:catch-up": "1m"} })
			lost, err := w.engine.Join(t.Context(), messagingtest.Token(roomID, "ann", time.Now()), &messagingtest.Client{}, messaging.Client{})
			if err != nil {
				t.Fatal(err)
			}
			lost.Part(catchup.Lost)
			w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", RoomID: in, UserID: "ann"})
			if _, err := w.engine.SendEvent(t.Context(), roomID, "secret", nil); err != nil {
				t.Fatal(err)
			}
			if frames, replayed := w.join(t, "ann").First(); replayed { // The ban was deleted meanwhile.
				t.Errorf("ban of %q: got %q", in, frames)
			}
		}
	})
	t.Run("a ban that is made ends the sessions", func(t *testing.T) {
		w := newLive(t)
		if err := enforce.Start(t.Context(), w.bans, w.engine, log, nil); err != nil {
			t.Fatal(err)
		}
		ann := w.join(t, "ann")
		if err := w.bans.Create(t.Context(), &moderation.Ban{Type: moderation.TypeBan, RoomID: roomID, UserID: "ann"}, 0); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); ann.Endings() == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the session did not end")
			}
		}
	})
}

func TestDisconnected(t *testing.T) {
	t.Parallel()
	tagged := func(t *testing.T) *live {
		t.Helper()
		w := newLive(t)
		w.Change(roomID, func(r *chat.Room) { r.Tags = map[string]string{"confab:disconnect-ban": "5m"} })
		return w
	}
	made := func(t *testing.T, w *live) (all []string) {
		t.Helper()
		page, _, err := w.bans.List(t.Context(), moderation.Filter{}, 9, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page {
			all = append(all, b.ID+" "+b.UserID+" "+b.Reason+" "+b.CreatedBy)
		}
		slices.Reverse(all)
		return all
	}
	t.Run("with the tag, a moderator's disconnect bans the user", func(t *testing.T) {
		w := tagged(t)
		bob := w.join(t, "bob")
		if err := bob.DisconnectUser(t.Context(), messaging.Request{Received: time.Now()}, "ann", "spam"); err != nil {
			t.Fatal(err)
		}
		if err := w.engine.DisconnectUser(t.Context(), roomID, "eve", "", "arn:root"); err != nil {
			t.Fatal(err)
		}
		ids := w.IDs()
		want := []string{ids[0] + " ann spam " + messagingtest.ARN(roomID).String() + "/bob", ids[1] + " eve  arn:root"}
		if got := made(t, w); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("the disconnect of a ban bans nobody, and neither does one without the tag", func(t *testing.T) {
		w := tagged(t)
		w.join(t, "ann")
		w.end(t, &moderation.Ban{ID: "ABCDEFabcdef", UserID: "ann"})
		w.Change(roomID, func(r *chat.Room) { r.Tags = nil })
		w.engine.RoomChanged(context.Background(), roomID)
		if err := w.engine.DisconnectUser(t.Context(), roomID, "eve", "", ""); err != nil {
			t.Fatal(err)
		}
		if got := made(t, w); got != nil {
			t.Errorf("got %q", got)
		}
	})
	t.Run("without history, it is noted for chat tokens of the user", func(t *testing.T) {
		w := newLive(t)
		before := time.Now()
		w.Change(roomID, func(r *chat.Room) { r.Tags = map[string]string{"confab:history": "1h"} }) // There the transcript has it.
		if err := w.engine.DisconnectUser(t.Context(), roomID, "ann", "", ""); err != nil {
			t.Fatal(err)
		}
		w.Change(roomID, func(r *chat.Room) { r.Tags = nil })
		w.engine.RoomChanged(context.Background(), roomID)
		if err := w.engine.DisconnectUser(t.Context(), roomID, "eve", "", ""); err != nil {
			t.Fatal(err)
		}
		for user, want := range map[string]bool{"ann": false, "eve": true, "bob": false} {
			if got, err := w.db.Transcript().History().Disconnected(t.Context(), roomID, user, before); err != nil || got != want {
				t.Errorf("%s was disconnected: %v, %v", user, got, err)
			}
		}
		w.db.Close()
		if err := w.engine.DisconnectUser(t.Context(), roomID, "eve", "", ""); err != nil {
			t.Errorf("without the database: %v", err)
		}
	})
	t.Run("a moderator learns that the ban was not stored", func(t *testing.T) {
		w := tagged(t)
		w.db.Close()
		if err := w.engine.DisconnectUser(t.Context(), roomID, "eve", "", ""); chat.CodeOf(err) != chat.Unavailable {
			t.Errorf("got %v", err)
		}
		if n := len(w.Frames()); n != 1 {
			t.Errorf("%d frames were delivered", n)
		}
	})
}
