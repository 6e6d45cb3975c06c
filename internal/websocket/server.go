package websocket

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"confab/internal/transport"
)

// Server owns connections and the loops that serve them.
type Server struct {
	options Options
	handler Handler
	loops   []*loop
	writes  string // see Writes
	// helpers are the goroutines of connections that need goroutines.
	helpers sync.WaitGroup
}

// NewServer starts the loops. Close stops them.
func NewServer(o Options, h Handler) *Server {
	return newServer(o, h, transport.Open)
}

func newServer(o Options, h Handler, open func(transport.Loop, *transport.Options) (transport.Poller, error)) *Server {
	if o.Loops <= 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 32 << 10
	}
	if o.PingInterval == 0 {
		o.PingInterval = 45 * time.Second
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 256 << 10
	}
	if o.CloseTimeout <= 0 {
		o.CloseTimeout = 2 * time.Second
	}
	if o.slice <= 0 {
		o.slice = writesPerRound
	}
	if o.settle <= 0 {
		o.settle = settleTime
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{options: o, handler: h}
	links := transport.Options{IOURing: o.IOURing, IOSubmit: o.IOSubmit, MaxUnsent: o.MaxPending, Log: o.Log}
	for range o.Loops {
		l := newLoop(s)
		links.Patience = time.Duration(l.tick)
		p, err := open(l, &links)
		if err != nil {
			o.Log.LogAttrs(context.Background(), slog.LevelWarn, "No epoll for WebSocket connections; each costs goroutines instead", slog.Any("error", err))
			p, _ = transport.OpenGoroutines(l, &links) // It does not fail.
		}
		if _, goroutines := p.(*transport.Goroutines); goroutines {
			s.options.Overlap = max(s.options.Overlap, o.settle)
		}
		l.poller = p
		s.loops = append(s.loops, l)
		s.writes = p.Writes()
	}
	for _, l := range s.loops {
		go l.run()
	}
	return s
}

// Close drops all connections and returns when all loops have stopped, after the
// last call of the Handler. The Handler must not call it.
func (s *Server) Close() {
	for _, l := range s.loops {
		l.post(func() { l.stopping = true })
	}
	for _, l := range s.loops {
		<-l.done
	}
	s.helpers.Wait()
}

// Writes returns how the loops write to many connections: io_uring, io_submit, write (one at a
// time), or goroutines.
func (s *Server) Writes() string { return s.writes }

// Len returns the number of connections, including those that are being closed.
func (s *Server) Len() int {
	n := 0
	for _, l := range s.loops {
		n += int(l.load.Load())
	}
	return n
}

// quietest returns the loop with the fewest connections of those that have none of the parts,
// of which there is one at least.
func (s *Server) quietest(parts []*part) (best *loop) {
	for _, l := range s.loops {
		taken := slices.ContainsFunc(parts, func(p *part) bool { return p.loop == l })
		if !taken && (best == nil || l.load.Load() < best.load.Load()) {
			best = l
		}
	}
	return best
}

// Attach takes over a connection after its handshake: it writes the response and,
// in the same step, adds the connection to its group. On an error the connection is
// closed. The Handler may be called before Attach returns.
func (s *Server) Attach(a Attachment) (*Conn, error) {
	c := &Conn{value: a.Value}
	var at cursor
	var first First
	if a.Group != nil {
		c.part, at, first = a.Group.enter(a.Before)
		c.loop = c.part.loop
	} else {
		c.loop = s.quietest(nil)
	}
	c.loop.load.Add(1)
	link, err := c.loop.poller.Adopt((*owner)(c), a.Conn)
	if err == nil {
		c.link = link
		if c.loop.post(func() { c.loop.add(c, &a, at, first) }) {
			return c, nil
		}
		c.link.Close()
		err = ErrServerClosed
	}
	c.loop.load.Add(-1)
	if c.part != nil {
		a.Group.leaveUnseen(c.part)
	}
	return nil, fmt.Errorf("attach a WebSocket connection: %w", err)
}
