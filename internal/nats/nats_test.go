package nats_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"confab/internal/nats"
)

func open(t testing.TB, o nats.Options) *nats.Conn {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := nats.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// ask asks until there is an answer or the time is up.
func ask(t testing.TB, c *nats.Conn, within time.Duration) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := c.Request(ctx, "who", []byte("?")); err == nil {
			return string(answer), true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", false
		}
	}
}

func answering(t testing.TB, c *nats.Conn) {
	t.Helper()
	if err := c.Subscribe("who", func(_ string, data []byte, reply func([]byte)) { reply(append(data, '!')) }); err != nil {
		t.Fatal(err)
	}
}

func TestNodesFormACluster(t *testing.T) {
	a := open(t, nats.Options{Name: "a", Listen: "127.0.0.1:0", Secret: "secret"})
	answering(t, a)
	peers := []string{"nats://" + a.Address().String()}
	t.Run("a node with the secret reaches the others", func(t *testing.T) {
		b := open(t, nats.Options{Name: "b", Listen: "127.0.0.1:0", Peers: peers, Secret: "secret"})
		if answer, ok := ask(t, b, 10*time.Second); !ok || answer != "?!" {
			t.Fatalf("answer %q", answer)
		}
	})
}
