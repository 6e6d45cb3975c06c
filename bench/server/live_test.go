package server

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// liveRoom is a room in which people talk all the time, and what they notice of
// what else the server does: how long each message takes to each viewer.
type liveRoom struct {
	done    chan struct{}
	workers sync.WaitGroup

	mu    sync.Mutex
	delay []time.Duration // guarded by mu: since the last call of take
	lost  atomic.Int64
}

const (
	viewers  = 40
	talkers  = 5
	sendEach = 125 * time.Millisecond
)

// converse has talkers say something in turn, and viewers listen.
func (s *server) converse(b *testing.B) *liveRoom {
	b.Helper()
	r := &liveRoom{done: make(chan struct{})}
	for i := range viewers {
		conn := s.member(b, "viewer-"+strconv.Itoa(i))
		r.workers.Go(func() { r.watch(conn) })
	}
	for i := range talkers {
		conn := s.member(b, "sender-"+strconv.Itoa(i))
		r.workers.Go(func() { io.Copy(io.Discard, conn) }) //nolint:errcheck // It ends with the connection.
		r.workers.Go(func() { r.talk(conn) })
	}
	return r
}

// stop ends the conversation.
func (r *liveRoom) stop() {
	close(r.done)
	r.workers.Wait()
}

// take returns the median, the 90th and the 99th percentile of the delays since
// the last call, and how many there were.
func (r *liveRoom) take() (p50, p90, p99 time.Duration, n int) {
	r.mu.Lock()
	d := r.delay
	r.delay = nil
	r.mu.Unlock()
	if len(d) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(d)
	at := func(q float64) time.Duration { return d[int(q*float64(len(d)-1))] }
	return at(0.5), at(0.9), at(0.99), len(d)
}

func (r *liveRoom) talk(conn net.Conn) {
	defer conn.Close()
	tick := time.NewTicker(sendEach)
	defer tick.Stop()
	for {
		select {
		case <-r.done:
			return
		case now := <-tick.C:
			text := fmt.Sprintf(`{"Action":"SEND_MESSAGE","Content":"%d"}`, now.UnixNano())
			if _, err := conn.Write(masked(text)); err != nil {
				r.lost.Add(1)
				return
			}
		}
	}
}

func (r *liveRoom) watch(conn net.Conn) {
	go func() {
		<-r.done
		conn.Close()
	}()
	in := bufio.NewReader(conn)
	for {
		payload, err := readFrame(in)
		if err != nil {
			select {
			case <-r.done:
			default:
				r.lost.Add(1)
			}
			return
		}
		if _, rest, ok := strings.Cut(string(payload), `"Content":"`); ok {
			text, _, _ := strings.Cut(rest, `"`)
			if sent, err := strconv.ParseInt(text, 10, 64); err == nil {
				took := time.Since(time.Unix(0, sent))
				r.mu.Lock()
				r.delay = append(r.delay, took)
				r.mu.Unlock()
			}
		}
	}
}

// member joins the server's room.
func (s *server) member(b *testing.B, user string) net.Conn {
	b.Helper()
	token, err := s.tokenFor(b.Context(), user)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := connect(s.Endpoint, token)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// masked is a text frame of a client with the masking key 0.
func masked(text string) []byte {
	if len(text) < 126 {
		return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0x81, 0xfe}, uint16(len(text))), append(make([]byte, 4), text...)...)
}

// readFrame reads a frame of a server with up to 64 KiB.
func readFrame(in *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:2]); err != nil {
		return nil, err
	}
	size := int(head[1])
	if size == 126 {
		if _, err := io.ReadFull(in, head[2:]); err != nil {
			return nil, err
		}
		size = int(binary.BigEndian.Uint16(head[2:]))
	}
	payload := make([]byte, size)
	_, err := io.ReadFull(in, payload)
	return payload, err
}
