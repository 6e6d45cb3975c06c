package websocket

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

// flood writes frames without end until the peer is closed, and never reads.
func flood(t *testing.T, peer *rawConn, frame []byte) {
	t.Helper()
	if err := peer.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat(frame, 200)
	go func() {
		for {
			if _, err := peer.Write(many); err != nil {
				return
			}
		}
	}()
}

func TestInputRate(t *testing.T) {
	const rate = 500
	kinds := map[string][]byte{"messages": text("x"), "pings": ping(""), "pongs": pong("")}
	for name, frame := range kinds {
		t.Run(name, func(t *testing.T) {
			eachFormAtOnce(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
				s := start(Options{InputRate: rate}, handler{})
				s.attached = make(chan *Conn, 1)
				peer := s.dialRaw(t)
				<-s.attached
				// The frames sent before the last frame delay it.
				begin := time.Now()
				peer.write(t, append(slices.Repeat(frame, rate), ping("last")...)...)
				for {
					op, p, err := peer.frame()
					if err != nil {
						t.Fatal(err)
					}
					if op == rfc6455.Pong && string(p) == "last" {
						break
					}
				}
				// The burst is not throttled.
				if took := time.Since(begin); took < 700*time.Millisecond || took > 5*time.Second {
					t.Errorf("%d frames were read in %v, want about a second", rate, took)
				}
			})
		})
	}
	t.Run("large messages count more", func(t *testing.T) {
		eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
			var count atomic.Int64
			s := start(Options{InputRate: rate}, handler{message: func(*Conn, rfc6455.Opcode, []byte) { count.Add(1) }})
			peer := s.dialRaw(t)
			begin := time.Now()
			flood(t, peer, text(string(slices.Repeat([]byte{'x'}, 30<<10))))
			wait(time.Second)
			// The bytes of 7.5 frames and a frame make 8.5, and the burst has 100.
			if n, took := count.Load(), time.Since(begin); float64(n) > 150*took.Seconds() {
				t.Errorf("%d messages in %v, want about 60 in a second", n, took)
			}
			eventually(t, "20 messages", func() bool { return count.Load() >= 20 })
		})
	})
	t.Run("fragments count by their bytes", func(t *testing.T) {
		for _, size := range []int{1000, 1} {
			t.Run(fmt.Sprintf("%d at a time", size), func(t *testing.T) {
				eachFormAtOnce(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
					const rate = 50
					s := start(Options{InputRate: rate}, handler{})
					peer := s.dialRaw(t)
					if size == 1 && s.client == nil {
						t.Skip("only records keep bytes apart")
					}
					// Input of one second, of which the burst is not throttled.
					many := slices.Repeat(piece(rfc6455.Continuation, ""), rate*frameBytes*size/max(size, readBytes)/6)
					begin := time.Now()
					peer.write(t, piece(rfc6455.Text, "")...)
					for p := range slices.Chunk(many, size) {
						peer.write(t, p...)
					}
					peer.write(t, ping("last")...)
					if op, p, err := peer.frame(); err != nil || op != rfc6455.Pong || string(p) != "last" {
						t.Fatalf("read %d %q, %v; want a pong", op, p, err)
					}
					if took := time.Since(begin); took < 700*time.Millisecond || took > 5*time.Second {
						t.Errorf("%d bytes were read in %v, want about a second", len(many), took)
					}
				})
			})
		}
	})
	t.Run("a flooding peer can be closed at once", func(t *testing.T) {
		eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
			flooding := make(chan *Conn, 1)
			s := start(Options{InputRate: rate}, handler{message: func(c *Conn, _ rfc6455.Opcode, _ []byte) {
				select {
				case flooding <- c:
				default:
				}
			}})
			peer := s.dialRaw(t)
			flood(t, peer, text("x"))
			c := receive(t, flooding, "the first message")
			begin := time.Now()
			c.Send([]byte("bye"))
			c.Close(1000, "")
			for _, want := range []rfc6455.Opcode{rfc6455.Text, rfc6455.Close} {
				if op, _, err := peer.frame(); err != nil || op != want {
					t.Fatalf("read %d, %v; want %d", op, err, want)
				}
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			peer.Close()
			eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
		})
	})
	t.Run("a flooding peer is alive, and missed when it is gone", func(t *testing.T) {
		eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
			causes := make(chan error, 1)
			s := start(Options{InputRate: 20, PingInterval: 200 * time.Millisecond}, handler{closed: func(_ *Conn, cause error) { causes <- cause }})
			peer := s.dialRaw(t)
			peer.write(t, slices.Repeat(text("x"), 40)...)
			// The server's pings arrive; their answers would come after the flood.
			for range 5 {
				if op, _, err := peer.frame(); err != nil || op != rfc6455.Ping {
					t.Fatalf("read %d, %v; want a ping", op, err)
				}
			}
			peer.Close()
			if cause := receive(t, causes, "Closed"); errors.Is(cause, ErrIdle) || cause == nil {
				t.Errorf("Closed with %v", cause)
			}
		})
	})
}
