package messaging_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/quota"
	"confab/internal/telemetry"
)

const roomID = "abcdefABCDEF"

var roomARN = chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: roomID}

// world is everything around an engine, in memory, with switches for faults.
type world struct {
	engine *messaging.Engine
	clock  func() time.Time

	mu       sync.Mutex
	rooms    map[string]*chat.Room
	failing  error // what reading a room returns instead
	reads    int
	spent    map[[16]byte]bool
	appended []*messaging.Frame
	commit   chan struct{} // when not nil, transcripts become durable as it is received from
	heard    []string      // frames in the order of the one audience, newest last
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
		Metrics:     telemetry.NewMetrics(),
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

func (w *world) Append(f *messaging.Frame) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.appended = append(w.appended, f)
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

// frames returns what the room heard so far, decoded.
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

// tokensFunc is called for every token, which is good.
type tokensFunc func()

func (f tokensFunc) Redeem(context.Context, [16]byte, time.Time) error {
	f()
	return nil
}

// silentRooms is a database that does not answer.
type silentRooms struct{}

func (silentRooms) Room(ctx context.Context, _ string) (*chat.Room, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// client is a connection that notes how it ended.
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
	s, err := w.engine.Join(t.Context(), token, c, netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(s.Leave)
	c.Session = s
	return c
}

// send sends content as a request of its own would arrive.
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

func TestJoin(t *testing.T) {
	t.Run("a token joins once", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("ann")
		w.join(t, token)
		_, err := w.engine.Join(t.Context(), token, &client{}, netip.Addr{})
		wantCode(t, err, chat.Unauthenticated)
	})
	t.Run("an expired token is refused and not spent", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("ann")
		token.Expires = w.clock()
		_, err := w.engine.Join(t.Context(), token, &client{}, netip.Addr{})
		wantCode(t, err, chat.Unauthenticated)
		if len(w.spent) != 0 {
			t.Error("the token was spent")
		}
	})
	t.Run("a deleted room is NotFound and the token is not spent", func(t *testing.T) {
		w := newWorld(t)
		delete(w.rooms, roomID)
		_, err := w.engine.Join(t.Context(), w.token("ann"), &client{}, netip.Addr{})
		wantCode(t, err, chat.NotFound)
		if len(w.spent) != 0 {
			t.Error("the token was spent")
		}
	})
	t.Run("the quota of connections holds, and a place is free again after Leave", func(t *testing.T) {
		w := newWorld(t, func(o *messaging.Options, _ *world) {
			o.Quotas = quota.New(quota.Numbers{quota.ConcurrentConnections: 1}, time.Now)
		})
		s, err := w.engine.Join(t.Context(), w.token("ann"), &client{}, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		refused := w.token("bob")
		_, err = w.engine.Join(t.Context(), refused, &client{}, netip.Addr{})
		wantCode(t, err, chat.QuotaExceeded)
		s.Leave()
		w.join(t, refused) // the refusal did not spend it
	})
	t.Run("a room that cannot be read is Unavailable until it can", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.fail(errors.New("disk on fire"))
			token := w.token("ann")
			_, err := w.engine.Join(t.Context(), token, &client{}, netip.Addr{})
			wantCode(t, err, chat.Unavailable)
			w.fail(nil)
			time.Sleep(2 * time.Second) // the engine reads it again within a second
			synctest.Wait()
			w.join(t, token)
		})
	})
}

