package websocket

import (
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/rfc6455"
)

// loop is one event loop: a goroutine that owns its share of the connections.
type loop struct {
	server *Server
	start  time.Time // times of the loop are nanoseconds since then
	done   chan struct{}

	// What other goroutines ask for. mu guards the three fields behind it.
	mu      sync.Mutex
	calls   []func() // in order
	dirty   []*part  // parts of groups that have something to write
	stopped bool
	asleep  atomic.Bool  // the loop waits for its poller
	load    atomic.Int64 // connections

	// The rest belongs to the loop's goroutine.
	poller     poller
	now        int64
	tick       int64 // length of the wheel's ticks
	stopping   bool
	conns      []*Conn // by slot
	free       []int32 // slots
	started    uint32  // connections so far
	wheel      wheel
	touched    []*Conn // to be flushed in this round
	doomed     []doomed
	flushing   []*part // to be written in this round
	large      []*part // being written, over several rounds
	late       []*part // have become dirty while they were
	waiting    waitingParts
	deliveries meter
	owed       int // bytes that connections are owed
	published  int // the same, as Options.PendingBytes knows it

	// Memory that is used again and again.
	input       []byte
	parser      rfc6455.Parser
	queues      []*queue
	pieces      [][]byte
	piecesOfOne [][]byte
	written     [writesPerYield]written
	callsBefore []func()
	dirtyBefore []*part
}

// poller is what a loop needs of the system: it waits for something to happen,
// and writes to those connections that have a socket of their own.
type poller interface {
	// wait handles what has happened to the loop's connections. If sleep is
	// allowed and nothing has happened it waits until something does, wake is
	// called, or the time until has come; 0 is never.
	wait(l *loop, sleep bool, until int64)
	// wake ends a wait. It is called by any goroutine.
	wake()
	// writeAll writes the same to every member that is not slow, as far as its
	// socket takes it, and puts into results, at the member's index, what has become
	// of that. There are at most writesPerYield members.
	writeAll(members []member, pieces [][]byte, results []written)
	close()
}

// written is what has become of a write: so many bytes of it, which are 0 when
// the socket was full, or an error. A transport that is full, though it has taken
// all of them, takes nothing more.
type written struct {
	n    int
	full bool
	err  error
}

// inputSize is how much is read from a connection in one round: more messages
// than one of the default size, and little enough that the others wait for less
// than a millisecond.
const inputSize = 32 << 10

func newLoop(s *Server, p poller) *loop {
	l := &loop{
		server: s,
		start:  time.Now(),
		done:   make(chan struct{}),
		poller: p,
		tick:   int64(100 * time.Millisecond),
		input:  make([]byte, inputSize),
	}
	if interval := int64(s.options.PingInterval); interval > 0 {
		l.tick = min(l.tick, max(interval/16, int64(time.Millisecond)))
	}
	l.tick = min(l.tick, max(int64(s.options.CloseTimeout)/4, int64(time.Millisecond)))
	return l
}

// time is how long the loop exists. It may be called by any goroutine.
func (l *loop) time() int64 { return int64(time.Since(l.start)) }

// when is the loop's time for t, 0 for the zero time. It may be called by any
// goroutine. A t without a monotonic reading is as far away as the wall clock
// says now: how that clock was set since the loop began does not matter.
func (l *loop) when(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(l.time()+int64(time.Until(t)), 1)
}

// post has the loop call f behind everything posted before; false means never,
// for the loop has stopped. It may be called by any goroutine.
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

// markDirty tells the loop that p has something to write. The caller holds the
// group's lock.
func (l *loop) markDirty(p *part) {
	l.mu.Lock()
	l.dirty = append(l.dirty, p)
	l.mu.Unlock()
	l.wake()
}

func (l *loop) wake() {
	if l.asleep.CompareAndSwap(true, false) {
		l.poller.wake()
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

// round does everything that needs no waiting. What groups are to write is
// decided before the calls are taken: a call that was made before something was
// delivered is then certain to be among them, and to be served first.
func (l *loop) round() {
	l.now = l.time()
	l.choose()
	l.call()
	l.wheel.advance(l.now/l.tick, l.look)
	for _, c := range l.touched {
		c.touched = false
		c.flush()
	}
	clear(l.touched)
	l.touched = l.touched[:0]
	l.write()
	l.reap()
	l.publish()
}

// choose captures what is written in this round.
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

// call makes the calls that others have posted.
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

// reap releases what has died in this round.
func (l *loop) reap() {
	for i := 0; i < len(l.doomed); i++ {
		l.doomed[i].conn.release(l.doomed[i].cause)
	}
	clear(l.doomed)
	l.doomed = l.doomed[:0]
}

// publish reports what connections are owed.
func (l *loop) publish() {
	delta := l.owed - l.published
	if delta == 0 {
		return
	}
	l.published = l.owed
	l.server.pending.Add(int64(delta))
	if f := l.server.options.PendingBytes; f != nil {
		f(delta)
	}
}

// idle tells whether nobody has asked for anything.
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
	// Whoever asks for something from here on wakes the loop.
	l.asleep.Store(true)
	if !l.idle() || len(l.touched) > 0 || len(l.large) > 0 || len(l.late) > 0 {
		l.asleep.Store(false)
		// A goroutine that one of our calls has started gets its turn.
		runtime.Gosched()
		l.poller.wait(l, false, 0)
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
	l.poller.wait(l, true, until)
	l.asleep.Store(false)
}

// add starts to serve a connection.
func (l *loop) add(c *Conn, a *Attachment, at cursor) {
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
	if interval := int64(l.server.options.PingInterval); interval > 0 {
		// Multiples of the golden ratio spread pings evenly over the interval,
		// however many connections came at once.
		l.started++
		c.check = l.now + int64(float64(l.started*0x9E3779B9)/(1<<32)*float64(interval))
	}
	c.schedule()
	c.owe(a.Response)
	if c.part != nil {
		c.part.join(c, at)
	}
	if err := c.transport.start(c); err != nil {
		c.lost(err)
		return
	}
	c.flush()
	if len(a.Buffered) > 0 && c.state == stateOpen {
		c.parse(a.Buffered)
	}
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
	l.poller.close()
	if left := l.owed; left != 0 {
		l.server.options.Log.Error("A WebSocket loop has lost count of pending bytes", slog.Int("bytes", left))
	}
}
