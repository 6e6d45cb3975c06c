package websocket

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestEcho(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		s := start(Options{}, echo)
		c := s.dial(t)
		c.SetReadLimit(1 << 20)
		for _, size := range []int{0, 1, 125, 126, 65535 / 2, 32 << 10} {
			text := strings.Repeat("a", size)
			if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
			_, got, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != text {
				t.Fatalf("echo of %d bytes has %d", size, len(got))
			}
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Fatalf("close: %v", err)
		}
	})
}

func TestDeliver(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		s := start(Options{Loops: 2}, handler{})
		var wg sync.WaitGroup
		for range 200 {
			c := s.dial(t)
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for i := range 100 {
					_, p, err := c.Read(ctx)
					if err != nil {
						t.Errorf("read: %v", err)
						return
					}
					if string(p) != strings.Repeat("x", i) {
						t.Errorf("frame %d: %q", i, p)
						return
					}
				}
			})
		}
		for i := range 100 {
			if n := s.group.Deliver([]byte(strings.Repeat("x", i))); n != 200 {
				t.Fatalf("Deliver says %d members", n)
			}
		}
		wg.Wait()
		if n := s.group.size(); n != 200 {
			t.Errorf("Len = %d", n)
		}
	})
}