func TestSendMessage(t *testing.T) {
	t.Run("everybody gets the frame with the sender and its request id", func(t *testing.T) {
		w := newWorld(t)
		token := w.token("ann")
		token.Attributes = map[string]string{"name": "Ann"}
		c := w.join(t, token)
		now := w.clock()
		req := messaging.Request{ID: "req-1", Received: now}
		if err := c.SendMessage(t.Context(), req, " hello ", map[string]string{"k": "v"}); err != nil {
			t.Fatal(err)
		}
		frames := w.frames(t)
		if len(frames) != 1 {
			t.Fatalf("%d frames", len(frames))
		}
		if id, _ := frames[0]["Id"].(string); !chat.ValidID(id) {
			t.Errorf("id %q", id)
		}
		delete(frames[0], "Id")
		want := map[string]any{
			"Type": "MESSAGE", "RequestId": "req-1", "Content": " hello ", "Attributes": map[string]any{"k": "v"},
			"SendTime": chat.FormatTime(now), "Sender": map[string]any{"UserId": "ann", "Attributes": map[string]any{"name": "Ann"}},
		}
		if d := cmp.Diff(want, frames[0]); d != "" {
			t.Error(d)
		}
	})

	long := strings.Repeat("x", 501)
	huge := map[string]string{"k": strings.Repeat("v", 1024)}
	for _, c := range []struct {
		name       string
		content    string
		attributes map[string]string
		prepare    func(*chat.Token, *messaging.Request)
		want       chat.Code
	}{
		{name: "content of white space is invalid", content: " \n\t ", want: chat.Invalid},
		{name: "content beyond the room's length is invalid", content: long, want: chat.Invalid},
		{name: "attributes beyond 1 KB are too large", content: "x", attributes: huge, want: chat.TooLarge},
		{
			name: "a request id beyond 256 bytes is too large", content: "x", want: chat.TooLarge,
			prepare: func(_ *chat.Token, r *messaging.Request) { r.ID = strings.Repeat("r", 257) },
		},
		{
			name: "without the capability it is denied, whatever else is wrong", content: long, want: chat.AccessDenied,
			prepare: func(tk *chat.Token, r *messaging.Request) { tk.Capabilities = nil; r.OverRate = true },
		},
		{
			name: "fields come before the rate", content: long, want: chat.Invalid,
			prepare: func(_ *chat.Token, r *messaging.Request) { r.OverRate = true },
		},
		{
			name: "over the rate it is throttled", content: "x", want: chat.Throttled,
			prepare: func(_ *chat.Token, r *messaging.Request) { r.OverRate = true },
		},
		{
			name: "after the session's end it is unauthenticated", content: "x", want: chat.Unauthenticated,
			prepare: func(tk *chat.Token, r *messaging.Request) { r.Received = tk.SessionExpires },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			token := w.token("ann")
			req := messaging.Request{ID: "r", Received: w.clock()}
			if c.prepare != nil {
				c.prepare(token, &req)
			}
			wantCode(t, w.join(t, token).SendMessage(t.Context(), req, c.content, c.attributes), c.want)
			if n := len(w.frames(t)); n != 0 {
				t.Errorf("%d frames were delivered", n)
			}
		})
	}

	t.Run("length counts code points after trimming", func(t *testing.T) {
		w := newWorld(t)
		c := w.join(t, w.token("ann"))
		if err := w.send(t, c, "  "+strings.Repeat("😀", 500)+"\n"); err != nil {
			t.Error(err)
		}
		wantCode(t, w.send(t, c, strings.Repeat("😀", 501)), chat.Invalid)
	})
}

func TestRates(t *testing.T) {
	t.Run("a connection has ten requests a second, bad ones included", func(t *testing.T) {
		w := newWorld(t)
		c := w.join(t, w.token("ann"))
		now := w.clock()
		for i := range 10 {
			if c.Count(now) {
				t.Fatalf("over the rate after %d", i)
			}
		}
		if !c.Count(now) {
			t.Error("the eleventh passed")
		}
		if c.Count(now.Add(100 * time.Millisecond)) {
			t.Error("a tenth of a second later nothing was refilled")
		}
	})
	t.Run("the room's rate is shared by all its clients and follows UpdateRoom", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 3 })
			ann, bob := w.join(t, w.token("ann")), w.join(t, w.token("bob"))
			for i, c := range []*client{ann, bob, ann} {
				if err := w.send(t, c, "x"); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			wantCode(t, w.send(t, bob, "x"), chat.Throttled)
			time.Sleep(1100 * time.Millisecond)
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 1 })
			if err := w.send(t, bob, "x"); err != nil {
				t.Fatal(err)
			}
			wantCode(t, w.send(t, ann, "x"), chat.Throttled)
		})
	})
	t.Run("what the account's rate refuses is not taken from the room's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(o *messaging.Options, _ *world) {
				o.Quotas = quota.New(quota.Numbers{quota.SendMessage: 1}, time.Now)
			})
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 2 })
			c := w.join(t, w.token("ann"))
			if err := w.send(t, c, "x"); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				wantCode(t, w.send(t, c, "x"), chat.Throttled)
			}
			time.Sleep(time.Second)
			if err := w.send(t, c, "x"); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("the account's rates of DeleteMessage and DisconnectUser count HTTP too", func(t *testing.T) {
		w := newWorld(t, func(o *messaging.Options, w *world) {
			start := time.Now()
			w.clock = func() time.Time { return start }
			o.Quotas = quota.New(quota.Numbers{quota.DeleteMessage: 1, quota.DisconnectUser: 1}, w.clock)
		})
		c := w.join(t, w.token("ann"))
		if _, err := w.engine.DeleteMessage(t.Context(), roomID, "AAAAAAAAAAAA", ""); err != nil {
			t.Fatal(err)
		}
		wantCode(t, c.DeleteMessage(t.Context(), messaging.Request{Received: w.clock()}, "AAAAAAAAAAAA", ""), chat.Throttled)
		if err := c.DisconnectUser(t.Context(), messaging.Request{Received: w.clock()}, "nobody", ""); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.engine.DisconnectUser(t.Context(), roomID, "nobody", ""), chat.Throttled)
	})
}

