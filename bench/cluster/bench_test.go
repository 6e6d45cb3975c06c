// Package cluster measures several nodes of the built server: the processor time of each
// message and delivery, and how much later an echo comes if the room's home is another node.
package cluster

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(pgtest.Run(m)) }

// benchmarkCluster starts nodes of a build, "" for the program under test. They share processor 0,
// each with one thread for Go code; "make bench-cluster" runs this process on processor 1.
func benchmarkCluster(b *testing.B, binary string, nodes int, args ...string) *cluster.Cluster {
	b.Helper()
	o := cluster.Options{Nodes: nodes, Binary: binary, Direct: true, Env: []string{"GOMAXPROCS=1"}, Args: append([]string{"--log-level", "warn"}, args...)}
	if _, err := exec.LookPath("taskset"); err == nil {
		o.CPUs = "0"
	}
	if nodes > 1 {
		o.Database = pgtest.Shared(b).Database(b)
	}
	return cluster.Serve(b, o)
}

// build is a program to measure.
type build struct{ name, path string }

// builds returns the program under test and, in front of it, the one of CONFAB_BEFORE, if that
// is the path of another build, so that the two are measured in turns.
func builds() []build {
	now := build{"now", ""}
	if path := os.Getenv("CONFAB_BEFORE"); path != "" {
		return []build{{"before", path}, now}
	}
	return []build{now}
}

// socket is a connection whose frames are counted, not decoded.
type socket struct {
	net.Conn
	in *bufio.Reader
}

