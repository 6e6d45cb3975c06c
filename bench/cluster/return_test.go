package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

const (
	returnRoom = 500 // clients of a room
	returnRate = 100 // messages a second of a room
	// For how long messages are sent before the kill, while clients are away, and then.
	returnBefore, returnAway, returnAfter = 5 * time.Second, 3 * time.Second, 7 * time.Second
)

// BenchmarkReturn kills one of three nodes, on which b.N clients are, and has them return to
// the other two, while each room gets 100 messages a second. It shows the processor time of
// these two for each client, from the first that returns until a second after the last is back,
// and until all have the last message; and both beside those without catch-up. Clients with
// catch-up also get what they missed.
func BenchmarkReturn(b *testing.B) {
	var without returned
	for _, c := range []struct {
		name string
		tags map[string]string
	}{{"without", nil}, {"catch-up", map[string]string{"confab:catch-up": "1m"}}} {
		b.Run(c.name, func(b *testing.B) {
			each := benchmarkReturn(b, c.tags)
			if c.tags == nil {
				without = each
			}
			b.ReportMetric(each.back, "cpu-µs/return")
			b.ReportMetric(each.all, "cpu-µs/client")
			if without.back > 0 {
				b.ReportMetric(each.back/without.back, "×return-without")
				b.ReportMetric(each.all/without.all, "×client-without")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// returned is the processor time of a client, in µs, until all are back, and until all have the
// last message.
type returned struct{ back, all float64 }

// guest is a client that is killed with its node and returns.
type guest struct {
	tokens [2]string
	frames atomic.Int64
	last   chan struct{} // closed when it has the last message
}

// lastText is in the last message of each room.
const lastText = "the last message"

// stay reads frames and answers Pings until the connection ends.
func (g *guest) stay(s socket) {
	for {
		header, err := s.in.Peek(4)
		if err != nil {
			return
		}
		n, begin := int(header[1]), 2
		if n == 126 {
			n, begin = int(header[2])<<8|int(header[3]), 4
		}
		frame := make([]byte, begin+n)
		if _, err := io.ReadFull(s.in, frame); err != nil {
			return
		}
		switch frame[0] {
		case 0x89: // A Ping; the masking key of the Pong is 0.
			if _, err := s.Write(append([]byte{0x8a, 0x80 | byte(n), 0, 0, 0, 0}, frame[begin:]...)); err != nil {
				return
			}
		case 0x81:
			g.frames.Add(1)
			if bytes.Contains(frame, []byte(lastText)) {
				close(g.last)
			}
		}
	}
}

// connect connects with one of the guest's tokens.
func (g *guest) connect(webSocket, token string) (socket, error) {
	host := strings.TrimPrefix(webSocket, "ws://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return socket{}, err
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUser-Agent: bench\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", host, token)
	s := socket{conn, bufio.NewReader(conn)}
	for i := 0; ; i++ {
		line, err := s.in.ReadString('\n')
		if err == nil && i == 0 && !strings.HasPrefix(line, "HTTP/1.1 101 ") {
			err = fmt.Errorf("handshake: %q", line)
		}
		if err != nil {
			conn.Close()
			return socket{}, err
		}
		if line == "\r\n" {
			return s, nil
		}
	}
}

func benchmarkReturn(b *testing.B, tags map[string]string) (each returned) {
	c := cluster.Serve(b, cluster.Options{
		Nodes: 3, Database: pgtest.Shared(b).Database(b), Args: []string{"--log-level", "warn", "--max-connections-per-address", "0", "--max-connections", "0"},
	})
	nodes := c.Clients()
	guests := make([]*guest, b.N)
	rooms := make([]string, (b.N+returnRoom-1)/returnRoom)
	for i := range rooms {
		room, err := nodes[0].API.CreateRoom(b.Context(), &ivschat.CreateRoomInput{Tags: tags})
		if err != nil {
			b.Fatal(err)
		}
		rooms[i] = *room.Arn
	}
	parallel(b, func(i int) error {
		g := &guest{last: make(chan struct{})}
		user := fmt.Sprint("guest", i)
		for k := range g.tokens {
			out, err := nodes[i%2].API.CreateChatToken(b.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: &rooms[i%len(rooms)], UserId: &user})
			if err != nil {
				return err
			}
			g.tokens[k] = *out.Token
		}
		guests[i] = g
		s, err := g.connect(nodes[2].WebSocket, g.tokens[0])
		if err != nil {
			return err
		}
		go func() {
			defer s.Close()
			g.stay(s)
		}()
		return nil
	})
	sent := make(chan struct{})
	var sending sync.WaitGroup
	for _, room := range rooms {
		sending.Go(func() { sendAll(b, c.Nodes[0].Server().Endpoint, room) })
	}
	go func() {
		defer close(sent)
		sending.Wait()
	}()
	time.Sleep(returnBefore) // By then the other nodes know where the clients are.
	if err := c.Nodes[2].Kill(); err != nil {
		b.Fatal(err)
	}
	time.Sleep(returnAway)
	for _, g := range guests {
		g.frames.Store(0)
	}
	before := c.CPU(b)
	b.ResetTimer()
	parallel(b, func(i int) error {
		s, err := guests[i].connect(nodes[i%2].WebSocket, guests[i].tokens[1])
		if err != nil {
			return err
		}
		b.Cleanup(func() { s.Close() })
		go guests[i].stay(s)
		return nil
	})
	b.ReportMetric(b.Elapsed().Seconds(), "last-back-s")
	time.Sleep(time.Second) // Replays end.
	each.back = float64((c.CPU(b) - before).Microseconds()) / float64(b.N)
	<-sent
	frames := int64(0)
	for _, g := range guests {
		select {
		case <-g.last:
		case <-time.After(time.Minute):
			b.Fatal("a client does not get the last message")
		}
		frames += g.frames.Load()
	}
	b.StopTimer()
	b.ReportMetric(float64(frames)/float64(b.N), "frames/client")
	each.all = float64((c.CPU(b) - before).Microseconds()) / float64(b.N)
	return each
}

// parallel calls f for each client, from several goroutines.
func parallel(b *testing.B, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// sendAll sends the messages of a room at their pace. While the room has no home, as after a
// kill, they wait.
func sendAll(b *testing.B, endpoint, room string) {
	const n = int((returnBefore + returnAway + returnAfter) * returnRate / time.Second)
	pace := time.NewTicker(time.Second / returnRate)
	defer pace.Stop()
	for i := range n + 1 {
		<-pace.C
		text := strings.Repeat("x", 100)
		if i == n {
			text = lastText
		}
		in := map[string]string{"roomIdentifier": room, "userId": "bot", "content": text}
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			err := process.Extension(b.Context(), endpoint, "SendMessage", in, &struct{}{})
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				b.Error(err)
				return
			}
		}
	}
}
