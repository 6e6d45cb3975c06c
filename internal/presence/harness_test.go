package presence_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/members"
	"confab/internal/presence"
)

const room = "abcdefABCDEF"

// node is a node with one room, of which it keeps the sessions as package messaging does.
type node struct {
	*presence.Service
	name   string
	others atomic.Pointer[[]*node]
	silent atomic.Bool // it does not answer

	mu      sync.Mutex
	watcher members.Watcher
	users   map[string]int
	frames  []string
}

// newNodes returns nodes that ask each other. The room is watched on all of them, unless
// kind is off.
func newNodes(t *testing.T, n int, kind chat.Presence) []*node {
	t.Helper()
	all := make([]*node, n)
	for i := range all {
		all[i] = &node{Service: presence.New(), name: fmt.Sprintf("n%d", i), users: map[string]int{}}
		t.Cleanup(all[i].Close)
	}
	for _, one := range all {
		one.Interval, one.Live, one.Node = 5*time.Second, live{one}, one.name
		if n > 1 {
			one.AskOthers = one.ask
			one.others.Store(&all)
		}
		if kind != chat.PresenceOff {
			one.watcher = one.Watch(room, kind, one)
		}
	}
	return all
}

func (n *node) ask(ctx context.Context, body []byte) (map[string][]byte, bool) {
	answers, complete := map[string][]byte{}, true
	for _, other := range *n.others.Load() {
		if other == n {
			continue
		}
		if other.silent.Load() {
			complete = false
		} else if a, err := other.Answer(ctx, body); err == nil {
			answers[other.name] = a
		} else {
			complete = false
		}
	}
	return answers, complete
}

// join adds a session, and returns what it is told first.
func (n *node) join(user string) string {
	if n.watcher != nil {
		n.watcher.Prepare(context.Background())
	}
	n.mu.Lock()
	n.users[user]++
	n.mu.Unlock()
	if n.watcher == nil {
		return ""
	}
	n.watcher.Joined(user)
	return short(n.watcher.Greeting())
}

func (n *node) leave(user string) {
	n.mu.Lock()
	if n.users[user]--; n.users[user] == 0 {
		delete(n.users, user)
	}
	n.mu.Unlock()
	if n.watcher != nil {
		n.watcher.Left(user)
	}
}

// short is a frame as "VIEWERS 2/3", "JOINED 1 [ann]".
func short(frame []byte) string {
	var e struct {
		Type, EventName, Id, RequestId, SendTime string //nolint:staticcheck // The names of the members.
		Attributes                               struct{ Users, Connections, UserIds, Count string }
	}
	if err := json.Unmarshal(frame, &e); err != nil || e.Type != "EVENT" || !chat.ValidID(e.Id) {
		return fmt.Sprintf("%s: %v", frame, err)
	}
	a := e.Attributes
	if e.EventName == "confab:VIEWERS" {
		return "VIEWERS " + a.Users + "/" + a.Connections
	}
	var ids []string
	if err := json.Unmarshal([]byte(a.UserIds), &ids); err != nil {
		return err.Error()
	}
	slices.Sort(ids)
	return fmt.Sprintf("%s %s %v", e.EventName[len("confab:"):], a.Count, ids)
}

// told returns what all connections of the node were told since the last call.
func (n *node) told() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	frames := n.frames
	n.frames = nil
	return frames
}

// Deliver implements messaging.Audience.
func (n *node) Deliver(frame []byte) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.frames = append(n.frames, short(frame))
	return 1
}

// live implements presence.Live.
type live struct{ *node }

func (n live) LiveRooms() []string { return []string{room} }

func (n live) CountUsers(string) (users, connections int) {
	ids, connections := n.UserIDs(room)
	return len(ids), connections
}

func (n live) UserIDs(string) (ids []string, connections int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, c := range n.users {
		ids = append(ids, id)
		connections += c
	}
	return ids, connections
}

func (n live) EachSession(_ string, ids []string, f func(*chat.Bearer, time.Time)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		for range n.users[id] {
			f(&chat.Bearer{UserID: id, Attributes: map[string]string{"node": n.name}}, time.Now())
		}
	}
}
