package front

import "net"

// readers are goroutines that read the heads of connections. An idle one stays for the next
// connection. A new goroutine would first have to grow its stack, which costs more than
// reading a head.
type readers struct {
	handoff chan net.Conn // unbuffered: a send succeeds only if a reader is idle
	places  chan struct{} // one for each idle reader
}

// maxIdleReaders limits the memory of idle readers to about a megabyte.
const maxIdleReaders = 64

func newReaders() readers {
	return readers{handoff: make(chan net.Conn), places: make(chan struct{}, maxIdleReaders)}
}

// take has a reader receive from the connection. It does not block. The caller counts in
// l.reading itself.
func (r *readers) take(l *HandshakeListener, conn net.Conn) {
	l.reading.Add(1)
	select {
	case r.handoff <- conn:
	default:
		go r.run(l, conn)
	}
}

func (r *readers) run(l *HandshakeListener, conn net.Conn) {
	for {
		l.receive(conn)
		l.reading.Done()
		select {
		case r.places <- struct{}{}:
		default:
			return
		}
		select {
		case conn = <-r.handoff:
			<-r.places
		case <-l.closed:
			return
		}
	}
}
