package edge

import "sync"

// workers carry out the requests of connections. One that has nothing left to do
// stays for the next connection: a new goroutine would first have to grow its
// stack, which costs more than to decode a request.
type workers struct {
	handoff chan *connection // without a buffer: somebody waits there, or nobody takes it
	places  chan struct{}    // of those that wait
	serving sync.WaitGroup
	once    sync.Once
	stopped chan struct{}
}

// maxIdleWorkers bounds what idle workers cost, to about a megabyte.
const maxIdleWorkers = 64

func newWorkers() *workers {
	return &workers{
		handoff: make(chan *connection),
		places:  make(chan struct{}, maxIdleWorkers),
		stopped: make(chan struct{}),
	}
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
		case <-w.stopped:
			return
		}
	}
}

// stop waits for what is under way, and sends the workers home. Nobody may call
// serve any more.
func (w *workers) stop() {
	w.serving.Wait()
	w.once.Do(func() { close(w.stopped) })
}
