package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	"github.com/google/uuid"
)

// execHandler runs a Lambda runtime program on this machine: an unmodified function
// binary, which runs as it does in Lambda (runtime.go).
//
// One instance is kept warm. As in Lambda an instance handles one invocation at a time.
// When messages wait, more instances are started, up to the bound, and kept. The first
// is restarted whenever it ends, with a growing delay until its first answer. The
// others are restarted on demand.
type execHandler struct {
	program   []string
	name      string // of the function
	region    string
	instances int
	log       *slog.Logger
	times     execTimes

	ctx  context.Context // ends when the handler is closed
	stop context.CancelFunc
	work sync.WaitGroup

	// queue passes an invocation to an idle instance. It has no buffer, so no
	// invocation waits behind a busy instance.
	queue chan *invocation

	mu sync.Mutex // guards the fields below
	// ready instances have asked for work before; starting ones have not yet.
	ready, starting int
	busy            int       // invocations that instances work on
	waiting         int       // invocations that found no idle instance
	growAfter       time.Time // no additional instance before: the last failed to start
	// down is closed while no instance is ready or starting, and why is how the last
	// one ended.
	down chan struct{}
	why  error
}

// execTimes are the limits on an instance.
type execTimes struct {
	init  time.Duration // from the start to the first request for work
	busy  time.Duration // for one message, also after its caller timed out
	delay time.Duration // before an instance that never answered is started again; doubles
	limit time.Duration // of the delay
}

// Lambda's own limits are 10 s for the init phase and 3 s for an invocation, unless the
// function's configuration sets another.
var defaultTimes = execTimes{init: 10 * time.Second, busy: 3 * time.Second, delay: 250 * time.Millisecond, limit: 30 * time.Second}

// errClosed is the error of invocations when the server stops.
var errClosed = errors.New("the server is stopping")

func newExec(o Options, program []string, pattern string) *execHandler {
	return newExecTimes(o, program, pattern, defaultTimes)
}

func newExecTimes(o Options, program []string, pattern string, times execTimes) *execHandler {
	ctx, stop := context.WithCancel(context.Background())
	e := &execHandler{
		program: program, name: functionName(pattern, program[0]), region: o.Region, instances: o.Instances,
		log: o.Log.With(slog.String("rule", pattern)), times: times,
		ctx: ctx, stop: stop,
		queue: make(chan *invocation), down: make(chan struct{}),
	}
	e.starting = 1
	e.work.Go(e.keepOne)
	return e
}

// invocation is one message for an instance.
type invocation struct {
	id       string
	uri      string
	payload  []byte
	deadline time.Time
	done     chan outcome // buffered for its one outcome
}

type outcome struct {
	answer []byte
	err    error
}

func (e *execHandler) invoke(ctx context.Context, uri string, payload []byte) ([]byte, error) {
	inv := &invocation{id: newRequestID(), uri: uri, payload: payload, done: make(chan outcome, 1)}
	inv.deadline, _ = ctx.Deadline()
	select {
	case e.queue <- inv:
	default:
		if err := e.wait(ctx, inv); err != nil {
			return nil, err
		}
	}
	select {
	case o := <-inv.done:
		return o.answer, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// wait waits for an instance to take the invocation, and starts one more if that helps.
func (e *execHandler) wait(ctx context.Context, inv *invocation) error {
	e.mu.Lock()
	e.waiting++
	// An instance that is ready and not busy is about to ask for work.
	enough := e.waiting <= e.starting+e.ready-e.busy
	if !enough && e.ready > 0 && e.ready+e.starting < e.instances && time.Now().After(e.growAfter) && e.ctx.Err() == nil {
		e.starting++
		e.work.Go(e.additional)
	}
	down := e.down
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.waiting--
		e.mu.Unlock()
	}()
	select {
	case e.queue <- inv:
		return nil
	case <-down:
		e.mu.Lock()
		defer e.mu.Unlock()
		return fmt.Errorf("no instance of the program runs: %w", e.why)
	case <-e.ctx.Done():
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keepOne runs one instance after another until the handler is closed.
func (e *execHandler) keepOne() {
	var delay time.Duration
	for {
		end := e.runInstance()
		if e.ctx.Err() != nil {
			return
		}
		switch {
		case end.answered:
			delay = 0
		case delay == 0:
			delay = e.times.delay
		default:
			delay = min(2*delay, e.times.limit)
		}
		e.log.LogAttrs(e.ctx, slog.LevelWarn, "Message review handler ended; starting it again", slog.Any("error", end.why), slog.Duration("after", delay))
		e.ended(end, delay == 0)
		if delay > 0 {
			select {
			case <-time.After(delay):
			case <-e.ctx.Done():
				return
			}
			e.restarting()
		}
	}
}

// additional runs one more instance until it ends.
func (e *execHandler) additional() {
	end := e.runInstance()
	e.ended(end, false)
	if e.ctx.Err() == nil {
		e.log.LogAttrs(e.ctx, slog.LevelWarn, "Additional instance of a message review handler ended", slog.Any("error", end.why))
	}
}

// becameReady is called when an instance asks for work for the first time.
func (e *execHandler) becameReady() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starting--
	e.ready++
}

// works adds n, which may be negative, to the invocations that instances work on.
func (e *execHandler) works(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy += n
}

// ended records that an instance has ended, and whether it is restarted immediately.
func (e *execHandler) ended(end ending, again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if end.ready {
		e.ready--
	} else {
		e.starting--
	}
	if again {
		e.starting++
	}
	if !end.answered {
		e.growAfter = time.Now().Add(e.times.delay)
	}
	if e.ready+e.starting == 0 {
		e.why = end.why
		close(e.down)
	}
}

// restarting records that the first instance is restarted after a delay.
func (e *execHandler) restarting() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready+e.starting == 0 {
		e.down = make(chan struct{})
	}
	e.starting++
}

// check returns an error if the program does not exist.
func (e *execHandler) check(context.Context, string) error {
	if _, err := exec.LookPath(e.program[0]); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}

func (e *execHandler) close() {
	e.stop()
	e.work.Wait()
}

// newRequestID returns an invocation id as Lambda makes it: a version 4 UUID.
func newRequestID() string { return uuid.NewString() }
