package loadtest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is the result of a load test. Latencies are in milliseconds, counted from the time
// at which the message was due, not from when it was sent.
type Report struct {
	Seconds     float64 `json:"seconds"`
	Connections int     `json:"connections"` // at the end
	// Wanted is the number of connections that were asked for.
	Wanted int `json:"wantedConnections"`
	// Failed is the number of connections that could not be made, or that the server closed for
	// good.
	Failed      int            `json:"failedConnections"`
	Disconnects int64          `json:"disconnects"`
	Messages    int64          `json:"messages"` // accepted
	Refused     map[string]int `json:"refused"`  // by ErrorCode
	Unanswered  int            `json:"unanswered"`
	// Unsent is the number of messages that were due while there was no connection, and that
	// had none later either.
	Unsent     int       `json:"unsent"`
	Deliveries int64     `json:"deliveries"`
	Lost       int64     `json:"lost"`
	Doubled    int64     `json:"doubled"`
	Reordered  int64     `json:"reordered"`
	Latency    Quantiles `json:"latency"`
	Answers    Quantiles `json:"answerLatency"`
	Connects   Quantiles `json:"connectLatency"`
	Histogram  []Bar     `json:"histogram"`
	// FirstError is why the first of the failed connections failed.
	FirstError error `json:"-"`
	// Limit says how the load generator itself was the limit; "" if it was not.
	Limit string `json:"limit,omitzero"`
}

// Quantiles are those of a latency, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Bar is a range of latencies of deliveries, up to Below milliseconds.
type Bar struct {
	Below float64 `json:"below"`
	Count int64   `json:"count"`
}

// Progress is the state of a load test that runs.
type Progress struct {
	Elapsed               time.Duration // since the first connection was due
	Connected             int64
	Messages, Deliveries  int64 // of the last second
	P50, P99              float64
	Errors                int
	TotalMessages, Wanted int
}

// watch reports progress once a second.
func (l *load) watch(ctx context.Context) {
	if l.o.Progress == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var messages, deliveries int64
	begin := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m, d := l.messages.Load(), l.deliveries.Load()
		q := l.latency.quantiles()
		p := Progress{
			Elapsed: time.Since(begin), Connected: l.connected.Load(), Messages: m - messages, Deliveries: d - deliveries,
			P50: q.P50, P99: q.P99, TotalMessages: int(m), Wanted: l.o.Connections,
		}
		l.mu.Lock()
		p.Errors = l.unsent
		for _, n := range l.refused {
			p.Errors += n
		}
		l.mu.Unlock()
		messages, deliveries = m, d
		l.o.Progress(p)
	}
}

func (l *load) lost() (n int64) {
	for _, m := range l.members {
		n += m.missing()
	}
	return n
}

// The generator is the limit when messages leave this late, or when it uses this share of
// its processors.
const (
	tooLate = 100 * time.Millisecond
	tooBusy = 0.85
)

func (l *load) report(took, busy time.Duration) *Report {
	r := &Report{
		Seconds: took.Seconds(), Connections: int(l.connected.Load()), Wanted: l.o.Connections,
		Disconnects: l.disconnects.Load(), Messages: l.messages.Load(), Refused: map[string]int{},
		Deliveries: l.deliveries.Load(), Lost: l.lost(), Doubled: l.doubled.Load(), Reordered: l.reordered.Load(),
		Latency: l.latency.quantiles(), Answers: l.answers.quantiles(), Connects: l.connects.quantiles(),
		Histogram: l.latency.bars(),
	}
	for _, m := range l.members {
		if m.ended.Load() {
			r.Failed++
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Unsent, r.FirstError = l.unsent, l.firstErr
	for code, n := range l.refused {
		if code == 0 {
			r.Unanswered = n
		} else {
			r.Refused[fmt.Sprint(code)] = n
		}
	}
	processors := runtime.GOMAXPROCS(0)
	switch late := time.Duration(l.late.Load()); {
	case busy.Seconds() > tooBusy*took.Seconds()*float64(processors):
		r.Limit = fmt.Sprintf("it used %.0f%% of its %d processors: run it on a larger machine, or on several", 100*busy.Seconds()/took.Seconds()/float64(processors), processors)
	case late > tooLate:
		r.Limit = fmt.Sprintf("it sent messages up to %s late: run it on a machine that has less to do", late.Round(time.Millisecond))
	}
	return r
}

// processorTime is what the process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// latencies are counted in shards, so that connections do not wait for each other.
type latencies struct {
	shards [8]struct {
		mu sync.Mutex
		h  *hdrhistogram.Histogram
	}
}

// longest is the longest latency that is told from longer ones.
const longest = 10 * time.Minute

func (l *latencies) add(d time.Duration) {
	us := min(max(d.Microseconds(), 1), longest.Microseconds())
	s := &l.shards[us%int64(len(l.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.h == nil {
		s.h = hdrhistogram.New(1, longest.Microseconds(), 2)
	}
	_ = s.h.RecordValue(us) // It is within the bounds.
}

func (l *latencies) merged() *hdrhistogram.Histogram {
	all := hdrhistogram.New(1, longest.Microseconds(), 2)
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		if s.h != nil {
			all.Merge(s.h)
		}
		s.mu.Unlock()
	}
	return all
}

func (l *latencies) quantiles() Quantiles {
	all := l.merged()
	if all.TotalCount() == 0 {
		return Quantiles{}
	}
	at := func(q float64) float64 { return float64(all.ValueAtQuantile(q)) / 1000 }
	return Quantiles{P50: at(50), P90: at(90), P99: at(99), Max: float64(all.Max()) / 1000}
}

// bars divides the latencies at the powers of two, in milliseconds.
func (l *latencies) bars() []Bar {
	var bars []Bar
	below := int64(1000)
	for _, b := range l.merged().Distribution() {
		if b.Count == 0 {
			continue
		}
		for b.From >= below {
			below *= 2
		}
		if ms := float64(below) / 1000; len(bars) == 0 || bars[len(bars)-1].Below != ms {
			bars = append(bars, Bar{Below: ms})
		}
		bars[len(bars)-1].Count += b.Count
	}
	return bars
}
