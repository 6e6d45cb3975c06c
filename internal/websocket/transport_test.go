package websocket

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// attachTo attaches the accepted side of a connection over l and returns the client
// side.
func attachTo(t *testing.T, s *Server, l net.Listener, a Attachment) (net.Conn, *Conn) {
	t.Helper()
	peer, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	if a.Conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	c, err := s.Attach(a)
	if err != nil {
		t.Fatal(err)
	}
	return peer, c
}

func TestTransports(t *testing.T) {
	s := NewServer(Options{IOURing: true}, echo)
	t.Cleanup(s.Close)
	check := func(t *testing.T, peer net.Conn) {
		t.Helper()
		if _, err := peer.Write(text("hello")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 7)
		if _, err := peer.Read(buf); err != nil || string(buf) != "\x81\x05hello" {
			t.Errorf("read %q, %v", buf, err)
		}
	}
	t.Run("a Unix socket", func(t *testing.T) {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		peer, c := attachTo(t, s, l, Attachment{})
		check(t, peer)
		if c.link.Target().FD < 0 && runsEpoll {
			t.Error("a Unix socket is served by goroutines")
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		l, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		peer, c := attachTo(t, s, l, Attachment{})
		check(t, peer)
		if c.link.Target().FD < 0 && runsEpoll {
			t.Error("a TCP socket is served by goroutines")
		}
	})
	t.Run("a pipe", func(t *testing.T) {
		peer, ours := net.Pipe()
		c, err := s.Attach(Attachment{Conn: ours})
		if err != nil {
			t.Fatal(err)
		}
		go peer.Write(text("hello")) //nolint:errcheck // Without it there is no echo.
		buf := make([]byte, 7)
		if _, err := peer.Read(buf); err != nil || string(buf) != "\x81\x05hello" {
			t.Errorf("read %q, %v", buf, err)
		}
		// It cannot be half-closed.
		c.Close(1000, "")
		if _, err := peer.Read(buf); err != nil {
			t.Error(err)
		}
		if _, err := peer.Read(buf); err == nil {
			t.Error("read something behind the Close frame")
		}
	})
	t.Run("a connection that is closed already", func(t *testing.T) {
		peer, ours := net.Pipe()
		peer.Close()
		ours.Close()
		if _, err := s.Attach(Attachment{Conn: ours, Response: []byte("x")}); err != nil {
			t.Error(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		tcp, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		tcp.Close()
		g := s.NewGroup()
		if _, err := s.Attach(Attachment{Conn: tcp, Group: g}); runsEpoll && !errors.Is(err, net.ErrClosed) {
			t.Errorf("Attach: %v, want net.ErrClosed", err)
		}
		eventually(t, "the group to be empty", func() bool { return g.size() == 0 })
	})
}

// TLS connections of any listener and plain connections share groups, loops and order.
func TestTLS(t *testing.T) {
	s := startServer(t, Options{Loops: 2, MaxPending: 4 << 20}, echo, openRing)
	secure := &peerServer{Server: s.Server, group: s.group}
	srv := newTLSServer(t, secure)
	plain := s.dial(t)
	encrypted, _, err := websocket.Dial(t.Context(), srv.URL, &websocket.DialOptions{HTTPClient: srv.Client()}) //nolint:bodyclose // The library says there is no need.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { encrypted.CloseNow() })
	eventually(t, "both to join", func() bool { return s.group.size() == 2 })
	for n := range 500 {
		s.group.Deliver(numbered(n))
	}
	for _, c := range []*websocket.Conn{plain, encrypted} {
		for n := range 500 {
			if _, p, err := c.Read(t.Context()); err != nil || number(t, p) != n {
				t.Fatalf("read %.20q, %v; want %d", p, err, n)
			}
		}
		for _, size := range []int{0, 125, 5000, 32 << 10} {
			c.SetReadLimit(1 << 20)
			if err := c.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", size))); err != nil {
				t.Fatal(err)
			}
			if _, p, err := c.Read(t.Context()); err != nil || len(p) != size {
				t.Fatalf("echo of %d bytes: %d, %v", size, len(p), err)
			}
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	eventually(t, "both to leave", func() bool { return s.Len() == 0 })
}

// A connection of NewTLSListener needs no goroutine where there is epoll.
func TestNewTLSListener(t *testing.T) {
	s := form{open: openRing, tls: true}.start(t, Options{}, echo)
	s.attached = make(chan *Conn, 1)
	peer := s.dialRaw(t, text("early")...)
	if _, p, err := peer.frame(); err != nil || string(p) != "early" {
		t.Errorf("read %q, %v", p, err)
	}
	if goroutines := receive(t, s.attached, "the connection").link.Target().FD < 0; goroutines == runsEpoll {
		t.Errorf("served by goroutines: %t", goroutines)
	}
}

func newTLSServer(t *testing.T, s *peerServer) *httptest.Server {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(t, w, r) }))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}