func TestEvents(t *testing.T) {
	t.Run("DeleteMessage carries both spellings and an id of its own", func(t *testing.T) {
		w := newWorld(t)
		if _, err := w.engine.DeleteMessage(t.Context(), roomID, "AAAAAAAAAAAA", "spam"); err != nil {
			t.Fatal(err)
		}
		// Nobody is there, so nothing was heard; a session makes the room live.
		w.join(t, w.token("ann"))
		id, err := w.engine.DeleteMessage(t.Context(), roomID, "AAAAAAAAAAAA", "spam")
		if err != nil {
			t.Fatal(err)
		}
		f := w.frames(t)
		last := f[len(f)-1]
		want := map[string]any{"MessageId": "AAAAAAAAAAAA", "MessageID": "AAAAAAAAAAAA", "Reason": "spam"}
		if d := cmp.Diff(want, last["Attributes"]); d != "" || last["Id"] != id || last["EventName"] != "aws:DELETE_MESSAGE" || last["RequestId"] != "" {
			t.Errorf("%v\n%s", last, d)
		}
	})
	t.Run("DisconnectUser tells everybody and ends all sessions of that user only", func(t *testing.T) {
		w := newWorld(t)
		ann1, ann2, bob := w.join(t, w.token("ann")), w.join(t, w.token("ann")), w.join(t, w.token("bob"))
		if err := bob.DisconnectUser(t.Context(), messaging.Request{ID: "q", Received: w.clock()}, "ann", ""); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*client{ann1, ann2} {
			if d := cmp.Diff([]string{"kicked"}, c.endings()); d != "" {
				t.Error(d)
			}
		}
		if len(bob.endings()) != 0 {
			t.Errorf("the requester ended: %v", bob.endings())
		}
		f := w.frames(t)[0]
		if d := cmp.Diff(map[string]any{"UserId": "ann", "Reason": ""}, f["Attributes"]); d != "" || f["RequestId"] != "q" {
			t.Errorf("%v\n%s", f, d)
		}
	})
	t.Run("a session that left is not ended", func(t *testing.T) {
		w := newWorld(t)
		var clients []*client
		for range 4 {
			c := &client{}
			var err error
			if c.Session, err = w.engine.Join(t.Context(), w.token("ann"), c, netip.Addr{}); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		for _, i := range []int{1, 3, 0} {
			clients[i].Leave()
		}
		if err := w.engine.DisconnectUser(t.Context(), roomID, "ann", ""); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients {
			if got := len(c.endings()); (got == 1) != (i == 2) {
				t.Errorf("client %d has %d endings", i, got)
			}
		}
		clients[2].Leave()
	})
}

func TestRoomChanges(t *testing.T) {
	t.Run("a deleted room keeps its sessions and answers NotFound", func(t *testing.T) {
		w := newWorld(t)
		c := w.join(t, w.token("ann"))
		w.mu.Lock()
		delete(w.rooms, roomID)
		w.mu.Unlock()
		w.engine.RoomChanged(t.Context(), roomID)
		wantCode(t, w.send(t, c, "x"), chat.NotFound)
		if len(c.endings()) != 0 {
			t.Errorf("ended: %v", c.endings())
		}
	})
	t.Run("with CloseOnRoomDelete its sessions end", func(t *testing.T) {
		w := newWorld(t, func(o *messaging.Options, _ *world) { o.CloseOnRoomDelete = true })
		c := w.join(t, w.token("ann"))
		w.mu.Lock()
		delete(w.rooms, roomID)
		w.mu.Unlock()
		w.engine.RoomChanged(t.Context(), roomID)
		if d := cmp.Diff([]string{"room deleted"}, c.endings()); d != "" {
			t.Error(d)
		}
	})
	t.Run("whoever is joining a room that is deleted does not get in", func(t *testing.T) {
		w := newWorld(t, func(o *messaging.Options, w *world) {
			o.CloseOnRoomDelete = true
			o.Tokens = tokensFunc(func() {
				w.mu.Lock()
				delete(w.rooms, roomID)
				w.mu.Unlock()
				w.engine.RoomChanged(t.Context(), roomID)
			})
		})
		_, err := w.engine.Join(t.Context(), w.token("ann"), &client{}, netip.Addr{})
		wantCode(t, err, chat.NotFound)
		if n := w.engine.Connections(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	t.Run("the engine stops in time while the database is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(o *messaging.Options, _ *world) { o.Rooms = silentRooms{} })
			for i := range 20 {
				token := w.token("ann")
				token.Room.ID = roomID[:10] + strconv.Itoa(10+i)
				go w.engine.Join(t.Context(), token, &client{}, netip.Addr{}) //nolint:errcheck // The room cannot be read.
			}
			time.Sleep(7 * time.Second) // All have failed once, and are being read again.
			begin := time.Now()
			w.engine.Close()
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("a live room goes on while the database is away, and learns of changes afterwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c := w.join(t, w.token("ann"))
			w.fail(errors.New("gone"))
			w.change(func(r *chat.Room) { r.MaximumMessageLength = 1 })
			if err := w.send(t, c, "long"); err != nil {
				t.Fatal(err)
			}
			w.fail(nil)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			wantCode(t, w.send(t, c, "long"), chat.Invalid)
		})
	})
	t.Run("a room that nobody uses is forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s, err := w.engine.Join(t.Context(), w.token("ann"), &client{}, netip.Addr{})
			if err != nil {
				t.Fatal(err)
			}
			s.Leave()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			before := w.reads
			w.join(t, w.token("ann"))
			if w.reads != before+1 {
				t.Errorf("%d readings for the second life of the room, want 1", w.reads-before)
			}
		})
	})
}

