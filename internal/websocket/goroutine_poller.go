package websocket

import "time"

// goroutinePoller is the poller of a loop whose connections all have goroutines: their only
// events are posted calls.
type goroutinePoller struct{ woken chan struct{} }

func newGoroutinePoller() goroutinePoller { return goroutinePoller{make(chan struct{}, 1)} }

func (p goroutinePoller) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p goroutinePoller) wait(l *loop, sleep bool, until int64) {
	if !sleep {
		return
	}
	if until == 0 {
		<-p.woken
		return
	}
	t := time.NewTimer(time.Duration(until - l.time()))
	defer t.Stop()
	select {
	case <-p.woken:
	case <-t.C:
	}
}

// writeAll does nothing: without descriptors, all members count as slow.
func (p goroutinePoller) writeAll([]member, [][]byte, []written) {}

func (p goroutinePoller) close() {}
