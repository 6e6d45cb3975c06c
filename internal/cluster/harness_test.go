package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/modes"
	"confab/internal/nats"
	"confab/internal/quota"
)

func roomID(i int) string { return fmt.Sprintf("room%08d", i) }

// newRooms returns the database of all nodes, with n rooms of a rate.
func newRooms(n, rate int) *messagingtest.Store {
	s := messagingtest.NewStore()
	for i := range n {
		room := messagingtest.NewRoom(roomID(i))
		room.MaximumMessageRatePerSecond = rate
		s.Add(room)
	}
	return s
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
}

// client is a session and what its room delivered on its node.
type client struct {
	*messagingtest.Client
	*messagingtest.Audience
	from int // frames of the audience before it joined
}

// IDs returns the ids of the frames since it joined.
func (c *client) IDs() []string { return c.Audience.IDs()[c.from:] }

// Contents returns the contents of the frames since it joined.
func (c *client) Contents() []string { return c.Audience.Contents()[c.from:] }

// endedBy returns the name of the client's ending, or nothing.
func (c *client) endedBy() string {
	if ended := c.Endings(); len(ended) > 0 {
		return ended[0]
	}
	return ""
}

type options struct {
	rooms     *messagingtest.Store
	transport cluster.Transport
	quotas    *quota.Set
	review    messaging.Reviewer
	excluded  func()
	refused   func(met bool) error
	modes     *modes.Modes
	bans      messaging.Bans
	// disconnected is messaging.Options.Disconnected without what is not needed; nil is none.
	disconnected func(*messaging.Operation) error
	published    func(*chat.Frame) // by this node; nil is not interested
	// transcript is another one than rooms.
	transcript messaging.Transcript
}

// publishing tells what a node publishes.
type publishing struct {
	messaging.Broker
	published func(*chat.Frame)
}

func (p publishing) Publish(f *chat.Frame) <-chan error {
	p.published(f)
	return p.Broker.Publish(f)
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
	answers := map[string]cluster.Answer{}
	var rules messaging.Rules
	if o.modes != nil {
		answers["modes"] = o.modes.Answer
		o.modes.Ask = func(ctx context.Context, body []byte) map[string][]byte {
			all, _ := n.AskOthers(ctx, "modes", body)
			return all
		}
		rules = messaging.Rules{Modes: o.modes, Said: o.modes.Remember}
	}
	n.Node = cluster.New(cluster.Options{
		Answers: answers,
		Name:    id, ID: id, Version: "test", Prefix: "confab", Transport: o.transport,
		Quotas: o.quotas, Excluded: o.excluded, Refused: o.refused, Metrics: m, Log: testLog(t, id),
	})
	if o.quotas != nil {
		o.quotas.Share(n.Node)
	}
	if o.review == nil {
		o.review = o.rooms
	}
	if o.transcript == nil {
		o.transcript = o.rooms
	}
	var disconnected func(context.Context, *messaging.Operation, *chat.Room, time.Duration) error
	if o.disconnected != nil {
		disconnected = func(_ context.Context, op *messaging.Operation, _ *chat.Room, _ time.Duration) error {
			return o.disconnected(op)
		}
	}
	n.engine = messaging.NewEngine(messaging.Options{
		Rooms: o.rooms, Tokens: o.rooms, Transcript: o.transcript, Reviewer: o.review, Quotas: o.quotas,
		NewAudience: func() messaging.Audience {
			return &messagingtest.Audience{}
		},
		Connect: func(e *messaging.Engine) (messaging.Broker, messaging.Home) {
			b, h := n.Attach(e)
			if o.published != nil {
				b = publishing{b, o.published}
			}
			return b, h
		},
		OtherConnections: n.OtherConnections,
		ReadAgain:        30 * time.Second,
		Bans:             o.bans, Disconnected: disconnected, Extensions: o.modes != nil, Rules: rules,
		Metrics: messaging.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
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
	t.Helper()
	c := messagingtest.Join(t, n.engine, messagingtest.Token(room, user, time.Now()))
	a := c.Audience().(*messagingtest.Audience)
	return &client{c, a, len(a.IDs())}
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