func TestTranscript(t *testing.T) {
	t.Run("a frame of a recorded room is seen only once it is durable, in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.change(func(r *chat.Room) { r.LoggingConfigurations = []string{"arn"} })
			w.commit = make(chan struct{})
			c := w.join(t, w.token("ann"))
			var sent sync.WaitGroup
			for range 5 {
				sent.Go(func() {
					if err := w.send(t, c, "x"); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			if n := len(w.frames(t)); n != 0 {
				t.Fatalf("%d frames were seen before they were durable", n)
			}
			// The room stops being recorded; what comes now still waits its turn.
			w.change(func(r *chat.Room) { r.LoggingConfigurations = nil })
			sent.Go(func() {
				if err := w.send(t, c, "last"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			if n := len(w.frames(t)); n != 0 {
				t.Fatalf("%d frames overtook those that wait", n)
			}
			close(w.commit)
			sent.Wait()
			var heard, written []string
			for _, f := range w.frames(t) {
				heard = append(heard, f["Id"].(string))
			}
			for _, f := range w.appended {
				written = append(written, f.ID)
			}
			if len(heard) != 6 || !slices.Equal(heard[:5], written) {
				t.Errorf("heard %v, written %v", heard, written)
			}
		})
	})
	t.Run("sequence numbers have no gaps", func(t *testing.T) {
		w := newWorld(t)
		w.change(func(r *chat.Room) { r.LoggingConfigurations, r.MaximumMessageRatePerSecond = []string{"arn"}, 100 })
		c := w.join(t, w.token("ann"))
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := w.engine.SendEvent(t.Context(), roomID, "e", nil); err != nil {
					t.Error(err)
				}
				_ = c
			})
		}
		all.Wait()
		for i, f := range w.appended {
			if f.Sequence != uint64(i+1) {
				t.Fatalf("frame %d has sequence %d", i, f.Sequence)
			}
		}
	})
}

