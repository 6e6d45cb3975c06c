package edge

import (
	"context"
	"sync"
)

// workers carry out the requests of connections. One that has nothing left to do
// stays for the next connection: a new goroutine would first have to grow its
// stack, which costs more than to decode a request.
type workers struct {
	handoff chan *connection // without a buffer: somebody waits there, or nobody takes it
	places  chan struct{}    // of those that wait
	serving sync.WaitGroup
	// ctx is that of all requests. It ends when nothing is to be carried out any
	// more, and sends the workers home.
	ctx    context.Context
	cancel context.CancelFunc
}

// maxIdleWorkers bounds what idle workers cost, to about a megabyte.
const maxIdleWorkers = 64

func newWorkers() *workers {
	w := &workers{
		handoff: make(chan *connection),
		places:  make(chan struct{}, maxIdleWorkers),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// serve has somebody carry out the connection's requests. It does not block.
func (w *workers) serve(c *connection) {
	w.serving.Add(1)
	select {
	case w.handoff <- c:
	default:
		go w.run(c)
	}
}

func (w *workers) run(c *connection) {
	for {
		c.work()
		w.serving.Done()
		select {
		case w.places <- struct{}{}:
		default:
			return
		}
		select {
		case c = <-w.handoff:
			<-w.places
		case <-w.ctx.Done():
			return
		}
	}
}

// stop waits for what was asked for until ctx ends, breaks off the rest, and sends
// the workers home. Nobody may call serve any more.
func (w *workers) stop(ctx context.Context) {
	defer w.cancel()
	defer context.AfterFunc(ctx, w.cancel)()
	w.serving.Wait()
}
