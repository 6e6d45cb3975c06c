package transport

import (
	"net"
	"time"
)

// stream is the link of a connection that can only be read and written with
// goroutines: all connections if there is no epoll, and connections that are not
// sockets. One goroutine reads for it; another writes while there is output.
type stream struct {
	net      net.Conn
	loop     Loop
	owner    Owner
	patience time.Duration
	read     chan struct{} // lets the reader continue; closed at the end
	owed     bool          // the reader waits for read
	busy     bool          // there is a writer
	ended    bool
}

// streamInput is the size of a read buffer. Every idle connection keeps one.
const streamInput = 4 << 10

func newStream(l Loop, o Owner, n net.Conn, patience time.Duration) *stream {
	return &stream{net: n, loop: l, owner: o, patience: patience, read: make(chan struct{}, 1)}
}

func (s *stream) Start(int32) error {
	if err := s.net.SetDeadline(time.Time{}); err != nil {
		return err
	}
	s.loop.Go(s.reader)
	return nil
}

// reader reads, and after each read waits until the loop has taken the input.
func (s *stream) reader() {
	buf := make([]byte, streamInput)
	for {
		n, err := s.net.Read(buf)
		if n > 0 {
			if !s.loop.Post(func() { s.arrived(buf[:n]) }) {
				return
			}
			if _, more := <-s.read; !more {
				return
			}
		}
		if err != nil {
			s.loop.Post(func() { s.owner.Lost(err) })
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
	s.owner.Arrived(p)
	s.Want(s.owner.WantsInput(), false)
}

// Want lets the reader continue if it waits and read is set. The writer always
// reports its end, so write is ignored.
func (s *stream) Want(read, _ bool) {
	if read && s.owed && !s.ended {
		s.owed = false
		s.read <- struct{}{}
	}
}

// Write starts a writer. When the writer is done, it calls the owner's Writable
// with the number of bytes written.
func (s *stream) Write(pieces [][]byte) (n int, full bool, err error) {
	if !s.busy {
		s.busy = true
		own := append(net.Buffers(nil), pieces...)
		s.loop.Go(func() { s.writer(own) })
	}
	return 0, true, nil
}

func (s *stream) writer(pieces net.Buffers) {
	began := time.Now()
	n, err := pieces.WriteTo(s.net)
	waited := time.Since(began) >= s.patience
	s.loop.Post(func() {
		s.busy = false
		switch {
		case s.ended:
		case err != nil:
			s.owner.Lost(err)
		default:
			if waited {
				s.owner.Alive()
			}
			s.owner.Writable(int(n))
		}
	})
}

// Finish half-closes the connection if it supports that. With TLS this sends a
// message, so it may block as any write does.
func (s *stream) Finish() {
	half, ok := s.net.(interface{ CloseWrite() error })
	if !ok {
		s.owner.Lost(nil)
		return
	}
	s.loop.Go(func() {
		if err := half.CloseWrite(); err != nil {
			s.loop.Post(func() { s.owner.Lost(err) })
		}
	})
}

func (s *stream) Close() {
	if s.ended {
		return
	}
	s.ended = true
	close(s.read)
	// With TLS this writes, too, and may block.
	go s.net.Close()
}

func (s *stream) Target() Target { return Target{FD: -1} }
