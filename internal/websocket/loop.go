package websocket

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/rfc6455"
	"confab/internal/transport"
)

// loop is one event loop: a goroutine that owns its share of the connections.
type loop struct {
	server *Server
	start  time.Time // times of the loop are nanoseconds since start
	done   chan struct{}
	_      cacheLine

	// Requests of other goroutines. mu guards the three fields after it.
	mu      sync.Mutex
	calls   []func() // in order
	dirty   []*part  // parts of groups that have output to write
	stopped bool
	asleep  atomic.Bool  // the loop waits for its poller
	load    atomic.Int64 // number of connections
	_       cacheLine

	// The rest belongs to the loop's goroutine.
	poller     transport.Poller
	now        int64
	tick       int64 // length of the wheel's ticks
	stopping   bool
	conns      []*Conn // by slot
	free       []int32 // slots
	started    uint32  // connections added so far
	wheel      wheel
	pings      []*Conn            // to be pinged in this round
	pinged     []transport.Target // those of pings
	touched    []*Conn            // to be flushed in this round
	single     []*Conn            // those of touched that are written together
	failed     []failure
	flushing   []*part // to be written in this round
	large      []*part // being written, over several rounds
	late       []*part // became dirty while they were in large
	waiting    waitingParts
	deliveries meter
	owed       int // pending bytes of all connections
	published  int // the value last reported to Options.PendingBytes

	// Memory that is reused.
	parser        rfc6455.Parser
	queues        []*queue
	pieces        [][]byte
	piecesOfOne   [][]byte
	singleTargets []transport.Target // those of single
	singlePieces  [][]byte           // what is written to each of single
	written       [writesPerYield]transport.Result
	callsBefore   []func()
	dirtyBefore   []*part
}

// cacheLine keeps fields that other goroutines write away from those that a loop uses for each
// delivery: a processor waits for a line that another one has written. For the same reason, the
// sizes of part, Group and chunk are multiples of a line. See TestCacheLines.
type cacheLine [64]byte

func newLoop(s *Server) *loop {
	l := &loop{
		server: s,
		start:  time.Now(),
		done:   make(chan struct{}),
		tick:   int64(100 * time.Millisecond),
	}
	if interval := int64(s.options.PingInterval); interval > 0 {
		l.tick = min(l.tick, max(interval/16, int64(time.Millisecond)))
	}
	l.tick = min(l.tick, max(int64(s.options.CloseTimeout)/4, int64(time.Millisecond)))
	return l
}

// time returns the time since start. It may be called by any goroutine.
func (l *loop) time() int64 { return int64(time.Since(l.start)) }

// when returns the loop's time for t, 0 for the zero time. It may be called by any
// goroutine. A t without a monotonic reading is compared with the wall clock of
// now, so changes of that clock since the loop's start do not matter.
func (l *loop) when(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(l.time()+int64(time.Until(t)), 1)
}

// post queues f to be called on the loop, after everything posted before. It
// returns false, and f is not called, if the loop has stopped. It may be called by
// any goroutine.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return false
	}
	l.calls = append(l.calls, f)
	l.mu.Unlock()
	l.wake()
	return true
}

// markDirty notifies the loop that p has output to write. The caller holds the
// group's lock.
func (l *loop) markDirty(p *part) {
	l.mu.Lock()
	l.dirty = append(l.dirty, p)
	l.mu.Unlock()
	l.wake()
}

func (l *loop) wake() {
	if l.asleep.CompareAndSwap(true, false) {
		l.poller.Wake()
	}
}

// run is the loop's goroutine.
func (l *loop) run() {
	defer close(l.done)
	for !l.stopping {
		l.round()
		l.wait()
	}
	l.shutdown()
}

// round does everything that does not block. It decides what groups write before
// it takes the calls: a call that was made before a delivery is then among the
// calls, and is handled before that delivery is written.
func (l *loop) round() {
	l.now = l.time()
	l.choose()
	l.call()
	l.wheel.advance(l.now/l.tick, l.look)
	l.writePings()
	l.flushTouched()
	l.write()
	l.reap()
	l.publish()
}

