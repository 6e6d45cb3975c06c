package websocket

import (
	"net"
	"time"
)

// stream is the transport of a connection that can only be read and written
// with goroutines: everything where there is no epoll, and what is no socket. One goroutine
// reads for it; one writes while there is something to write.
type stream struct {
	net   net.Conn
	conn  *Conn
	read  chan struct{} // lets the reader go on; closed at the end
	owed  bool          // the reader waits for it
	busy  bool          // there is a writer
	began int64         // when it started
	ended bool
}

// streamInput is how much is read at once. It is memory that every idle
// connection has.
const streamInput = 4 << 10

func newStream(n net.Conn) *stream {
	return &stream{net: n, read: make(chan struct{}, 1)}
}

func (s *stream) start(c *Conn) error {
	s.conn = c
	if err := s.net.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.loop.server.helpers.Go(s.reader)
	return nil
}

// reader reads and has the loop take what it has read before it goes on.
func (s *stream) reader() {
	c := s.conn
	buf := make([]byte, streamInput)
	for {
		n, err := s.net.Read(buf)
		if n > 0 {
			if !c.loop.post(func() { s.arrived(buf[:n]) }) {
				return
			}
			if _, more := <-s.read; !more {
				return
			}
		}
		if err != nil {
			c.loop.post(func() { c.lost(err) })
			return
		}
	}
}

// arrived is called on the loop.
func (s *stream) arrived(p []byte) {
	if s.ended {
		return
	}
	s.owed = true
	s.conn.arrived(p)
	s.want(s.conn.wantsInput(), false)
}

// want lets the reader go on if it waits and may. A writer is always waited for.
func (s *stream) want(read, _ bool) {
	if read && s.owed && !s.ended {
		s.owed = false
		s.read <- struct{}{}
	}
}

// write starts a writer. The connection hears of what it has written when it
// becomes writable again.
func (s *stream) write(pieces [][]byte) (n int, full bool, err error) {
	if !s.busy {
		s.busy = true
		s.began = s.conn.loop.now
		own := append(net.Buffers(nil), pieces...)
		s.conn.loop.server.helpers.Go(func() { s.writer(own) })
	}
	return 0, true, nil
}

func (s *stream) writer(pieces net.Buffers) {
	n, err := pieces.WriteTo(s.net)
	s.conn.loop.post(func() {
		s.busy = false
		switch {
		case s.ended:
		case err != nil:
			s.conn.lost(err)
		default:
			if l := s.conn.loop; l.now-s.began >= l.tick {
				// It had to wait until the peer read.
				s.conn.alive()
			}
			s.conn.writable(int(n))
		}
	})
}

// finish half-closes what can be half-closed. With TLS that is a message of its
// own, so it may have to wait as any write.
func (s *stream) finish() {
	half, ok := s.net.(interface{ CloseWrite() error })
	if !ok {
		s.conn.lost(nil)
		return
	}
	s.conn.loop.server.helpers.Go(func() {
		if err := half.CloseWrite(); err != nil {
			s.conn.loop.post(func() { s.conn.lost(err) })
		}
	})
}

func (s *stream) close() {
	if s.ended {
		return
	}
	s.ended = true
	close(s.read)
	// With TLS this writes, too.
	go s.net.Close()
}

func (s *stream) descriptor() (int32, bool) { return -1, false }
