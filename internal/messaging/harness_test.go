package messaging_test

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/messaging"
)

const roomID = "abcdefABCDEF"

var roomARN = chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: roomID}

// world holds the dependencies of an engine, in memory, with switches for faults.
type world struct {
	engine *messaging.Engine
	clock  func() time.Time

	mu       sync.Mutex
	rooms    map[string]*chat.Room
	failing  error // the error that reading a room returns, if set
	reads    int
	spent    map[[16]byte]bool
	appended []*chat.Frame
	commit   chan struct{} // if set, a frame of the transcript becomes durable with a receive from it
	append   chan struct{} // if set, it receives a value with each frame that is appended
	heard    []string      // frames in the order of the only audience, newest last
	review   func(*chat.Message) (*chat.Message, error)
}

type option func(*messaging.Options, *world)

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	w := &world{
		clock: time.Now,
		rooms: map[string]*chat.Room{roomID: {ARN: roomARN, MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10}},
		spent: make(map[[16]byte]bool),
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

func (w *world) Room(_ context.Context, id string) (*chat.Room, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.failing != nil {
		return nil, w.failing
	}
	if r := w.rooms[id]; r != nil {
		return r.Clone(), nil
	}
	return nil, chat.NoSuchResource(chat.ARN{Type: chat.RoomResource, ID: id})
}

func (w *world) Redeem(_ context.Context, id [16]byte, _ time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.spent[id] {
		return chat.Errorf(chat.Unauthenticated, "used before")
	}
	w.spent[id] = true
	return nil
}

func (w *world) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, error) {
	return w.review(m)
}

func (w *world) Append(f *chat.Frame) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.appended = append(w.appended, f)
	if w.append != nil {
		w.append <- struct{}{}
	}
	durable := make(chan struct{})
	if w.commit == nil {
		close(durable)
		return durable
	}
	commit := w.commit
	go func() { <-commit; close(durable) }()
	return durable
}

func (w *world) Deliver(frame []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, string(frame))
	return 1
}

// frames returns the frames that the room got so far, decoded.
func (w *world) frames(t testing.TB) []map[string]any {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []map[string]any
	for _, f := range w.heard {
		var m map[string]any
		if err := json.Unmarshal([]byte(f), &m); err != nil {
			t.Fatalf("frame %s: %v", f, err)
		}
		all = append(all, m)
	}
	return all
}

func (w *world) change(change func(*chat.Room)) {
	w.mu.Lock()
	change(w.rooms[roomID])
	w.mu.Unlock()
	w.engine.RoomChanged(context.Background(), roomID)
}

func (w *world) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failing = err
}

// client is a connection that records how it ended.
type client struct {
	*messaging.Session
	mu    sync.Mutex
	ended []messaging.Ending
}

func (c *client) Send([]byte) {}

func (c *client) End(why messaging.Ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, why)
}

func (c *client) endings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, e := range c.ended {
		names = append(names, e.Name)
	}
	return names
}

var nextToken struct {
	sync.Mutex
	id byte
}

func (w *world) token(user string) *chat.Token {
	nextToken.Lock()
	defer nextToken.Unlock()
	nextToken.id++
	now := w.clock()
	return &chat.Token{
		ID: [16]byte{nextToken.id}, Room: roomARN, UserID: user,
		Capabilities: []chat.Capability{chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser},
		IssuedAt:     now, Expires: now.Add(time.Hour), SessionExpires: now.Add(time.Hour),
	}
}

func (w *world) join(t testing.TB, token *chat.Token) *client {
	t.Helper()
	c := &client{}
	s, err := w.engine.Join(t.Context(), token, c, messaging.Client{IP: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(s.Leave)
	c.Session = s
	return c
}

// send sends content as a new request.
func (w *world) send(t testing.TB, c *client, content string) error {
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