// choose decides what is written in this round.
func (l *loop) choose() {
	l.mu.Lock()
	dirty := l.dirty
	l.dirty = l.dirtyBefore
	l.mu.Unlock()
	for _, p := range dirty {
		p.schedule()
	}
	clear(dirty)
	l.dirtyBefore = dirty[:0]
	for _, p := range l.late {
		p.schedule()
	}
	clear(l.late)
	l.late = l.late[:0]
	for p := l.waiting.pop(l.now); p != nil; p = l.waiting.pop(l.now) {
		l.flushing = append(l.flushing, p)
	}
	for _, p := range l.flushing {
		p.capture()
	}
}

// call makes the posted calls.
func (l *loop) call() {
	l.mu.Lock()
	calls := l.calls
	l.calls = l.callsBefore
	l.mu.Unlock()
	for _, f := range calls {
		f()
	}
	clear(calls)
	l.callsBefore = calls[:0]
}

// reap releases the connections that ended in this round.
func (l *loop) reap() {
	for i := 0; i < len(l.failed); i++ {
		l.failed[i].conn.release(l.failed[i].cause)
	}
	clear(l.failed)
	l.failed = l.failed[:0]
}

// publish reports the change of the pending bytes.
func (l *loop) publish() {
	delta := l.owed - l.published
	if delta == 0 {
		return
	}
	l.published = l.owed
	if f := l.server.options.PendingBytes; f != nil {
		f(delta)
	}
}

// idle reports whether there are no requests of other goroutines.
func (l *loop) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls) == 0 && len(l.dirty) == 0
}

// wait lets the poller handle events, and sleeps if there is nothing else to do.
func (l *loop) wait() {
	if l.stopping {
		return
	}
	// Requests made from here on wake the loop.
	l.asleep.Store(true)
	if !l.idle() || len(l.touched) > 0 || len(l.large) > 0 || len(l.late) > 0 {
		l.asleep.Store(false)
		// Goroutines that the calls have started can run now.
		runtime.Gosched()
		l.poller.Wait(false, time.Time{})
		return
	}
	var until int64
	if tick := l.wheel.next(); tick != 0 {
		until = tick * l.tick
	}
	if len(l.waiting) > 0 {
		if due := l.waiting[0].due; until == 0 || due < until {
			until = due
		}
	}
	var at time.Time
	if until != 0 {
		at = l.start.Add(time.Duration(until))
	}
	l.poller.Wait(true, at)
}

// add starts serving a connection.
func (l *loop) add(c *Conn, a *Attachment, at cursor, first First) {
	if n := len(l.free); n > 0 {
		c.slot, l.free = l.free[n-1], l.free[:n-1]
		l.conns[c.slot] = c
	} else {
		c.slot = int32(len(l.conns))
		l.conns = append(l.conns, c)
	}
	c.state = stateOpen
	c.seen = l.now
	c.deadline = l.when(a.Deadline)
	if interval := c.pingInterval(); interval > 0 {
		c.check = l.now + l.spread(interval)
	}
	c.schedule()
	c.owe(a.Response)
	for _, frame := range first.Frames {
		c.owe(frame)
	}
	if first.Replay && len(first.Frames) > 0 {
		c.out.replay, c.out.patient = c.out.cost(), true
	}
	if c.part != nil {
		c.part.join(c, at)
	}
	if err := c.link.Start(c.slot); err != nil {
		c.lost(err)
		return
	}
	if len(a.Buffered) > 0 && c.state == stateOpen {
		c.parse(a.Buffered)
	}
}

// spread returns a time within the interval. Multiples of the golden ratio spread pings
// evenly over it, even if many connections arrive at once.
func (l *loop) spread(interval int64) int64 {
	l.started++
	return int64(float64(l.started*0x9E3779B9) / (1 << 32) * float64(interval))
}

// forget frees the connection's slot.
func (l *loop) forget(c *Conn) {
	l.conns[c.slot] = nil
	l.free = append(l.free, c.slot)
	l.load.Add(-1)
}

// shutdown ends all connections and the loop.
func (l *loop) shutdown() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.call()
	for _, c := range l.conns {
		if c != nil {
			c.lost(ErrServerClosed)
		}
	}
	l.reap()
	l.publish()
	l.poller.Close()
	if left := l.owed; left != 0 {
		l.server.options.Log.LogAttrs(context.Background(), slog.LevelError, "Pending bytes of a WebSocket loop miscounted", slog.Int("bytes", left))
	}
}
