//go:build linux

// Command soak runs Confab under mixed load for a long time: thousands of connections in
// rooms of all sizes, joins, leaves, receivers that stop reading, disconnected users, and
// deployments behind a listener that stays open. Every five seconds it writes the memory,
// descriptors and other figures of the server to a CSV file. At the end it draws them as an
// SVG. It fails if memory or descriptors grow. With -tls, all connections and API calls use
// TLS, because the server has one port for them, with TLS or without.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"confab/bench/load"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run() error {
	duration := flag.Duration("for", 30*time.Minute, "how long")
	connections := flag.Int("connections", 10_000, "how many connections there are")
	dir := flag.String("out", "bin/bench", "`directory` for soak.csv and soak.svg")
	secure := flag.Bool("tls", false, "whether the connections are encrypted")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what happens when")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	fmt.Printf("%s; commit %s; seed %d; TLS: %t\n", load.Machine(), load.Commit(), *seed, *secure)
	s := &soak{
		secure: *secure, duration: *duration, connections: *connections, deployEvery: *duration / 3,
		rand: rand.New(rand.NewPCG(*seed, 0)), //nolint:gosec // It chooses who leaves.
	}
	err := s.run(ctx)
	if e := s.samples.write(filepath.Join(*dir, "soak.csv")); err == nil {
		err = e
	}
	if e := s.samples.draw(filepath.Join(*dir, "soak.svg")); err == nil {
		err = e
	}
	s.report()
	return errors.Join(err, s.verdict())
}

// soak is one run.
type soak struct {
	secure      bool
	duration    time.Duration
	connections int
	deployEvery time.Duration
	rand        *rand.Rand

	fleet   *load.Fleet
	node    *node
	rooms   []*room
	wanted  chan ticket // tokens to come
	tickets chan ticket // tokens to connect with
	asked   int         // tickets that are under way
	samples samples
	stalled []stall
	fault   error

	// What happened, for the report.
	messages, deliveries, joins, leaves, kicks, kicked, stalls, dropped, drained, deploys, refused int
}

// room is a room with the clients in it.
type room struct {
	index   int
	arn     string
	size    int // how many it is to have
	asked   int // on their way into it
	members []*member
}

// member is one connection.
type member struct {
	client  *load.Client
	room    *room
	user    string
	index   int // in room.members; -1 before the handshake's end
	stalled bool
	leaving bool // a kick is under way
}

// stall is a member that does not read any more, and since when.
type stall struct {
	member *member
	since  time.Duration
}

// ticket is a token for a place in a room.
type ticket struct {
	room  *room
	user  string
	token string
	err   error
}

// sizes of rooms: one has half of everybody, most have a few.
func (s *soak) makeRooms(ctx context.Context) error {
	left := s.connections
	var sizes []int
	for size := left / 2; left > 0; size = max(size/3, 2) {
		for range max(s.connections/200/size, 1) {
			sizes = append(sizes, min(size, left))
			if left -= size; left <= 0 {
				break
			}
		}
	}
	arns, err := s.node.server.Rooms(ctx, len(sizes))
	for i, size := range sizes {
		s.rooms = append(s.rooms, &room{index: i, arn: arns[i], size: size})
	}
	fmt.Printf("%d rooms of %d to %d\n", len(sizes), sizes[len(sizes)-1], sizes[0])
	return err
}

// fetch makes tokens in the background: the fleet's thread must not wait.
func (s *soak) fetch(ctx context.Context) {
	for range 4 {
		go func() {
			for t := range s.wanted {
				t.token, t.err = s.node.token(ctx, t.room.arn, t.user)
				s.tickets <- t
			}
		}()
	}
}

const (
	sampleEvery = 5 * time.Second
	actEvery    = 10 * time.Millisecond
	// connectsAtOnce is how many handshakes are under way.
	connectsAtOnce = 64
)

