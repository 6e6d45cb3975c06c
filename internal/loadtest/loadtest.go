// Package loadtest sends load to a room and counts the results: connections that stay
// open, messages at a rate, and the deliveries of each message to all connections.
//
// A message is due at a time that is fixed beforehand, and latencies count from that time.
// So a server that makes its clients wait does not hide it (coordinated omission).
package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"confab/internal/chatroom"
)

// Options say which load is sent to a room.
type Options struct {
	URL string
	// Client makes the handshakes; nil is http.DefaultClient.
	Client *http.Client
	// Token gets a chat token for a user.
	Token       func(ctx context.Context, user string) (chatroom.Token, error)
	Connections int
	ConnectRate float64 // new connections a second
	Rate        float64 // messages a second, over all connections; 0 sends none
	For         time.Duration
	Length      int // characters of a message
	// Progress is called once a second. It may be nil.
	Progress func(Progress)
}

const (
	// answerTime is how long a message waits for its answer.
	answerTime = 30 * time.Second
	// settleTime is how long the last answers and deliveries may take, and interruptTime how long
	// if the load was interrupted.
	settleTime    = 5 * time.Second
	interruptTime = time.Second
	// longestMessage is the most characters of a message of the service.
	longestMessage = 500
)

// Run sends load to the room and returns the report, also when ctx ends early. It returns
// an error if no connection was possible.
func Run(ctx context.Context, o Options) (*Report, error) {
	l := &load{o: o, run: uuid.NewString()[:8], due: int(o.Rate * o.For.Seconds()), refused: map[int]int{}}
	l.order = make([]atomic.Int64, l.due)
	l.sent = make([]sent, l.due)
	begin, busy := time.Now(), processorTime()

	living, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	watching := make(chan struct{})
	go func() { defer close(watching); l.watch(living) }()
	err := l.connect(ctx, living)
	if err == nil && ctx.Err() == nil {
		// What is under way at Ctrl-C is answered and delivered as usual.
		requests, stop := context.WithCancel(living)
		l.send(ctx, requests)
		l.settle(ctx)
		stop()
		l.requests.Wait() // so that each message that was due is in the report
	}
	report := l.report(time.Since(begin), processorTime()-busy)
	end()
	l.all.Wait()
	<-watching
	return report, err
}

// load is a room under load.
type load struct {
	o   Options
	run string // begins each message, so that others' are not counted
	due int    // messages

	all      sync.WaitGroup // connections
	requests sync.WaitGroup
	members  []*member
	start    time.Time      // when the first message is due
	order    []atomic.Int64 // by message: its place in the order of first deliveries
	places   atomic.Int64
	sent     []sent

	connected, disconnects, messages, deliveries, doubled, reordered atomic.Int64
	late                                                             atomic.Int64 // the longest that a message was sent after it was due
	latency, connects, answers                                       latencies

	mu       sync.Mutex // guards what follows
	refused  map[int]int
	unsent   int
	firstErr error
}

// sent is when a message was sent over a connection, and when it was answered. answered is zero
// if it was refused, or not answered.
type sent struct{ at, answered atomic.Int64 }

func (l *load) dueAt(n int) time.Time {
	return l.start.Add(time.Duration(float64(n) / l.o.Rate * float64(time.Second)))
}

// connect makes the connections at their pace, and waits until each is there or has failed.
func (l *load) connect(ctx, living context.Context) error {
	pace := rate.NewLimiter(rate.Limit(l.o.ConnectRate), 1)
	var attempts sync.WaitGroup
	for i := range l.o.Connections {
		if pace.Wait(ctx) != nil {
			break
		}
		m := &member{load: l, name: fmt.Sprintf("load-%s-%d", l.run, i), seen: make([]uint64, l.due/64+1)}
		l.members = append(l.members, m)
		attempts.Add(1)
		l.all.Go(func() { m.live(living, attempts.Done) })
	}
	done := make(chan struct{})
	go func() { attempts.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		return nil
	}
	if l.connected.Load() == 0 && l.disconnects.Load() == 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		return fmt.Errorf("no connection could be made: %w; confab doctor finds what is wrong with the endpoint or a proxy", l.firstErr)
	}
	return nil
}

// send sends each message when it is due, from one connection after the other. It stops when ctx
// ends, and its requests when the other context does.
func (l *load) send(ctx, requests context.Context) {
	l.start = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	if l.due == 0 {
		timer.Reset(l.o.For)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return
	}
	for n, turn := 0, 0; n < l.due; n++ {
		timer.Reset(time.Until(l.dueAt(n)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return // What was not due yet is not missing.
		}
		m := l.next(&turn)
		if m == nil {
			l.unsentFrom(n)
			return
		}
		l.late.Store(max(l.late.Load(), int64(time.Since(l.dueAt(n)))))
		l.requests.Go(func() { l.sendOne(requests, m, n) })
	}
}

// next is the member whose turn it is: one that is connected, otherwise one that may connect
// again. It is nil if the server has closed all connections.
func (l *load) next(turn *int) (m *member) {
	for range l.members {
		candidate := l.members[*turn%len(l.members)]
		*turn++
		if candidate.there.Load() {
			return candidate
		}
		if m == nil && !candidate.ended.Load() {
			m = candidate
		}
	}
	*turn++ // so that the messages that wait for connections are not all for the same one
	return m
}

// unsentFrom counts the messages from the nth on as not sent.
func (l *load) unsentFrom(n int) {
	l.mu.Lock()
	l.unsent += l.due - n
	l.mu.Unlock()
}

func (l *load) sendOne(ctx context.Context, m *member, n int) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if m.room.Await(ctx) != nil {
		l.mu.Lock()
		l.unsent++
		l.mu.Unlock()
		return
	}
	l.sent[n].at.Store(time.Now().UnixNano())
	_, err := m.room.Request(ctx, "SEND_MESSAGE", map[string]any{"Content": l.content(n)})
	refusal, refused := errors.AsType[*chatroom.Refusal](err)
	switch {
	case err == nil:
		l.sent[n].answered.Store(time.Now().UnixNano())
		l.messages.Add(1)
		l.answers.add(time.Since(l.dueAt(n)))
	case refused:
		l.count(refusal.Code)
	default:
		l.count(0)
	}
}

// count counts a message that was refused with an error code; 0 was not answered.
func (l *load) count(code int) {
	l.mu.Lock()
	l.refused[code]++
	l.mu.Unlock()
}

// content is that of a message: the run, its number, and filling.
func (l *load) content(n int) string {
	s := "load " + l.run + " " + strconv.Itoa(n) + " "
	return s + strings.Repeat(".", max(0, min(l.o.Length, longestMessage)-len(s)))
}

// number reads a content.
func (l *load) number(content string) (n int, ours bool) {
	rest, ours := strings.CutPrefix(content, "load "+l.run+" ")
	if !ours {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && n < l.due
}

// settle waits for answers, and for what is not yet delivered.
func (l *load) settle(ctx context.Context) {
	most := settleTime
	if ctx.Err() != nil {
		most = interruptTime
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	answered := make(chan struct{})
	go func() { l.requests.Wait(); close(answered) }()
	select {
	case <-answered:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for l.lost() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
