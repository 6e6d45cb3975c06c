//go:build linux

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/bench/load"
	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

const (
	returnRoom = 2500 // clients of a room
	returnRate = 100  // messages a second of a room
	// For how long messages are sent before the kill, and while clients are away.
	returnBefore, returnAway = 5 * time.Second, 3 * time.Second
	// returnMore is how many messages follow when all clients have what they missed.
	returnMore = 5 * returnRate
	// returnOpening is how many clients connect at the same time.
	returnOpening = 1000
	// returnWithin bounds each step.
	returnWithin = 3 * time.Minute
)

// BenchmarkReturn kills one of three nodes, on which b.N clients are, and has them return to
// the other two, while each room gets 100 messages a second. It shows the processor time of
// these two for each client, from the first that returns until all have a message that was sent
// after the last was back, so that all replays are over; and until all have 500 messages more.
// Both are shown beside those without catch-up. Clients with catch-up also get what they missed.
//
// Rooms without and with catch-up take turns, in an order in which a machine that becomes slower
// or faster meanwhile affects both alike. Each turn is logged.
func BenchmarkReturn(b *testing.B) {
	if b.N == 1 {
		return // The testing package tries each benchmark with one client first.
	}
	catchUp := map[string]string{"confab:catch-up": "1m"}
	var sums [2]returned // without and with
	for _, tags := range []map[string]string{nil, catchUp, catchUp, nil} {
		each := benchmarkReturn(b, tags)
		b.Logf("catch-up %t: %.0f and %.0f µs, %.0f frames; last back after %s, last replay after %s",
			tags != nil, each.back, each.all, each.frames, each.lastBack, each.lastReplay)
		sum := &sums[min(len(tags), 1)]
		sum.back, sum.all, sum.frames = sum.back+each.back/2, sum.all+each.all/2, sum.frames+each.frames/2
	}
	for i, name := range []string{"without", "catch-up"} {
		b.ReportMetric(sums[i].back, "cpu-µs/return-"+name)
		b.ReportMetric(sums[i].all, "cpu-µs/client-"+name)
		b.ReportMetric(sums[i].frames, "frames/client-"+name)
	}
	b.ReportMetric(sums[1].back/sums[0].back, "×return-without")
	b.ReportMetric(sums[1].all/sums[0].all, "×client-without")
	b.ReportMetric(0, "ns/op")
}

// returned is what one turn shows.
type returned struct {
	// The processor time of a client, in µs, until all are back and have what they missed, and
	// until all have the last message.
	back, all            float64
	frames               float64 // that a client got
	lastBack, lastReplay time.Duration
}

// guest is a client that is killed with its node and returns.
type guest struct {
	tokens [2]string
	room   int
	last   int // the number of the last message that it got
	frames int
}

// party is all guests and their rooms. The fleet and what guests got belong to the goroutine of
// the benchmark.
type party struct {
	b      *testing.B
	fleet  *load.Fleet
	guests []*guest
	rooms  []string
	// sent is the number of the last message of each room.
	sent []atomic.Int64
	lost error // of a client that must stay
	stay bool
}

// numberBehind is in front of the number of a message.
var numberBehind = []byte(`"Content":"`)

// Message implements load.Receiver.
func (p *party) Message(c *load.Client, payload []byte, _ time.Duration) {
	g := c.Value.(*guest)
	g.frames++
	if _, text, ok := bytes.Cut(payload, numberBehind); ok && len(text) > 8 {
		if n, err := strconv.Atoi(string(text[:8])); err == nil {
			g.last = n
		}
	}
}

// Closed implements load.Receiver.
func (p *party) Closed(_ *load.Client, cause error) {
	if p.stay && p.lost == nil {
		p.lost = cause
	}
}

// until lets the clients read until something is done.
func (p *party) until(what string, done func() bool) {
	p.b.Helper()
	for end := time.Now().Add(returnWithin); !done(); {
		if err := p.fleet.Poll(10 * time.Millisecond); err != nil {
			p.b.Fatal(err)
		}
		if p.lost != nil {
			p.b.Fatalf("a client was lost: %v", p.lost)
		}
		if time.Now().After(end) {
			p.b.Fatalf("%s took longer than %s; %d clients are connected", what, returnWithin, p.fleet.Open())
		}
	}
}

// read lets the clients read for a while.
func (p *party) read(d time.Duration) {
	end := time.Now().Add(d)
	p.until("reading", func() bool { return time.Now().After(end) })
}