// open connects a user to a room on a node.
func open(b *testing.B, n crowd.Node, room, user string) socket {
	b.Helper()
	out, err := n.API.CreateChatToken(b.Context(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: &room, UserId: &user, Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		b.Fatal(err)
	}
	s, err := join(n, *out.Token)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// join makes a handshake by hand.
func join(n crowd.Node, token string) (socket, error) {
	host := strings.TrimPrefix(n.WebSocket, "ws://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return socket{}, err
	}
	s := socket{conn, bufio.NewReader(conn)}
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", host, token)
	for line := ""; err == nil && line != "\r\n"; {
		first := line == ""
		if line, err = s.in.ReadString('\n'); err == nil && first && !strings.HasPrefix(line, "HTTP/1.1 101 ") {
			err = fmt.Errorf("handshake: %q", line)
		}
	}
	if err != nil {
		return socket{}, errors.Join(err, conn.Close())
	}
	return s, nil
}

// next reads a frame and throws it away.
func (s socket) next() error {
	header, err := s.in.Peek(4)
	if err != nil {
		return err
	}
	n := 2 + int(header[1])
	if header[1] == 126 {
		n = 4 + int(binary.BigEndian.Uint16(header[2:]))
	}
	_, err = s.in.Discard(n)
	return err
}

// say sends a message with 100 bytes of content.
func (s socket) say() error {
	payload := fmt.Appendf(nil, `{"Action":"SEND_MESSAGE","RequestId":"bench","Content":"%s"}`, strings.Repeat("x", 100))
	// A mask of zeros leaves the payload as it is; RFC 6455 section 5.3 leaves the choice to the client.
	frame := append([]byte{0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0}, payload...)
	binary.BigEndian.PutUint16(frame[2:], uint16(len(payload)))
	_, err := s.Write(frame)
	return err
}

// newRooms creates rooms with the highest rate.
func newRooms(b *testing.B, c *cluster.Cluster, n int) []string {
	b.Helper()
	rooms := make([]string, n)
	for i := range rooms {
		room, err := c.Clients()[0].API.CreateRoom(b.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
		if err != nil {
			b.Fatal(err)
		}
		rooms[i] = *room.Arn
	}
	return rooms
}

// shape is rooms with their members, each on as many of the nodes.
type shape struct{ rooms, members, nodes, spread int }

// BenchmarkDelivery is the processor time of all nodes together for a message and for a
// delivery. What the cluster adds to a message weighs most in small rooms. Members of a room are
// on all nodes first, and then on at most two, as with many nodes and small rooms.
func BenchmarkDelivery(b *testing.B) {
	for _, s := range []shape{
		{2, 250, 1, 1},
		{2, 250, 2, 2},
		{2, 250, 3, 3},
		{50, 10, 1, 1},
		{50, 10, 2, 2},
		{50, 10, 3, 3},
		{50, 10, 3, 2},
		{50, 10, 6, 2},
		{50, 10, 10, 2},
	} {
		for _, build := range builds() {
			b.Run(fmt.Sprintf("%dx%d/nodes=%d/of-a-room=%d/%s", s.rooms, s.members, s.nodes, s.spread, build.name), func(b *testing.B) {
				benchmarkDelivery(b, build.path, s)
			})
		}
	}
}

func benchmarkDelivery(b *testing.B, binary string, shape shape) {
	c := benchmarkCluster(b, binary, shape.nodes, "--delivery-window", "0s")
	var delivered atomic.Int64
	// Each connection may send ten messages a second, and each room takes a
	// hundred; a little less.
	const perRoom, perSender = 45, 9
	senders := make([]socket, 0, shape.rooms*perRoom/perSender)
	for r, room := range newRooms(b, c, shape.rooms) {
		for m := range shape.members {
			s := open(b, c.Clients()[(r+m%shape.spread)%shape.nodes], room, fmt.Sprint("user", m))
			if m < perRoom/perSender {
				senders = append(senders, s)
			}
			go func() {
				for s.next() == nil {
					delivered.Add(1)
				}
			}()
		}
	}
	const idle = 5 * time.Second
	before := c.CPU(b)
	time.Sleep(idle) // What nodes do all the time is no part of a message.
	idling := float64(c.CPU(b)-before) / float64(idle)
	pace := time.NewTicker(time.Second / time.Duration(perRoom*shape.rooms))
	defer pace.Stop()
	before = c.CPU(b)
	b.ResetTimer()
	for i := range b.N {
		<-pace.C
		if err := senders[i%len(senders)].say(); err != nil {
			b.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); delivered.Load() < int64(b.N*shape.members); {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d deliveries", delivered.Load(), b.N*shape.members)
		}
		time.Sleep(time.Millisecond) // The deliveries are counted elsewhere.
	}
	b.StopTimer()
	spent := c.CPU(b) - before - time.Duration(idling*float64(b.Elapsed()))
	b.ReportMetric(idling*1e3, "idle-cpu-ms/s")
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-µs/message")
	b.ReportMetric(float64(spent.Nanoseconds())/1e3/float64(b.N*shape.members), "cpu-µs/delivery")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkEcho is the time from a message to its own echo, one at a time: on
// one node, and on three at the room's home and at another node. No client outside
// knows which node is the home; it is the one that answers first.
func BenchmarkEcho(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			c := benchmarkCluster(b, "", nodes, "--delivery-window", "0s")
			rooms := newRooms(b, c, 12)
			var local, remote []time.Duration
			for i := range b.N {
				var byNode [][]time.Duration
				for _, n := range c.Clients() {
					s := open(b, n, rooms[i%len(rooms)], "echo")
					byNode = append(byNode, s.echoes(b, 40))
					s.Close()
				}
				slices.SortFunc(byNode, func(a, b []time.Duration) int { return int(median(a) - median(b)) })
				local = append(local, byNode[0]...)
				for _, times := range byNode[1:] {
					remote = append(remote, times...)
				}
			}
			report(b, "home", local)
			if nodes > 1 {
				report(b, "other", remote)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// echoes sends messages one after another and returns how long each took. They
// stay below ten a second.
func (s socket) echoes(b *testing.B, n int) []time.Duration {
	b.Helper()
	pace := time.NewTicker(110 * time.Millisecond)
	defer pace.Stop()
	times := make([]time.Duration, n)
	for i := range times {
		<-pace.C
		start := time.Now()
		if err := s.say(); err != nil {
			b.Fatal(err)
		}
		if err := s.next(); err != nil && err != io.EOF { //nolint:errorlint // A bufio.Reader returns it as it is.
			b.Fatal(err)
		}
		times[i] = time.Since(start)
	}
	return times
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func report(b *testing.B, name string, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1e3, name+"-p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds())/1e3, name+"-p99-µs")
}
