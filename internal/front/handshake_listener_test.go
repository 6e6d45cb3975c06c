package front

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

// echo answers handshakes with its arguments, and refuses those of the subprotocol "no".
type echo struct{}

func (echo) Serve(conn net.Conn, u *rfc6455.Upgrade, forwarded string, early []byte) ([]byte, bool) {
	fmt.Fprintf(conn, "HTTP/1.1 299 %s\r\nX-For: %s\r\nContent-Length: %d\r\n\r\n%s", u.Protocols[0], forwarded, len(early), early)
	if u.Protocols[0] == "no" {
		return early, true
	}
	conn.Close()
	return nil, false
}

// listener returns a HandshakeListener in front of net/http, which answers with the
// request.
func listener(t *testing.T) (l *HandshakeListener, dial func() (net.Conn, *bufio.Reader)) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := AcceptPlain(ln)
	if err != nil {
		t.Fatal(err)
	}
	l = NewHandshakeListener(plain)
	l.ServeWith(echo{}, nil)
	l.Start()
	server := NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
	}), time.Minute, nil)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(l) //nolint:errcheck // It ends when it is closed.
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return l, func() (net.Conn, *bufio.Reader) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		// This is less than the time limit for a head.
		if err := conn.SetDeadline(time.Now().Add(8 * time.Second)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, bufio.NewReader(conn)
	}
}

