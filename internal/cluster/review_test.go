package cluster_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// handler is a message review handler that thinks for a second and counts. It
// changes every message, to show whose verdict was used.
type handler struct{ asked atomic.Int32 }

func (h *handler) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, bool, error) {
	count := h.asked.Add(1)
	time.Sleep(time.Second)
	m.Content += strings.Repeat("!", int(count))
	return m, false, nil
}

// TestReviewedOnce changes the view while a home has a message under review for
// another node. The home, which is the same in both views, is asked again in the
// new one, and knows the verdict.
func TestReviewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(16, 100)
		r.ChangeAll(func(room *chat.Room) {
			room.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:f", FallbackResult: chat.Deny}
		})
		h := &handler{}
		nodes := startReviewed(t, net, r, h, "a", "b", "c")
		room := homed(t, nodes, r, "b")
		done := make(chan error, 1)
		go func() { done <- nodes["a"].say(t, room, "x") }()
		time.Sleep(100 * time.Millisecond)
		net.losing(func(_, to, subject string) bool { return to == "a" && strings.HasSuffix(subject, ".beats") })
		// Until a receives it, the view without c does not come, and the home has no
		// lease in the old one: the verdict is there before the view.
		nodes["c"].Close()
		nodes["c"].port.kill()
		delete(nodes, "c")
		time.Sleep(1200 * time.Millisecond)
		if h.asked.Load() != 1 {
			t.Fatalf("the handler was asked %d times before the change", h.asked.Load())
		}
		net.heal()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		await(t, nodes, 2)
		if h.asked.Load() != 1 {
			t.Errorf("the handler was asked %d times about one message", h.asked.Load())
		}
		time.Sleep(100 * time.Millisecond) // The home delivers when another node acknowledges.
		for id, n := range nodes {
			if said := n.clients[room].Contents(); len(said) != 1 || said[0] != "x!" {
				t.Errorf("%s received %q", id, said)
			}
		}
	})
}
