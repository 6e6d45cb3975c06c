package nats

import (
	"errors"
	"runtime"
	"sync"
)

// message is what is published. reply is empty if no answer is expected.
type message struct {
	subject, reply string
	data           []byte
}

// outbox passes messages to NATS, in order. Those that goroutines publish while the processor is
// busy are passed on together, so that they share the flush of the library, and the write to
// each other node.
type outbox struct {
	wake chan struct{} // has an element when messages wait
	done chan struct{} // closed when run has returned

	mu      sync.Mutex // guards what follows
	waiting []message
	bytes   int
	closed  bool
}

// outboxBytes bounds what waits while NATS does not read. NATS counts as lost soon after.
const outboxBytes = 64 << 20

var (
	errFull   = errors.New("NATS does not read: too much waits to be sent")
	errClosed = errors.New("the connection to NATS is closed")
)

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1), done: make(chan struct{})} }

// put queues a message. It does not block. The outbox keeps the data.
func (o *outbox) put(m message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return errClosed
	case o.bytes+len(m.data) > outboxBytes:
		return errFull
	}
	o.bytes += len(m.data)
	if o.waiting = append(o.waiting, m); len(o.waiting) == 1 {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// run publishes what is put until the outbox is closed.
func (o *outbox) run(publish func(*message)) {
	defer close(o.done)
	var taken []message
	for range o.wake {
		// Other goroutines that can run do so first, because they may have messages, too. If
		// there are none, this costs nothing.
		runtime.Gosched()
		o.mu.Lock()
		taken, o.waiting = o.waiting, taken[:0]
		o.bytes = 0
		o.mu.Unlock()
		for i := range taken {
			publish(&taken[i])
		}
		clear(taken)
	}
}

// close returns when everything that was put is published.
func (o *outbox) close() {
	o.mu.Lock()
	if !o.closed {
		o.closed = true
		close(o.wake)
	}
	o.mu.Unlock()
	<-o.done
}