// connect connects all guests with one of their tokens, in turn to each of the addresses.
func (p *party) connect(token int, to ...string) {
	p.b.Helper()
	addresses := make([]netip.AddrPort, len(to))
	for i, webSocket := range to {
		var err error
		if addresses[i], err = netip.ParseAddrPort(strings.TrimPrefix(webSocket, "ws://")); err != nil {
			p.b.Fatal(err)
		}
	}
	p.stay = true
	for i, g := range p.guests {
		p.until("a handshake", func() bool { return p.fleet.Opening() < returnOpening })
		h := load.Handshake{Room: g.room, Request: load.Request("/", g.tokens[token]), Value: g}
		if _, err := p.fleet.Dial(addresses[i%len(addresses)], h); err != nil {
			p.b.Fatal(err)
		}
	}
	p.until("the last handshake", func() bool { return p.fleet.Open() == len(p.guests) })
}

// all reports whether all guests have the message of their room with this number, or a later one.
func (p *party) all(number []int64) bool {
	for _, g := range p.guests {
		if int64(g.last) < number[g.room] {
			return false
		}
	}
	return true
}

// numbers returns the number of the last message of each room.
func (p *party) numbers() []int64 {
	all := make([]int64, len(p.sent))
	for i := range p.sent {
		all[i] = p.sent[i].Load()
	}
	return all
}

func benchmarkReturn(b *testing.B, tags map[string]string) (each returned) {
	c := cluster.Serve(b, cluster.Options{
		Nodes: 3, Database: pgtest.Shared(b).Database(b), Args: []string{"--log-level", "warn", "--max-connections-per-address", "0", "--max-connections", "0"},
	})
	nodes := c.Clients()
	p := &party{b: b, guests: make([]*guest, b.N), rooms: make([]string, (b.N+returnRoom-1)/returnRoom)}
	p.sent = make([]atomic.Int64, len(p.rooms))
	var err error
	if p.fleet, err = load.NewFleet(p); err != nil {
		b.Fatal(err)
	}
	defer p.fleet.Close()
	for i := range p.rooms {
		room, err := nodes[0].API.CreateRoom(b.Context(), &ivschat.CreateRoomInput{Tags: tags})
		if err != nil {
			b.Fatal(err)
		}
		p.rooms[i] = *room.Arn
	}
	parallel(b, func(i int) error {
		g := &guest{room: i % len(p.rooms)}
		p.guests[i] = g
		user := fmt.Sprint("guest", i)
		for k := range g.tokens {
			out, err := nodes[i%2].API.CreateChatToken(b.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: &p.rooms[g.room], UserId: &user})
			if err != nil {
				return err
			}
			g.tokens[k] = *out.Token
		}
		return nil
	})
	p.connect(0, nodes[2].WebSocket)
	sending, quiet := context.WithCancel(b.Context())
	defer quiet()
	var senders sync.WaitGroup
	for i := range p.rooms {
		senders.Go(func() { p.send(sending, c.Nodes[0].Server().Endpoint, i) })
	}
	p.read(returnBefore) // By then the other nodes know where the clients are.
	p.stay = false
	if err := c.Nodes[2].Kill(); err != nil {
		b.Fatal(err)
	}
	p.read(returnAway)
	p.until("the end of all connections", func() bool { return p.fleet.Open() == 0 })
	for _, g := range p.guests {
		g.frames = 0
	}
	before := c.CPU(b)
	begin := time.Now()
	p.connect(1, nodes[0].WebSocket, nodes[1].WebSocket)
	each.lastBack = time.Since(begin)
	since := p.numbers()
	for i := range since {
		since[i]++
	}
	p.until("the replays", func() bool { return p.all(since) })
	each.lastReplay = time.Since(begin)
	each.back = float64((c.CPU(b) - before).Microseconds()) / float64(b.N)
	for i := range since {
		since[i] += returnMore
	}
	p.until("the last message", func() bool { return p.all(since) })
	each.all = float64((c.CPU(b) - before).Microseconds()) / float64(b.N)
	quiet()
	senders.Wait()
	for _, g := range p.guests {
		each.frames += float64(g.frames) / float64(b.N)
	}
	for _, n := range c.Nodes[:2] {
		if err := n.Kill(); err != nil { // The next turn has the machine for itself.
			b.Fatal(err)
		}
	}
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

// send sends the messages of a room at their pace, until the context ends. Each begins with its
// number. While the room has no home, as after a kill, they wait.
func (p *party) send(ctx context.Context, endpoint string, room int) {
	pace := time.NewTicker(time.Second / returnRate)
	defer pace.Stop()
	for i := 1; ctx.Err() == nil; i++ {
		<-pace.C
		in := map[string]string{"roomIdentifier": p.rooms[room], "userId": "bot", "content": fmt.Sprintf("%08d%s", i, strings.Repeat("x", 100))}
		for deadline := time.Now().Add(30 * time.Second); ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			err := process.Extension(ctx, endpoint, "SendMessage", in, &struct{}{})
			if err == nil {
				p.sent[room].Store(int64(i))
				break
			}
			if time.Now().After(deadline) {
				p.b.Error(err)
				return
			}
		}
	}
}
