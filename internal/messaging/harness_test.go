package messaging_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

const roomID = "abcdefABCDEF"

// live is an engine with a store in memory, whose only room is roomID.
type live struct {
	*messagingtest.Store
	*messagingtest.Audience // of all rooms
	engine                  *messaging.Engine
	clock                   func() time.Time
}

type option func(*messaging.Options, *live)

func newLive(t testing.TB, options ...option) *live {
	t.Helper()
	w := &live{
		Store:    messagingtest.NewStore(messagingtest.NewRoom(roomID)),
		Audience: &messagingtest.Audience{},
		clock:    time.Now,
	}
	o := messaging.Options{
		Rooms: w, Tokens: w, Reviewer: w, Transcript: w,
		NewAudience: func() messaging.Audience { return w },
		Metrics:     messaging.NewMetrics(nil),
		Log:         slog.New(slog.DiscardHandler),
		Now:         func() time.Time { return w.clock() },
	}
	for _, opt := range options {
		opt(&o, w)
	}
	w.engine = messaging.NewEngine(o)
	t.Cleanup(w.engine.Close)
	return w
}

// change changes the room and tells the engine.
func (w *live) change(change func(*chat.Room)) {
	w.Change(roomID, change)
	w.engine.RoomChanged(context.Background(), roomID)
}

// remove deletes the room and tells the engine.
func (w *live) remove() {
	w.Remove(roomID)
	w.engine.RoomChanged(context.Background(), roomID)
}

func (w *live) token(user string) *chat.Token { return messagingtest.Token(roomID, user, w.clock()) }

func (w *live) join(t testing.TB, token *chat.Token) *messagingtest.Client {
	t.Helper()
	return messagingtest.Join(t, w.engine, token)
}

// send sends content as a new request.
func (w *live) send(t testing.TB, c *messagingtest.Client, content string) error {
	t.Helper()
	now := w.clock()
	return c.SendMessage(t.Context(), messaging.Request{ID: "r", Received: now, OverRate: c.Count(now)}, content, nil)
}

func wantCode(t testing.TB, err error, want chat.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("succeeded, want %v", want)
	}
	if got := chat.CodeOf(err); got != want {
		t.Fatalf("got %v (%v), want %v", got, err, want)
	}
}