func TestReview(t *testing.T) {
	setup := func(t *testing.T, review func(*chat.Message) (*chat.Message, error)) (*world, *client) {
		w := newWorld(t)
		w.review = review
		w.change(func(r *chat.Room) { r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn"} })
		return w, w.join(t, w.token("ann"))
	}
	t.Run("what the reviewer returns is delivered", func(t *testing.T) {
		w, c := setup(t, func(m *chat.Message) (*chat.Message, error) {
			changed := *m
			changed.Content = "***"
			return &changed, nil
		})
		if err := w.send(t, c, "darn"); err != nil {
			t.Fatal(err)
		}
		if got := w.frames(t)[0]["Content"]; got != "***" {
			t.Errorf("content %q", got)
		}
	})
	t.Run("what it rejects reaches nobody", func(t *testing.T) {
		w, c := setup(t, func(*chat.Message) (*chat.Message, error) { return nil, chat.Errorf(chat.Rejected, "no") })
		wantCode(t, w.send(t, c, "darn"), chat.Rejected)
		if n := len(w.frames(t)); n != 0 {
			t.Errorf("%d frames", n)
		}
	})
	t.Run("what it rejects costs neither the room's rate nor the account's", func(t *testing.T) {
		w := newWorld(t, func(o *messaging.Options, _ *world) {
			o.Quotas = quota.New(quota.Numbers{quota.SendMessage: 2}, o.Now)
		})
		start := time.Now()
		w.clock = func() time.Time { return start }
		w.review = func(m *chat.Message) (*chat.Message, error) {
			if m.Content == "darn" {
				return nil, chat.Errorf(chat.Rejected, "no")
			}
			return m, nil
		}
		w.change(func(r *chat.Room) {
			r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn"}
			r.MaximumMessageRatePerSecond = 2
		})
		c := w.join(t, w.token("ann"))
		for range 3 {
			wantCode(t, w.send(t, c, "darn"), chat.Rejected)
		}
		for range 2 {
			if err := w.send(t, c, "hello"); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, w.send(t, c, "hello"), chat.Throttled)
	})
	t.Run("a removed handler is not asked", func(t *testing.T) {
		w, c := setup(t, nil)
		w.change(func(r *chat.Room) { r.MessageReviewHandler.URI = "" })
		if err := w.send(t, c, "x"); err != nil {
			t.Error(err)
		}
	})
}

// TestUsers holds the lists of sessions by user against a plain model.
func TestUsers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		var here []*client
		users := map[*client]string{}
		rt.Repeat(map[string]func(*rapid.T){
			"join": func(rt *rapid.T) {
				user := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(rt, "user")
				c := &client{}
				token := w.token(user)
				token.ID[1] = byte(len(w.spent))
				token.ID[2] = byte(len(w.spent) >> 8)
				s, err := w.engine.Join(context.Background(), token, c, netip.Addr{})
				if err != nil {
					rt.Fatal(err)
				}
				c.Session = s
				here, users[c] = append(here, c), user
			},
			"leave": func(rt *rapid.T) {
				if len(here) == 0 {
					rt.SkipNow()
				}
				i := rapid.IntRange(0, len(here)-1).Draw(rt, "who")
				here[i].Leave()
				here = slices.Delete(here, i, i+1)
			},
			"kick": func(rt *rapid.T) {
				user := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(rt, "user")
				before := map[*client]int{}
				for _, c := range here {
					before[c] = len(c.endings())
				}
				if err := w.engine.DisconnectUser(context.Background(), roomID, user, ""); err != nil {
					rt.Fatal(err)
				}
				for _, c := range here {
					want := before[c]
					if users[c] == user {
						want++
					}
					if got := len(c.endings()); got != want {
						rt.Fatalf("%s: %d endings, want %d", users[c], got, want)
					}
				}
			},
			"": func(rt *rapid.T) {
				if got := w.engine.Connections(); got != len(here) {
					rt.Fatalf("%d connections, want %d", got, len(here))
				}
			},
		})
		for _, c := range here {
			c.Leave()
		}
	})
}
