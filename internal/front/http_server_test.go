package front

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A request of a connection that had sent nothing when the server began to stop is
// answered, and so is one that waits for its turn in the queue.
func TestHTTPServer_Shutdown(t *testing.T) {
	secure := httptest.NewUnstartedServer(nil)
	secure.StartTLS()
	defer secure.Close()
	trusting := secure.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trusting.ServerName = "example.com"
	for name, useTLS := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			dial := func() net.Conn {
				conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				if useTLS {
					conn = tls.Client(conn, trusting)
				}
				return conn
			}
			queue := NewQueue(t.Context(), ln, 0)
			l := net.Listener(queue)
			if useTLS {
				l = tls.NewListener(l, secure.TLS)
			}
			server := NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, r.URL.Path)
			}), time.Minute, slog.New(slog.DiscardHandler))
			server.grace = time.Minute // However busy the machine is.
			conns := []net.Conn{dial(), dial(), dial()}
			queue.Start()
			for queued := 0; queued < len(conns); {
				<-queue.changed
				queue.mu.Lock()
				queued = len(queue.waiting)
				queue.mu.Unlock()
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve(l) }()
			for { // Else Shutdown would know no listener.
				server.mu.Lock()
				serves := server.listener != nil
				server.mu.Unlock()
				if serves {
					break
				}
			}
			stopped := make(chan error, 1)
			go func() { stopped <- server.Shutdown(context.WithoutCancel(t.Context())) }()
			<-queue.ended // It accepts nothing more.
			for i, conn := range conns {
				say(t, conn, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: chat\r\n\r\n", i))
			}
			for i, conn := range conns {
				if status, body := answerOf(t, bufio.NewReader(conn)); status != "200 OK" || body != fmt.Sprintf("/%d", i) {
					t.Errorf("the answer is %s, %q", status, body)
				}
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			if err := <-served; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// A client that sends a body which is too large gets its answer, though it reads nothing
// before it has sent everything.
func TestWithoutBody_tooLarge(t *testing.T) {
	server := NewHTTPServer(WithoutBody(http.NotFoundHandler()), time.Minute, slog.New(slog.DiscardHandler))
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(ln) //nolint:errcheck // It ends when it is closed.
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 20 << 20
	say(t, conn, fmt.Sprintf("POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: %d\r\n\r\n", size))
	if _, err := io.Copy(conn, bytes.NewReader(make([]byte, size))); err != nil {
		t.Fatal(err)
	}
	if status, _ := answerOf(t, bufio.NewReader(conn)); status != "413 Request Entity Too Large" {
		t.Errorf("the answer is %s", status)
	}
}

func TestListeners_WarnLimits(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	places := (&Listeners{opened: []net.Listener{ln}}).backlog()
	if places == 0 {
		t.Skip("the system does not tell the backlog of a port")
	}
	for _, tt := range []struct {
		held        bool
		connections int
		short       bool
	}{
		{false, 0, places < fewPlaces},
		{false, places + 1, places < fewPlaces},
		{true, places, places < fewPlaces},
		{true, places + 1, true},
	} {
		var b strings.Builder
		l := &Listeners{Held: tt.held, opened: []net.Listener{ln}}
		l.WarnLimits(t.Context(), slog.New(slog.NewJSONHandler(&b, nil)), 1<<20, tt.connections)
		if got := strings.Contains(b.String(), fmt.Sprintf(`"backlog":%d`, places)); got != tt.short {
			t.Errorf("with %d connections, held: %v, the log is %q", tt.connections, tt.held, b.String())
		}
	}
	var b strings.Builder
	l := &Listeners{opened: []net.Listener{ln}}
	l.WarnLimits(t.Context(), slog.New(slog.NewJSONHandler(&b, nil)), 9000, 9001)
	if !strings.Contains(b.String(), `"open_files":9000`) {
		t.Errorf("with few files, the log is %q", b.String())
	}
}

func TestServerErrors(t *testing.T) {
	var b strings.Builder
	log := NewHTTPServer(nil, 0, slog.New(slog.NewJSONHandler(&b, nil))).ErrorLog
	log.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	if b.Len() != 0 {
		t.Errorf("a client's mistake is in the log: %s", b.String())
	}
	log.Print("http: Accept error: accept tcp: too many open files; retrying in 5ms")
	if !strings.Contains(b.String(), `"level":"ERROR"`) || !strings.Contains(b.String(), "too many open files") {
		t.Errorf("the log is %q", b.String())
	}
}
