package chatlog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// slowAfter is how many calls in a row fail until a destination counts as down. It
	// then gets one call after each pause.
	slowAfter = 3
	// complainEvery is how often a failing destination is logged.
	complainEvery = time.Minute
)

// worker delivers to one reader, in passes (pass.go), and counts the calls that fail.
type worker struct {
	s      *Service
	reader Reader
	out    destination
	limits limits
	wake   chan struct{} // 1 buffered
	// ctx ends with the service, and when this server loses the reader.
	ctx  context.Context
	stop context.CancelFunc
	// claim calls stop when the claim expires.
	claim *time.Timer
	// turn calls wakeUp.
	turn *time.Timer
	// substituteUntil is until when the worker may deliver to a reader assigned to another
	// server.
	substituteUntil time.Time
	// leaving is closed when the worker must finish the calls under way and end; ended
	// is closed when run has returned.
	leaving, ended chan struct{}
	// flushes carries the requests of team.flush. Each channel is closed when the
	// worker has delivered what it can.
	flushes chan chan struct{}
	// settles carries the requests of team.settle. Each channel is closed between two
	// passes.
	settles chan chan struct{}

	mu sync.Mutex // guards the fields below
	// resting are the rooms whose last call failed.
	resting map[string]*rest
	// failures counts failed calls since the last success.
	failures   int
	retryAt    time.Time // of the whole destination, once it is slow
	failing    bool      // it was logged
	complained time.Time
}

// rest is a room that backs off after a failure.
type rest struct {
	failures int
	until    time.Time
	settled  map[int64]bool // see parcel
}

func newWorker(s *Service, r Reader) *worker {
	w := &worker{
		s: s, reader: r, out: s.newDestination(r), wake: make(chan struct{}, 1), resting: map[string]*rest{},
		leaving: make(chan struct{}), ended: make(chan struct{}), flushes: make(chan chan struct{}),
		settles: make(chan chan struct{}),
	}
	w.limits = w.out.limits()
	w.ctx, w.stop = context.WithCancel(s.ctx)
	w.claim = time.AfterFunc(time.Hour, w.stop)
	w.turn = time.AfterFunc(time.Hour, w.wakeUp)
	return w
}

// hold lets the worker continue until the claim expires.
func (w *worker) hold(until time.Time) { w.claim.Reset(time.Until(until)) }

// turnBits is the binary logarithm of the number of moments in an interval at which workers
// begin. Workers that all began at once would keep the processors from live traffic until all
// are done. With a moment for each, they would not share commits.
const turnBits = 3

// wakeInTurn makes the worker look for work once within an interval, at its reader's moment.
func (w *worker) wakeInTurn(within time.Duration) {
	// Multiples of the golden ratio spread evenly, whatever ids the readers have.
	const golden = 0x9e3779b97f4a7c15
	turn := uint64(w.reader.ID) * golden >> (64 - turnBits)
	w.turn.Reset(within * time.Duration(turn) >> turnBits)
}

// wakeUp makes the worker look for work.
func (w *worker) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// leave makes the worker end gracefully, once no call is under way. It is called only
// by dispatch.
func (w *worker) leave() {
	if !w.isLeaving() {
		close(w.leaving)
	}
}

func (w *worker) isLeaving() bool {
	select {
	case <-w.leaving:
		return true
	default:
		return false
	}
}

// left reports whether the worker ended because leave was called.
func (w *worker) left() bool {
	select {
	case <-w.ended:
		return w.isLeaving()
	default:
		return false
	}
}

// run delivers until the service stops, the reader is lost, or leave is called. While
// the service closes, it ends once everything possible is delivered.
func (w *worker) run() {
	defer close(w.ended)
	defer w.claim.Stop()
	defer w.turn.Stop()
	for {
		var flushed chan struct{}
		select {
		case <-w.wake:
		case <-w.s.flush:
		case flushed = <-w.flushes:
		case settled := <-w.settles:
			close(settled)
			continue
		case <-w.leaving:
			return
		case <-w.ctx.Done():
			return
		}
		for w.ctx.Err() == nil && !w.isLeaving() {
			flushing := w.s.flushing()
			again := w.pass(flushing)
			select {
			case settled := <-w.settles:
				close(settled)
			default:
			}
			if again {
				continue
			}
			if flushing {
				return
			}
			break
		}
		if flushed != nil {
			close(flushed)
		}
	}
}

// settle returns when no call is under way that has read the transcript before settle was
// called.
func (w *worker) settle() {
	settled := make(chan struct{})
	select {
	case w.settles <- settled:
		<-settled
	case <-w.ended:
	}
}

// flush delivers what the reader is owed from before Service.early, as far as the
// destination accepts it.
func (w *worker) flush() {
	flushed := make(chan struct{})
	select {
	case w.flushes <- flushed:
	case <-w.ended:
		return
	}
	select {
	case <-flushed:
	case <-w.ended:
	}
}

// rest makes the room back off.
func (w *worker) rest(p *parcel) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.resting[p.backlog.RoomID]
	if r == nil {
		r = &rest{}
		w.resting[p.backlog.RoomID] = r
	}
	r.failures++
	r.settled = p.settled
	r.until = w.s.o.Now().Add(pause(r.failures))
}

// outcome counts and logs the result of a call. If some of its rooms advanced, the
// destination works.
func (w *worker) outcome(err error, advanced bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.s.o.Now()
	if advanced {
		w.failures = 0
	}
	if w.s.o.Deliver != nil {
		if err != nil && !advanced {
			w.failures++
			w.retryAt = now.Add(pause(w.failures))
		}
		return
	}
	if err == nil {
		if w.failing {
			w.failing = false
			w.log(slog.LevelInfo, "Chat is logged again")
		}
		return
	}
	count(w.s.o.Metrics, w.reader.Configuration, err)
	if !advanced {
		w.failures++
		w.retryAt = now.Add(pause(w.failures))
	}
	if !w.failing || now.Sub(w.complained) >= complainEvery {
		w.failing, w.complained = true, now
		w.log(slog.LevelWarn, "Chat could not be logged; it is tried again", slog.Any("error", err))
	}
}

// storeFailed logs that reading the transcript or storing a position failed. The next
// wake-up retries it.
func (w *worker) storeFailed(err error) {
	if w.ctx.Err() == nil {
		w.log(slog.LevelError, "The transcript is not available for logging", slog.Any("error", err))
	}
}

// log writes a line about this reader.
func (w *worker) log(level slog.Level, message string, attrs ...slog.Attr) {
	w.s.o.Log.LogAttrs(w.ctx, level, message, append(attrs, //nolint:sloglint // All messages are literals of the callers.
		slog.String("logging_configuration", w.reader.Configuration.String()),
		slog.String("destination_type", string(w.reader.Destination.Type)), slog.String("destination", w.reader.Destination.Name))...)
}
