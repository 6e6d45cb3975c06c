package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/messaging"
	"confab/internal/nats"
	"confab/internal/quota"
)

// rooms is the durable truth that all nodes share.
type rooms struct {
	mu    sync.Mutex
	rooms map[string]*chat.Room
	gone  bool // the database does not answer
	// durable, if set, is closed when the transcript has what is appended.
	durable chan struct{}
}

func roomID(i int) string { return fmt.Sprintf("room%08d", i) }

func newRooms(n, rate int) *rooms {
	r := &rooms{rooms: map[string]*chat.Room{}}
	for i := range n {
		r.rooms[roomID(i)] = &chat.Room{
			ARN:                  chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: roomID(i)},
			MaximumMessageLength: 500, MaximumMessageRatePerSecond: rate,
		}
	}
	return r
}

func (r *rooms) Room(ctx context.Context, id string) (*chat.Room, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		r.mu.Unlock()
		<-ctx.Done()
		r.mu.Lock()
		return nil, ctx.Err()
	}
	if room := r.rooms[id]; room != nil {
		return room.Clone(), nil
	}
	return nil, chat.NoSuchResource(chat.ARN{Type: chat.RoomResource, ID: id})
}

func (r *rooms) Redeem(context.Context, [16]byte, time.Time) error { return nil }

func (r *rooms) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, error) {
	return m, nil
}

func (r *rooms) Append(*chat.Frame) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.durable != nil {
		return r.durable
	}
	done := make(chan struct{})
	close(done)
	return done
}

// node is an engine in a cluster, with a client in every room.
type node struct {
	*cluster.Node
	id      string
	engine  *messaging.Engine
	port    *port      // of a simulated network
	conn    *nats.Conn // of a real one
	metrics *cluster.Metrics
	clients map[string]*client // by room

	audiences []*audience
}

// audience hands on what its room delivers.
type audience struct {
	mu       sync.Mutex
	received []string // ids, in order
	said     []string // contents
}

func (a *audience) Deliver(frame []byte) int {
	var f struct {
		ID      string `json:"Id"`
		Content string
	}
	if json.Unmarshal(frame, &f) != nil {
		panic("a frame that is no JSON")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.received = append(a.received, f.ID)
	a.said = append(a.said, f.Content)
	return 1
}

func (a *audience) contents() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.said...)
}

func (a *audience) ids() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.received...)
}

// client is a session and what its room delivered on its node.
type client struct {
	*messaging.Session
	*audience
	mu    sync.Mutex
	ended string
}

func (c *client) Send([]byte) {}

func (c *client) End(why messaging.Ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = why.Name
}

func (c *client) endedBy() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

type options struct {
	rooms     *rooms
	transport cluster.Transport
	quotas    *quota.Set
	review    messaging.Reviewer
	excluded  func()
	refused   func(met bool) error
}

func testLog(_ testing.TB, name string) *slog.Logger {
	if os.Getenv("CLUSTER_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With(slog.String("at", name))
}

// newNode makes a node that is not started yet.
func newNode(t testing.TB, id string, o options) *node {
	m := cluster.NewMetrics(nil)
	n := &node{id: id, metrics: m, clients: map[string]*client{}}
	n.Node = cluster.New(cluster.Options{
		Name: id, ID: id, Version: "test", Prefix: "confab", Transport: o.transport,
		Quotas: o.quotas, Excluded: o.excluded, Refused: o.refused, Metrics: m, Log: testLog(t, id),
	})
	if o.quotas != nil {
		o.quotas.Share(n.Node)
	}
	if o.review == nil {
		o.review = o.rooms
	}
	n.engine = messaging.NewEngine(messaging.Options{
		Rooms: o.rooms, Tokens: o.rooms, Transcript: o.rooms, Reviewer: o.review, Quotas: o.quotas,
		NewAudience: func() messaging.Audience {
			a := &audience{}
			n.audiences = append(n.audiences, a)
			return a
		},
		Connect:          func(e *messaging.Engine) (messaging.Broker, messaging.Home) { return n.Attach(e) },
		OtherConnections: n.OtherConnections,
		ReadAgain:        30 * time.Second,
		Metrics:          messaging.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
	})
	return n
}

// join adds a client to a room.
func (n *node) join(t testing.TB, room string) *client {
	n.clients[room] = n.joinAs(t, room, n.id)
	return n.clients[room]
}

// joinAs adds a session of a user to a room.
func (n *node) joinAs(t testing.TB, room, user string) *client {
	c := &client{}
	now := time.Now()
	s, err := n.engine.Join(t.Context(), &chat.Token{
		ID: [16]byte{1}, Room: chat.ARN{Type: chat.RoomResource, ID: room}, UserID: user,
		Capabilities: []chat.Capability{chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser},
		IssuedAt:     now, Expires: now.Add(time.Hour), SessionExpires: now.Add(time.Hour),
	}, c, messaging.Client{IP: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	c.Session = s
	c.audience = s.Audience().(*audience)
	return c
}

func (n *node) stop() {
	n.Close()
	n.engine.Close()
}

// say sends a message as a client of the node.
func (n *node) say(t testing.TB, room, content string) error {
	return n.clients[room].SendMessage(t.Context(), messaging.Request{ID: content, Received: time.Now()}, content, nil)
}

// order checks that all lists are the same, and returns what is wrong.
func sameOrder(lists map[string][]string) string {
	var first []string
	var who string
	for name, l := range lists {
		if who == "" {
			who, first = name, l
			continue
		}
		if strings.Join(first, " ") != strings.Join(l, " ") {
			return fmt.Sprintf("%s received %d %v\n%s received %d %v", who, len(first), first, name, len(l), l)
		}
	}
	return ""
}