// answerOf reads an answer and returns its status line and its body.
func answerOf(t *testing.T, in *bufio.Reader) (status, body string) {
	t.Helper()
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status + res.Header.Get("X-For"), string(b)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

const head = "GET / HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: 192.0.2.1\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "

func TestHandshakeListener(t *testing.T) {
	_, dial := listener(t)
	for name, tt := range map[string]struct{ request, status, body string }{
		"a handshake is answered before net/http": {head + "yes\r\n\r\n", "299 yes192.0.2.1", ""},
		"so is what came with it":                 {head + "yes\r\n\r\nearly", "299 yes192.0.2.1", "early"},
		"an unusual handshake is for net/http":    {strings.Replace(head, "/", "/%61", 1) + "yes\r\n\r\n", "200 OK", "GET /a "},
		"so is a long one":                        {head + strings.Repeat("x", headSize) + "\r\n\r\n", "200 OK", "GET / "},
		"a GET without an upgrade is":             {"GET /healthz HTTP/1.1\r\nHost: chat\r\n\r\n", "200 OK", "GET /healthz "},
		"a call is, with its body":                {"POST /GetRoom HTTP/1.1\r\nHost: chat\r\nContent-Length: 3\r\n\r\nabc", "200 OK", "POST /GetRoom abc"},
		"what is no HTTP is":                      {"\x17\x03\x01\r\n\r\n", "400 Bad Request", "400 Bad Request"},
		"another method that begins with G is":    {"GUT / HTTP/1.1\r\nHost: chat\r\n\r\n", "200 OK", "GUT / "},
	} {
		t.Run(name, func(t *testing.T) {
			conn, in := dial()
			say(t, conn, tt.request)
			if status, body := answerOf(t, in); status != tt.status || body != tt.body {
				t.Errorf("answers %q, %q", status, body)
			}
		})
		t.Run(name+", byte by byte", func(t *testing.T) {
			request, _, _ := strings.Cut(tt.request, "early")
			want, _, _ := strings.Cut(tt.body, "early")
			conn, in := dial()
			conn.(*net.TCPConn).SetNoDelay(true) //nolint:errcheck // A slower test is all it costs.
			const begin, end = 200, 50           // The bytes between may arrive at once.
			for i := 0; i < len(request); {
				next := i + 1
				if i == begin && len(request) > begin+end {
					next = len(request) - end
				}
				if _, err := io.WriteString(conn, request[i:next]); err != nil {
					break // The server has answered already.
				}
				i = next
			}
			if status, body := answerOf(t, in); status != tt.status || body != want {
				t.Errorf("answers %q, %q", status, body)
			}
		})
	}
	t.Run("a client that was refused may send another request", func(t *testing.T) {
		conn, in := dial()
		say(t, conn, head+"no\r\n\r\nGET /1 HTTP/1.1\r\nHost: chat\r\n\r\n")
		answerOf(t, in)
		if _, body := answerOf(t, in); body != "GET /1 " {
			t.Errorf("what came with the handshake has the answer %q", body)
		}
		say(t, conn, "GET /2 HTTP/1.1\r\nHost: chat\r\n\r\n")
		if _, body := answerOf(t, in); body != "GET /2 " {
			t.Errorf("what came later has the answer %q", body)
		}
	})
}

// late is a connection whose first reads fail as after a pause of the machine, in which
// their deadlines passed.
type late struct {
	net.Conn
	misses int
}

func (c *late) Read(p []byte) (int, error) {
	if c.misses--; c.misses >= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(p)
}

// lateListener makes every connection late.
type lateListener struct {
	net.Listener
	misses int
}

func (l lateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &late{conn, l.misses}, err
}

// A client that speaks TLS to a port without it is answered at once, instead of after the time
// for a head.
func TestHandshakeListener_tls(t *testing.T) {
	_, dial := listener(t)
	conn, _ := dial()
	begin := time.Now()
	secure := tls.Client(conn, &tls.Config{ServerName: "localhost"})
	if err := secure.HandshakeContext(t.Context()); err == nil {
		t.Error("a handshake of TLS succeeds")
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("the client is answered after %s", took)
	}
	conn, in := dial()
	if _, err := conn.Write([]byte("\x16\x03\x01\x02\x00\x01")); err != nil {
		t.Fatal(err)
	}
	if status, body := answerOf(t, in); status != "400 Bad Request" || !strings.Contains(body, "without TLS") {
		t.Errorf("%s: %s", status, body)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the connection is not closed: %v", err)
	}
}

func TestHandshakeListener_pause(t *testing.T) {
	for _, tt := range []struct {
		misses int
		want   string
	}{{headerParts - 1, "299 yes192.0.2.1"}, {headerParts, ""}} {
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := NewHandshakeListener(lateListener{ln, tt.misses})
		l.ServeWith(echo{}, nil)
		l.Start()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		say(t, conn, head+"yes\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if tt.want == "" && err == nil || tt.want != "" && (err != nil || res.Status+res.Header.Get("X-For") != tt.want) {
			t.Errorf("%d missed deadlines: %v, %v", tt.misses, res, err)
		}
		if err == nil {
			res.Body.Close()
		}
		l.Close()
		l.reading.Wait()
	}
}

// However busy the machine is and in however many pieces heads come, no handshake is
// closed without an answer.
func TestHandshakeListener_manyAtOnce(t *testing.T) {
	_, dial := listener(t)
	var done atomic.Bool
	var load, clients sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		load.Go(func() {
			for !done.Load() { // It keeps a processor busy.
			}
		})
	}
	handshake := func(i int) error {
		conn, in := dial()
		defer conn.Close()
		answered := func(want string) error {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				return fmt.Errorf("handshake %d: %w", i, err)
			}
			defer res.Body.Close()
			if b, err := io.ReadAll(res.Body); err != nil || !strings.HasPrefix(res.Status+string(b), want) {
				return fmt.Errorf("handshake %d: %s %q, %w", i, res.Status, b, err)
			}
			return nil
		}
		protocol := []string{"yes", "no"}[i%2]
		for text := range slices.Chunk([]byte(head+protocol+"\r\n\r\n"), []int{len(head) / 3, len(head) - 1, 2 * len(head)}[i%3]) {
			runtime.Gosched()
			if _, err := conn.Write(text); err != nil {
				return fmt.Errorf("handshake %d: %w", i, err)
			}
		}
		if err := answered("299 " + protocol); err != nil || protocol == "yes" {
			return err
		}
		if _, err := io.WriteString(conn, "GET /again HTTP/1.1\r\nHost: chat\r\n\r\n"); err != nil {
			return fmt.Errorf("handshake %d: %w", i, err)
		}
		return answered("200 OKGET /again")
	}
	for first := range 16 {
		clients.Go(func() {
			for i := range 6 {
				if err := handshake(16*i + first); err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	done.Store(true)
	load.Wait()
}

func TestHandshakeListener_Drain(t *testing.T) {
	l, dial := listener(t)
	silent, in := dial()
	for !l.silent.any() { // A silent connection is accepted about a second later.
		time.Sleep(time.Millisecond)
	}
	slow, slowIn := dial()
	say(t, slow, "GET /slow HTTP/1.1\r\n")
	late, lateIn := dial() // When it has its answer, the others were accepted.
	say(t, late, "GET /late HTTP/1.1\r\nHost: chat\r\n\r\n")
	answerOf(t, lateIn)
	left := make(chan struct{})
	go func() {
		defer close(left)
		l.Drain(context.Background())
	}()
	if _, err := in.ReadByte(); err == nil {
		t.Error("a silent connection has an answer")
	}
	silent.Close()
	say(t, slow, "Host: chat\r\n\r\n")
	if _, body := answerOf(t, slowIn); body != "GET /slow " {
		t.Errorf("a request that had begun has the answer %q", body)
	}
	<-left
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("it still accepts")
	}
}

// A successor reads what comes while its predecessor still has the data: calls are the
// first to be served when it is ready.
func TestHandshakeListener_ServeWith(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewHandshakeListener(ln)
	l.Start()
	l.Start()
	dial := func(text string) (net.Conn, *bufio.Reader) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		say(t, conn, text)
		return conn, bufio.NewReader(conn)
	}
	_, first := dial(head + "first\r\n\r\n")
	dial("GET /call HTTP/1.1\r\n\r\n")
	call, err := l.Accept() // The handshake before it waits.
	if err != nil {
		t.Fatal(err)
	}
	call.Close()
	l.ServeWith(echo{}, nil)
	if status, _ := answerOf(t, first); status != "299 first192.0.2.1" {
		t.Errorf("the handshake has the answer %q", status)
	}
	l.Close()
	l.reading.Wait()
}
