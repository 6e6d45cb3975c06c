package transport

import (
	"net"
	"time"
)

// Goroutines is the poller of a loop whose connections all have goroutines: their only
// events are posted calls.
type Goroutines struct {
	loop     Loop
	patience time.Duration
	woken    chan struct{}
}

// OpenGoroutines returns a poller that works on all systems.
func OpenGoroutines(l Loop, o *Options) (Poller, error) { return newGoroutines(l, o), nil }

func newGoroutines(l Loop, o *Options) *Goroutines {
	return &Goroutines{loop: l, patience: o.Patience, woken: make(chan struct{}, 1)}
}

// Adopt implements Poller.
func (p *Goroutines) Adopt(o Owner, n net.Conn) (Link, error) {
	return newStream(p.loop, o, n, p.patience), nil
}

// Wake implements Poller.
func (p *Goroutines) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// Wait implements Poller.
func (p *Goroutines) Wait(sleep bool, until time.Time) {
	switch {
	case !sleep:
	case until.IsZero():
		<-p.woken
	default:
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		select {
		case <-p.woken:
		case <-t.C:
		}
	}
	p.loop.Woke()
}

// WriteAll does nothing: without descriptors, all targets are slow.
func (p *Goroutines) WriteAll([]Target, [][]byte, []Result) {}

// WriteEach is as WriteAll.
func (p *Goroutines) WriteEach([]Target, [][]byte, []Result) {}

// Writes implements Poller.
func (p *Goroutines) Writes() string { return "goroutines" }

// Close implements Poller.
func (p *Goroutines) Close() {}