func (s *soak) run(ctx context.Context) (err error) {
	if s.node, err = startNode(ctx, s.secure); err != nil {
		return err
	}
	defer func() {
		if e := s.node.close(); err == nil {
			err = e
		}
	}()
	if err := s.makeRooms(ctx); err != nil {
		return err
	}
	if s.fleet, err = load.NewFleet(s); err != nil {
		return err
	}
	defer s.fleet.Close()
	s.wanted, s.tickets = make(chan ticket, s.connections), make(chan ticket, s.connections)
	s.fetch(ctx)
	defer close(s.wanted)
	var sampleAt, actAt time.Duration
	deployAt := s.deployEvery
	for now := s.fleet.Now(); now < s.duration && ctx.Err() == nil; now = s.fleet.Now() {
		s.fill()
		if now >= actAt {
			actAt = now + actEvery
			s.act()
		}
		if now >= sampleAt {
			sampleAt = now + sampleEvery
			s.bury(now)
			if err := s.sample(ctx, now); err != nil {
				return err
			}
		}
		if now >= deployAt && !s.node.replacing() {
			deployAt = now + s.deployEvery
			s.deploys++
			s.node.replace(ctx)
		}
		if err := errors.Join(s.fleet.Poll(5*time.Millisecond), s.node.failed(), s.fault); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fill sees to it that every room gets as many members as it is to have.
func (s *soak) fill() {
	for _, r := range s.rooms {
		for len(r.members)+r.asked < r.size && s.asked < 4*connectsAtOnce {
			r.asked++
			s.asked++
			s.wanted <- ticket{room: r, user: fmt.Sprintf("user%08d", s.joins+s.asked)}
		}
	}
	for s.fleet.Opening() < connectsAtOnce {
		select {
		case t := <-s.tickets:
			s.connect(t)
		default:
			return
		}
	}
}

// connect uses a ticket.
func (s *soak) connect(t ticket) {
	s.asked--
	if t.err != nil {
		// A node that stops refuses calls; the room is short of one until later.
		s.refused++
		t.room.asked--
		return
	}
	m := &member{room: t.room, user: t.user, index: -1}
	to, err := netip.ParseAddrPort(s.node.address)
	if err == nil {
		m.client, err = s.fleet.Dial(to, load.Handshake{
			Room: t.room.index, Request: load.Request("/", t.token), TLS: s.node.tls(),
			ReceiveBuffer: receiveBuffer, Value: m, Connected: s.joined,
		})
	}
	if err != nil {
		s.fail(err)
		return
	}
	s.joins++
}

// A client that does not read sees neither what it is sent nor that it was cut
// off. After this time it leaves.
const stallFor = 30 * time.Second

func (s *soak) bury(now time.Duration) {
	for len(s.stalled) > 0 && s.stalled[0].since < now-stallFor {
		m := s.stalled[0].member
		s.stalled = s.stalled[1:]
		if !m.client.Ended() {
			s.leave(m)
			s.fleet.Drop(m.client)
		}
	}
}

// receiveBuffer makes stalled clients felt before long.
const receiveBuffer = 32 << 10

func (s *soak) joined(c *load.Client) {
	m := c.Value.(*member) //nolint:forcetypeassert // connect made it.
	m.room.asked--
	m.index = len(m.room.members)
	m.room.members = append(m.room.members, m)
}

// leave takes a member out of its room.
func (s *soak) leave(m *member) {
	if m.index < 0 {
		m.room.asked--
		return
	}
	r := m.room
	last := len(r.members) - 1
	r.members[m.index] = r.members[last]
	r.members[m.index].index = m.index
	r.members[last] = nil
	r.members = r.members[:last]
}

// act lets something happen: about a hundred messages a second over all rooms,
// ten that leave, two that stop reading, one that is kicked.
func (s *soak) act() {
	r := s.rooms[s.rand.IntN(len(s.rooms))]
	if s.rand.IntN(4) == 0 {
		r = s.rooms[s.rand.IntN(min(4, len(s.rooms)))]
	}
	if len(r.members) == 0 {
		return
	}
	m := r.members[s.rand.IntN(len(r.members))]
	switch dice := s.rand.IntN(100); {
	case m.stalled || m.leaving:
	case dice < 10:
		s.leaves++
		s.leave(m)
		s.fleet.Drop(m.client)
	case dice < 12 && len(r.members) > 100:
		s.stalls++
		m.stalled = true
		s.stalled = append(s.stalled, stall{m, s.fleet.Now()})
		s.fail(s.fleet.Stall(m.client, true))
	case dice < 13:
		s.kicks++
		victim := r.members[s.rand.IntN(len(r.members))]
		victim.leaving = true
		s.ask(m, `{"Action":"DISCONNECT_USER","UserId":"`+victim.user+`"}`)
	default:
		s.messages++
		s.ask(m, `{"Action":"SEND_MESSAGE","Content":"`+string(load.AppendMark(nil, s.messages))+strings.Repeat("x", 100)+`"}`)
	}
}

// ask sends a request. That the connection has just ended is no fault: its end
// is about to be read.
func (s *soak) ask(m *member, request string) {
	s.fleet.Send(m.client, load.AppendFrame(nil, 1, []byte(request))) //nolint:errcheck // See above.
}

// Message counts what clients receive. That it is whole and in order is what
// bench-delivery looks at.
func (s *soak) Message(_ *load.Client, payload []byte, _ time.Duration) {
	number, _, err := load.NextMark(payload)
	if err != nil {
		s.fail(err)
	}
	if number < 0 {
		return // An event, or an ERROR that ends the session.
	}
	s.deliveries++
}

// Closed takes the end of a connection that the server has ended.
func (s *soak) Closed(c *load.Client, cause error) {
	m := c.Value.(*member) //nolint:forcetypeassert // connect made it.
	s.leave(m)
	closed, isClose := errors.AsType[*load.CloseError](cause)
	switch {
	case m.leaving && isClose && closed.Code == 1000:
		s.kicked++
	case m.stalled:
		s.dropped++
	case s.node.replacing():
		s.drained++
	case isClose:
		s.fail(fmt.Errorf("a client in its right mind got %w", closed))
	default:
		s.fail(fmt.Errorf("a client was cut off: %w", cause))
	}
}

func (s *soak) fail(err error) {
	if s.fault == nil {
		s.fault = err
	}
}

func (s *soak) report() {
	fmt.Printf("%d joins, %d leaves, %d messages, %d deliveries, %d kicks (%d carried out), %d stalled (%d dropped), %d deploys (%d connections moved), %d tokens refused meanwhile\n",
		s.joins, s.leaves, s.messages, s.deliveries, s.kicks, s.kicked, s.stalls, s.dropped, s.deploys, s.drained, s.refused)
	if used, err := load.CPU(os.Getpid()); err == nil && s.fleet != nil {
		fmt.Printf("the generator needed %.2f of a core\n", used.Seconds()/s.fleet.Now().Seconds())
	}
}
