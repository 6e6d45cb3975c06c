package websocket

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"confab/internal/rfc6455"
)

// What Before returns comes between the response and the group's output. A replay of all
// texts joins the live ones without a gap and without a repetition, while others are
// delivered all the time.
func TestReplayJoinsLiveOutput(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		s := start(Options{MaxPending: 64 << 20}, handler{})
		var mu sync.Mutex // guards delivered
		var delivered uint64
		s.prepare = func(a *Attachment) {
			a.Before = func() First {
				mu.Lock()
				defer mu.Unlock()
				var replay [][]byte
				for n := range delivered {
					replay = append(replay, rfc6455.AppendFrame(nil, rfc6455.Text, binary.BigEndian.AppendUint64(nil, n)))
				}
				return First{Frames: replay, Replay: true}
			}
		}
		stop, delivering := make(chan struct{}), make(chan struct{})
		defer func() {
			close(stop)
			<-delivering
		}()
		go func() {
			defer close(delivering)
			for n := range uint64(5_000) {
				select {
				case <-stop:
					return
				default:
				}
				s.group.DeliverAnd(binary.BigEndian.AppendUint64(nil, n), func() {
					mu.Lock()
					defer mu.Unlock()
					delivered++
				})
			}
		}()
		for range 20 {
			peer := s.dialRaw(t)
			mu.Lock()
			until := delivered
			mu.Unlock()
			for want := range until {
				_, p, err := peer.frame()
				if err != nil {
					t.Fatal(err)
				}
				if got := binary.BigEndian.Uint64(p); got != want {
					t.Fatalf("got text %d, want %d", got, want)
				}
			}
			peer.Close()
		}
	})
}

// A replay may be much larger than what may be pending: a peer that reads it gets it, and
// what was delivered meanwhile.
func TestReplayDoesNotCountAsPending(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const frames = 200
		text := []byte(strings.Repeat("x", 60_000))
		var replay [][]byte
		for range frames {
			replay = append(replay, rfc6455.AppendFrame(nil, rfc6455.Text, text))
		}
		s := start(Options{MaxPending: 64 << 10}, handler{})
		s.attached = make(chan *Conn, 1)
		s.prepare = func(a *Attachment) { a.Before = func() First { return First{Frames: replay, Replay: true} } }
		peer := s.dialRaw(t)
		receive(t, s.attached, "the connection")
		s.group.Deliver([]byte("live"))
		for i := range frames {
			if _, p, err := peer.frame(); err != nil || len(p) != len(text) {
				t.Fatalf("frame %d of the replay has %d bytes, %v", i, len(p), err)
			}
		}
		if _, p, err := peer.frame(); err != nil || string(p) != "live" {
			t.Fatalf("got %q, %v behind the replay", p, err)
		}
	})
}
