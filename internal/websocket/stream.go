package websocket

import (
	"net"
	"time"
)

// stream is the transport of a connection that can only be read and written with
// goroutines: all connections if there is no epoll, and connections that are not
// sockets. One goroutine reads for it; another writes while there is output.
type stream struct {
	net   net.Conn
	conn  *Conn
	read  chan struct{} // lets the reader continue; closed at the end
	owed  bool          // the reader waits for read
	busy  bool          // there is a writer
	began int64         // when the writer started
	ended bool
}

// streamInput is the size of a read buffer. Every idle connection keeps one.
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

// reader reads, and after each read waits until the loop has taken the input.
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

// want lets the reader continue if it waits and read is set. The writer always
// reports its end, so write is ignored.
func (s *stream) want(read, _ bool) {
	if read && s.owed && !s.ended {
		s.owed = false
		s.read <- struct{}{}
	}
}

// write starts a writer. When the writer is done, it calls the connection's writable
// with the number of bytes written.
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
				// The write had to wait until the peer read.
				s.conn.alive()
			}
			s.conn.writable(int(n))
		}
	})
}

// finish half-closes the connection if it supports that. With TLS this sends a
// message, so it may block as any write does.
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
	// With TLS this writes, too, and may block.
	go s.net.Close()
}

func (s *stream) descriptor() (int32, bool) { return -1, false }
