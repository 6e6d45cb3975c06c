//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"confab/bench/load"
)

// scenario is one kind of load.
type scenario struct {
	name, title    string
	rooms, members int
	// rate is the messages a second in each room; 0 sends the next one when
	// one has reached everybody.
	rate int
	// flight is how many messages are under way when rate is 0. If messages is set, they are
	// few enough in each room for SEND_MESSAGE; see confabProtocol.
	flight   int
	messages bool
	// ours is set if peers take no part: to them it is the same as another scenario.
	ours bool
	// gathered lets servers of ours choose how long they gather frames; without
	// it they write what there is at once.
	gathered bool
	// idle sends nothing and measures memory.
	idle bool
	// drowns allows peers to fail: what they reach is measured.
	drowns bool
	// isPoint was asked for with -points.
	isPoint bool
	// long ones are for others only when there is time.
	long bool
	// disturb is what runs beside it; nil is nothing.
	disturb *disturbance
	// warm is how long it runs before it is measured, and measure how long it is.
	warm, measure time.Duration
}

// result is what a server needed.
type result struct {
	err        error
	delivery   float64 // CPU µs per delivery
	perSecond  float64 // deliveries
	share      float64 // of the core
	p50, p99   time.Duration
	p999       time.Duration
	frame      int     // bytes of a delivered message, with its frame
	idle       float64 // KiB resident per connection
	connect    float64 // CPU µs per connect
	connectsPS float64 // connects a second
	busy       float64 // share of the generator's core
}

// run is one scenario against one server.
type run struct {
	scenario *scenario
	server   *running
	fleet    *load.Fleet
	ledger   *load.Ledger
	members  [][]*load.Client // by room
	next     []int            // by room: who sends
	room     int              // next to be sent to
	fault    error
	result   result
	profile  string // file for a CPU profile
	refill   bool   // a message that has arrived is followed by another
}

// measure starts a server, runs a scenario against it and ends it.
// With a directory for profiles, one is written of what is measured.
func measure(ctx context.Context, t *target, s *scenario, profiles string) (res result) {
	server, err := t.start(ctx, s)
	if err != nil {
		return result{err: err}
	}
	r := &run{scenario: s, server: server}
	if profiles != "" && server.profile != nil {
		r.profile = filepath.Join(profiles, s.name+".pprof")
	}
	defer func() {
		if err := server.stop(); err != nil && res.err == nil {
			res.err = err
		}
	}()
	if r.fleet, err = load.NewFleet(r); err != nil {
		return result{err: err}
	}
	defer r.fleet.Close()
	if err := r.all(); err != nil {
		r.result.err = err
	}
	return r.result
}

func (r *run) all() error {
	if err := r.connect(); err != nil {
		return err
	}
	if r.scenario.idle {
		return nil
	}
	return r.deliver()
}

// Limits of connecting. A storm is as wide as the backlog of the servers allows.
const (
	connectsAtOnce = 128
	connectWithin  = 60 * time.Second
)

// connect connects everybody and measures what that and the connections cost.
func (r *run) connect() error {
	s := r.scenario
	r.ledger = load.NewLedger(s.rooms)
	r.members = make([][]*load.Client, s.rooms)
	r.next = make([]int, s.rooms)
	rss, err := load.RSS(r.server.pid)
	if err != nil {
		return err
	}
	before, err := load.CPU(r.server.pid)
	if err != nil {
		return err
	}
	if s.idle && r.profile != "" {
		go r.server.profile(s.measure, r.profile) //nolint:errcheck // There is no file then.
	}
	total, begin := s.rooms*s.members, r.fleet.Now()
	for i := 0; i < total || r.fleet.Opening() > 0; {
		for ; i < total && r.fleet.Opening() < connectsAtOnce; i++ {
			room := i / s.members
			c, err := r.fleet.Dial(r.server.address, r.server.protocol.handshake(i, room))
			if err != nil {
				return err
			}
			r.members[room] = append(r.members[room], c)
			r.ledger.Join(room)
		}
		if err := r.poll(10 * time.Millisecond); err != nil {
			return err
		}
		if r.fleet.Now()-begin > connectWithin {
			return fmt.Errorf("%d of %d clients connected within %s", r.fleet.Open(), total, connectWithin)
		}
	}
	took := r.fleet.Now() - begin
	after, err := load.CPU(r.server.pid)
	if err != nil {
		return err
	}
	r.result.connect = float64((after - before).Microseconds()) / float64(total)
	r.result.connectsPS = float64(total) / took.Seconds()
	// Some servers let a client in a moment after they have told it so.
	settle := 200*time.Millisecond + time.Duration(total)*50*time.Microsecond
	if s.idle {
		settle = s.measure
	}
	if err := r.until(settle, func() bool { return false }); err != nil {
		return err
	}
	grown, err := load.RSS(r.server.pid)
	r.result.idle = float64(grown-rss) / 1024 / float64(total)
	return err
}

// drainWithin is how long messages may be under way when nothing is sent any more,
// and drownedWithin where servers may drown, and then do not come to an end.
const (
	drainWithin   = 15 * time.Second
	drownedWithin = 5 * time.Second
)

