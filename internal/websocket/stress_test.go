package websocket

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

// stress is a room with a flow of frames while connections of all kinds join and
// leave. Every frame of the room has the next number.
type stress struct {
	*peerServer
	t         *testing.T
	delivered atomic.Int64
	stop      chan struct{}
}

// TestStress checks that every receiver, whatever other connections do, receives the
// numbers of a room without a gap, starting when it has received its 101.
func TestStress(t *testing.T) {
	before := resources()
	for _, window := range []time.Duration{0, -1} {
		eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
			t.Run(fmt.Sprintf("window %v", window), func(t *testing.T) {
				s := &stress{t: t, stop: make(chan struct{})}
				s.peerServer = start(Options{
					Loops: 3, MaxPending: 128 << 10, DeliveryWindow: window, CloseTimeout: 300 * time.Millisecond, PingInterval: time.Second,
				}, handler{message: func(c *Conn, _ rfc6455.Opcode, p []byte) {
					if string(p) == "kick me" {
						c.Close(1000, "kicked")
					}
				}})
				s.run()
			})
		})
	}
	eventually(t, "descriptors and goroutines to be released", func() bool { return resources() <= before })
}

// resources counts open descriptors, if the system reports them, and goroutines.
func resources() int {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		open = nil
	}
	return len(open) + runtime.NumGoroutine()
}

func (s *stress) run() {
	// The room continues until the last connection has left.
	var speaker, all sync.WaitGroup
	empty := make(chan struct{})
	speaker.Go(func() {
		for {
			select {
			case <-empty:
				return
			default:
			}
			for range 1 + rand.IntN(5) {
				n := s.delivered.Load()
				s.group.Deliver(numbered(int(n)))
				s.delivered.Store(n + 1)
			}
			wait(time.Duration(rand.IntN(2000)) * time.Microsecond)
		}
	})
	for kind, visit := range []func(*rawConn){s.read, s.read, s.read, s.kicked, s.stuck, s.hostile, s.vanish} {
		for range 3 {
			all.Go(func() {
				for {
					select {
					case <-s.stop:
						return
					default:
						peer := s.dialRaw(s.t)
						visit(peer)
						peer.Close()
						if s.t.Failed() {
							s.t.Logf("visitor of kind %d", kind)
							return
						}
					}
				}
			})
		}
	}
	wait(1500 * time.Millisecond)
	close(s.stop)
	all.Wait()
	close(empty)
	speaker.Wait()
	eventually(s.t, "all connections to be released", func() bool { return s.Len() == 0 })
	if n := s.group.size(); n != 0 {
		s.t.Errorf("the group has %d members", n)
	}
	eventually(s.t, "nothing to be pending", func() bool { return s.pendingBytes() == 0 })
	if n := s.delivered.Load(); n < 100 {
		s.t.Errorf("only %d frames were delivered", n)
	}
}

// follow reads until it has received count frames of the room, or the end, and checks
// that there is no gap. It returns the reason of the end.
func (s *stress) follow(peer *rawConn, count int) error {
	// The 101 has been read: this frame or an earlier one must arrive.
	next, latest := -1, int(s.delivered.Load())+1
	for seen := 0; seen < count; {
		op, p, err := peer.frame()
		if err != nil {
			return err
		}
		switch op {
		case rfc6455.Ping:
			if _, err := peer.Write(pong("")); err != nil {
				return err
			}
		case rfc6455.Text:
			n := number(s.t, p)
			if next < 0 && n > latest {
				s.t.Errorf("the first frame is %d, want at most %d", n, latest)
			}
			if next >= 0 && n != next {
				s.t.Errorf("frame %d, want %d", n, next)
			}
			next = n + 1
			seen++
		case rfc6455.Pong: // answer to a ping of hostile
		case rfc6455.Close:
			return errKicked
		default:
			s.t.Errorf("a frame with opcode %d", op)
		}
	}
	return nil
}

var errKicked = errors.New("kicked")

// read follows the room for a while and leaves in one way or another.
func (s *stress) read(peer *rawConn) {
	if err := s.follow(peer, 1+rand.IntN(400)); err != nil && !s.stopped() {
		s.t.Errorf("a reader lost its connection: %v", err)
	}
	switch rand.IntN(3) {
	case 0:
		peer.Write(closing(1000, "")) //nolint:errcheck // It leaves either way.
	case 1:
		peer.tcp.CloseWrite() //nolint:errcheck // It leaves either way.
	}
}

// kicked requests its close and must receive the Close frame, not a reset.
func (s *stress) kicked(peer *rawConn) {
	if err := s.follow(peer, rand.IntN(50)); err != nil {
		return
	}
	if _, err := peer.Write(text("kick me")); err != nil {
		s.t.Errorf("write: %v", err)
	}
	go peer.Write([]byte("never read")) //nolint:errcheck // It may come too late.
	if err := s.follow(peer, 1<<30); !errors.Is(err, errKicked) {
		s.t.Errorf("the kicked one saw %v, want a Close frame", err)
		return
	}
	if _, _, err := peer.frame(); !errors.Is(err, io.EOF) {
		s.t.Errorf("behind the Close frame: %v, want EOF", err)
	}
}

// stuck does not read for a while. It may be dropped; the frames that it reads then
// are in order.
func (s *stress) stuck(peer *rawConn) {
	if err := peer.tcp.SetReadBuffer(4 << 10); err != nil {
		s.t.Error(err)
	}
	wait(time.Duration(rand.IntN(300)) * time.Millisecond)
	s.follow(peer, 100) //nolint:errcheck // It may have been dropped.
}

// hostile sends input that violates the protocol.
func (s *stress) hostile(peer *rawConn) {
	junk := make([]byte, rand.IntN(2000))
	for i := range junk {
		junk[i] = byte(rand.Uint32())
	}
	if rand.IntN(2) == 0 {
		junk = append(piece(rfc6455.Text, "never finished"), ping("p")...)
	}
	peer.Write(junk)               //nolint:errcheck // It may be closed already.
	s.follow(peer, rand.IntN(100)) //nolint:errcheck // It may have been closed.
}

// vanish resets its connection.
func (s *stress) vanish(peer *rawConn) {
	s.follow(peer, rand.IntN(20)) //nolint:errcheck // It vanishes either way.
	peer.tcp.SetLinger(0)         //nolint:errcheck // It vanishes either way.
}

func (s *stress) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}
