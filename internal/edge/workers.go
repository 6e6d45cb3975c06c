package edge

import (
	"context"
	"sync"
)

// workers carry out the requests of connections. An idle worker stays for the next
// connection. A new goroutine would first have to grow its stack, which costs more than
// decoding a request.
type workers struct {
	handoff chan *connection // unbuffered: a send succeeds only if a worker is idle
	places  chan struct{}    // one for each idle worker
	serving sync.WaitGroup
	// ctx is the context of all requests. When it ends, requests are canceled and idle
	// workers return.
	ctx    context.Context
	cancel context.CancelFunc
}

// maxIdleWorkers limits the memory of idle workers to about a megabyte.
const maxIdleWorkers = 64

func newWorkers() *workers {
	w := &workers{
		handoff: make(chan *connection),
		places:  make(chan struct{}, maxIdleWorkers),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// serve has a worker carry out the connection's requests. It does not block.
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

// stop waits for the pending requests until ctx ends, cancels the rest, and ends the
// workers. serve must not be called after it.
func (w *workers) stop(ctx context.Context) {
	defer w.cancel()
	defer context.AfterFunc(ctx, w.cancel)()
	w.serving.Wait()
}