// deliver sends and measures.
func (r *run) deliver() (err error) {
	s := r.scenario
	if s.disturb != nil {
		end := s.disturb.begin(r.server.admin)
		defer func() { err = errors.Join(err, end()) }()
	}
	var send func() error
	if s.rate > 0 {
		send = r.paced()
	} else {
		r.ledger.Done = func(int) {
			if r.refill {
				r.fail(r.send())
			}
		}
		r.refill = true
		for range s.flight {
			if err := r.send(); err != nil {
				return err
			}
		}
		send = func() error { return r.poll(time.Second) }
	}
	if err := r.sendFor(s.warm, send); err != nil {
		return err
	}
	before, err := load.CPU(r.server.pid)
	if err != nil {
		return err
	}
	own, err := load.CPU(0)
	if err != nil {
		return err
	}
	if r.profile != "" {
		// It ends before the server does: what is in flight is waited for.
		go r.server.profile(s.measure, r.profile) //nolint:errcheck // There is no file then.
	}
	r.ledger.Latency.Reset()
	begin, deliveries := r.fleet.Now(), r.ledger.Deliveries
	if err := r.sendFor(s.measure, send); err != nil {
		return err
	}
	took := (r.fleet.Now() - begin).Seconds()
	after, err := load.CPU(r.server.pid)
	if err != nil {
		return err
	}
	ownAfter, err := load.CPU(0)
	if err != nil {
		return err
	}
	n := float64(r.ledger.Deliveries - deliveries)
	r.result.delivery = (after - before).Seconds() * 1e6 / n
	r.result.perSecond = n / took
	r.result.share = (after - before).Seconds() / took
	r.result.busy = (ownAfter - own).Seconds() / took
	r.result.p50, r.result.p99 = r.ledger.Latency.Quantile(0.50), r.ledger.Latency.Quantile(0.99)
	r.result.p999 = r.ledger.Latency.Quantile(0.999)
	r.refill = false
	within := drainWithin
	if s.drowns {
		within = drownedWithin
	}
	if err := r.until(within, func() bool { return r.ledger.Open() == 0 }); err != nil {
		return err
	}
	if lost := r.ledger.Lost(); lost > 0 {
		return fmt.Errorf("%d deliveries are missing", lost)
	}
	return nil
}

// sendFor calls send, which polls, for so long.
func (r *run) sendFor(d time.Duration, send func() error) error {
	for end := r.fleet.Now() + d; r.fleet.Now() < end; {
		if err := send(); err != nil {
			return err
		}
	}
	return nil
}

// paced returns what sends a message to every room when its time has come, and
// polls until the next.
func (r *run) paced() func() error {
	interval := time.Second / time.Duration(r.scenario.rate*r.scenario.rooms)
	due := r.fleet.Now()
	return func() error {
		for ; due <= r.fleet.Now(); due += interval {
			if err := r.send(); err != nil {
				return err
			}
		}
		return r.poll(due - r.fleet.Now())
	}
}

// send sends one message to the next room.
func (r *run) send() error {
	room := r.room
	r.room = (r.room + 1) % r.scenario.rooms
	members := r.members[room]
	from := members[r.next[room]]
	if r.server.protocol.everybodySends() {
		r.next[room] = (r.next[room] + 1) % len(members)
	}
	number := r.ledger.Sent(room, r.fleet.Now())
	return r.fleet.Send(from, r.server.protocol.message(room, number))
}

func (r *run) poll(wait time.Duration) error {
	if err := r.fleet.Poll(wait); err != nil {
		return err
	}
	return r.fault
}

// until polls until the condition holds, at most so long.
func (r *run) until(within time.Duration, holds func() bool) error {
	for end := r.fleet.Now() + within; !holds() && r.fleet.Now() < end; {
		if err := r.poll(10 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) fail(err error) {
	if r.fault == nil {
		r.fault = err
	}
}

// Message takes what a client has received: messages by their marks, and what
// servers say besides.
func (r *run) Message(c *load.Client, payload []byte, now time.Duration) {
	number, behind, err := load.NextMark(payload)
	if number < 0 && err == nil {
		r.other(c, payload)
		return
	}
	if len(payload)+4 > r.result.frame && r.result.frame == 0 {
		r.result.frame = len(payload) + 4
	}
	for ; number >= 0 && err == nil; number, behind, err = load.NextMark(behind) {
		if err := r.ledger.Received(c, number, now); err != nil {
			r.fail(err)
			return
		}
	}
	r.fail(err)
}

// other takes what is no message: keep-alives are answered, errors are faults.
func (r *run) other(c *load.Client, payload []byte) {
	switch {
	case bytes.HasPrefix(payload, []byte("PING")):
		r.fail(r.fleet.Send(c, load.AppendFrame(nil, 2, []byte("PONG\r\n"))))
	case string(payload) == "{}":
		r.fail(r.fleet.Send(c, load.AppendFrame(nil, 1, payload)))
	case bytes.Contains(payload, []byte("ERR")) || bytes.Contains(payload, []byte(`"error"`)):
		r.fail(fmt.Errorf("the server says %.200s", payload))
	}
}

// errEnded is about a client whom the server has left.
var errEnded = errors.New("a client was cut off")

// Closed takes the end of a client, which none of the scenarios has in it.
func (r *run) Closed(_ *load.Client, cause error) { r.fail(fmt.Errorf("%w: %w", errEnded, cause)) }
