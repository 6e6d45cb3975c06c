package cluster_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/messaging"
)

// counted is a transport that counts the questions for histories.
type counted struct {
	cluster.Transport
	mu       sync.Mutex
	requests int
	largest  int // answer, in bytes
}

func (c *counted) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	answer, err := c.Transport.Request(ctx, subject, data)
	if strings.HasSuffix(subject, ".history") {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests++
		c.largest = max(c.largest, len(answer))
	}
	return answer, err
}

// TestHistoriesTogether has a node join two that have many rooms in their logs,
// some of them with more in them than one answer may hold.
func TestHistoriesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(900, 100)
		nodes := start(t, net, r, "a", "b")
		text := strings.Repeat("x", 4000)
		said := map[string]string{}
		i := 0
		for _, room := range r.RoomIDs() {
			i++
			for range 1 + 100*(i%450/449) {
				id, err := nodes["a"].Do(t.Context(), messaging.Operation{
					Action: chat.ActionSendEvent, RoomID: room, ID: chat.NewID(), EventName: "e",
					Attributes: map[string]string{"a": text[:100+i%450/449*3900]}, Received: time.Now(),
				})
				if err != nil {
					t.Fatal(err)
				}
				said[room] = id
			}
		}
		c := &counted{Transport: net.port("c")}
		nodes["c"] = newNode(t, "c", options{rooms: r, transport: c})
		t.Cleanup(nodes["c"].stop)
		if err := nodes["c"].Start(canceled()); err != nil {
			t.Fatal(err)
		}
		await(t, nodes, 3)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.requests == 0 || c.requests > 20 {
			t.Errorf("%d questions for the histories of about 300 rooms, want at most 20", c.requests)
		}
		if c.largest > 1<<20 {
			t.Errorf("an answer of %d bytes, and NATS carries 1 MiB", c.largest)
		}
		// A node that knows a room's history knows an operation that is asked for again.
		for room, id := range said {
			if nodes["c"].Owner(room) != "c" {
				continue
			}
			if turn, err := nodes["c"].Await(t.Context(), room, id); err != messaging.ErrPublished { //nolint:errorlint // Await returns it as it is.
				t.Fatalf("%s: the new home does not know its last event: %v, %v", room, turn, err)
			}
		}
	})
}
