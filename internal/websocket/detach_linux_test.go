package websocket

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// detachable is a connection that gives up a duplicate of its descriptor; refuses is set
// when Go's own poller watches it.
type detachable struct {
	*net.TCPConn
	fd      int
	refuses bool
}

func (d *detachable) Detach() (fd int, ok bool) {
	if d.refuses {
		return -1, false
	}
	raw, err := d.SyscallConn()
	if err == nil {
		err = raw.Control(func(s uintptr) { d.fd, _ = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	}
	return d.fd, err == nil
}

type detaching struct {
	net.Listener
	refuses bool
	last    *detachable
}

func (l *detaching) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.last = &detachable{TCPConn: conn.(*net.TCPConn), refuses: l.refuses}
	return l.last, nil
}

func TestDetacher(t *testing.T) {
	s := NewServer(Options{MaxPending: 12345}, echo)
	t.Cleanup(s.Close)
	for _, refuses := range []bool{false, true} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		d := &detaching{Listener: l, refuses: refuses}
		peer, c := attachTo(t, s, d, Attachment{Buffered: text("hello")})
		buf := make([]byte, 7)
		if _, err := peer.Read(buf); err != nil || string(buf) != "\x81\x05hello" {
			t.Errorf("read %q, %v", buf, err)
		}
		fd := c.link.Target().FD
		if detached := int(fd) == d.last.fd; detached == refuses {
			t.Errorf("the socket is detached: %v", detached)
		}
		if limit, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT); err != nil || limit != 12345 {
			t.Errorf("at most %d bytes are unsent, %v", limit, err)
		}
		if !refuses {
			d.last.Close() // The test has a duplicate.
		}
	}
}
