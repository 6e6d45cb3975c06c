package attendance_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"confab/internal/attendance"
	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/notify"
	"confab/internal/pgtest"
	"confab/internal/presence"
	"confab/internal/store"
	"confab/internal/testbed/receiver"
	"confab/internal/webhook"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// node is a node of which the test says who is in its room.
type node struct {
	*attendance.Service
	presence *presence.Service
	name     string
	others   func() []*node

	mu      sync.Mutex
	room    *chat.Room
	users   map[string]int
	version uint64
}

func (n *node) LiveRooms() []string { return []string{n.room.ARN.ID} }

func (n *node) CountUsers(string) (users, connections int) {
	ids, connections := n.UserIDs("")
	return len(ids), connections
}

func (n *node) UserIDs(string) (ids []string, connections int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, c := range n.users {
		ids, connections = append(ids, id), connections+c
	}
	return ids, connections
}

func (n *node) EachSession(string, []string, func(*chat.Bearer, time.Time)) {}

func (n *node) Attendance(id string, known uint64) (a messaging.Attendance, live bool) {
	if id != n.room.ARN.ID {
		return a, false
	}
	ids, connections := n.UserIDs(id)
	n.mu.Lock()
	defer n.mu.Unlock()
	return messaging.Attendance{Room: n.room, Version: n.version, Same: n.version == known, UserIDs: ids, Connections: connections}, true
}

// move adds connections of a user, or removes them.
func (n *node) move(user string, connections int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.version++
	if n.users[user] += connections; n.users[user] == 0 {
		delete(n.users, user)
	}
}

func (n *node) ask(ctx context.Context, body []byte) (map[string][]byte, bool) {
	answers := map[string][]byte{}
	for _, other := range n.others() {
		if other != n {
			answers[other.name], _ = other.presence.Answer(ctx, body)
		}
	}
	return answers, true
}

// deployment is a database with a room, a webhook of it, and nodes.
type deployment struct {
	db   *store.DB
	r    *receiver.Receiver
	room *chat.Room

	mu    sync.Mutex // guards nodes
	nodes []*node
}

func (w *deployment) all() []*node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes
}

func newDeployment(t *testing.T, o store.Options) *deployment {
	t.Helper()
	o.SecretKey, o.Region, o.Account = bytes.Repeat([]byte{7}, store.SecretKeySize), "us-west-2", "123456789012"
	db, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Webhooks.Start(t.Context(), func(context.Context) {}); err != nil {
		t.Fatal(err)
	}
	calls := notify.New(notify.Options{
		Region: o.Region, Account: o.Account, Hooks: db.Webhooks, Transcript: db.Transcript(), Insecure: true,
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Metrics: webhook.NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
	})
	if err := calls.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		calls.Close(now)
	})
	w := &deployment{db: db, room: &chat.Room{Name: "stage", MaximumMessageLength: 500, MaximumMessageRatePerSecond: 10}}
	if err := db.CreateRoom(t.Context(), w.room, 0); err != nil {
		t.Fatal(err)
	}
	w.r = w.hook(t)
	return w
}

// hook makes a webhook of the room.
func (w *deployment) hook(t *testing.T) *receiver.Receiver {
	t.Helper()
	r := receiver.Start(t, false)
	h := &webhook.Hook{Name: "app", URL: r.URL, RoomIDs: []string{w.room.ARN.ID}, Events: []webhook.EventType{webhook.UserJoined, webhook.UserLeft, webhook.PresenceReset}}
	if err := w.db.Webhooks.Create(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	r.Verify(t, h.Secret())
	return r
}

// start starts a node.
func (w *deployment) start(t *testing.T) *node {
	t.Helper()
	n := &node{name: fmt.Sprint(len(w.all())), presence: presence.New(), room: w.room, users: map[string]int{}, version: 1, others: w.all}
	t.Cleanup(n.presence.Close)
	n.presence.Live, n.presence.AskOthers = n, n.ask
	n.presence.Leaving = func(room string) []string { return n.Leaving(room) }
	w.mu.Lock()
	w.nodes = append(w.nodes, n)
	w.mu.Unlock()
	n.Service = attendance.Start(attendance.Options{
		Hooks: w.db.Webhooks, Live: n, Elsewhere: n.presence.Elsewhere, GoneAfter: 2 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(n.Close)
	return n
}

// end ends a node, which answers no more questions.
func (w *deployment) end(n *node) {
	n.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = slices.DeleteFunc(slices.Clone(w.nodes), func(other *node) bool { return other == n })
}

// lines are events as text.
func lines(r *receiver.Receiver) (all []string) {
	events, _ := r.Events()
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s %d/%d", e.Type, e.UserID, e.Presence.Users, e.Presence.Connections))
	}
	return all
}

func wait(t *testing.T, r *receiver.Receiver, want ...string) {
	t.Helper()
	r.Wait(t, fmt.Sprint(want), func() bool {
		got := lines(r)
		return !slices.ContainsFunc(want, func(line string) bool { return !slices.Contains(got, line) })
	})
}

func dialects(t *testing.T, test func(t *testing.T, w *deployment)) {
	t.Helper()
	for name, where := range map[string]func(*testing.T) store.Options{
		"sqlite":   func(t *testing.T) store.Options { return store.Options{Dir: filepath.Join(t.TempDir(), "data")} },
		"postgres": func(t *testing.T) store.Options { return store.Options{Database: pgtest.Shared(t).Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newDeployment(t, where(t)))
		})
	}
}

func TestOneNode(t *testing.T) {
	t.Parallel()
	dialects(t, func(t *testing.T, w *deployment) {
		n := w.start(t)
		n.move("ann", 2)
		wait(t, w.r, "user.joined ann 1/2")
		n.move("bob", 1)
		wait(t, w.r, "user.joined bob 2/3")
		n.move("eve", 1)
		wait(t, w.r, "user.joined eve 3/4")
		n.move("ann", -2)
		wait(t, w.r, "user.left ann 2/2")
		if got := lines(w.r); len(got) != 4 {
			t.Errorf("got %q", got)
		}
		late := w.hook(t)
		wait(t, late, "presence.reset  2/2")
		w.end(n)
		next := w.start(t)
		wait(t, w.r, "presence.reset  0/0")
		next.move("ann", 1)
		wait(t, w.r, "user.joined ann 1/1")
		next.move("ann", -1)
		wait(t, w.r, "user.left ann 0/0")
	})
}

func TestTwoNodes(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, store.Options{Database: pgtest.Shared(t).Database(t)})
	one, two := w.start(t), w.start(t)
	one.move("ann", 1)
	wait(t, w.r, "user.joined ann 1/1")
	two.move("ann", 1)
	two.move("bob", 1)
	wait(t, w.r, "user.joined bob 2/3")
	one.move("ann", -1) // She stays on the other node.
	one.move("eve", 1)
	wait(t, w.r, "user.joined eve 3/3")
	two.move("ann", -1)
	wait(t, w.r, "user.left ann 2/2")
	w.end(two)
	wait(t, w.r, "presence.reset  1/1")
}
