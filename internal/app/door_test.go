package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/config"
	"confab/internal/websocket"
)

// porter answers handshakes with what it was told about them, and refuses those
// of the subprotocol "no".
type porter struct{}

func (porter) Serve(conn net.Conn, u *websocket.Upgrade, forwarded string, early []byte) ([]byte, bool) {
	fmt.Fprintf(conn, "HTTP/1.1 299 %s\r\nX-For: %s\r\nContent-Length: %d\r\n\r\n%s", u.Protocols[0], forwarded, len(early), early)
	if u.Protocols[0] == "no" {
		return early, true
	}
	conn.Close()
	return nil, false
}

// visit is a door with net/http behind it, which says what it was asked.
func visit(t *testing.T) (d *door, dial func() (net.Conn, *bufio.Reader)) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d = newDoor(ln, porter{})
	d.open()
	server := newHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
	}), nil)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(d) //nolint:errcheck // It ends when it is closed.
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return d, func() (net.Conn, *bufio.Reader) {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		// Less than the door waits for a head.
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

func TestDoor(t *testing.T) {
	_, dial := visit(t)
	for name, tt := range map[string]struct{ request, status, body string }{
		"a handshake is answered at the door":  {head + "yes\r\n\r\n", "299 yes192.0.2.1", ""},
		"so is what came with it":              {head + "yes\r\n\r\nearly", "299 yes192.0.2.1", "early"},
		"an unusual handshake is for net/http": {strings.Replace(head, "/", "/%61", 1) + "yes\r\n\r\n", "200 OK", "GET /a "},
		"so is a long one":                     {head + strings.Repeat("x", headSize) + "\r\n\r\n", "200 OK", "GET / "},
		"a GET without an upgrade is":          {"GET /healthz HTTP/1.1\r\nHost: chat\r\n\r\n", "200 OK", "GET /healthz "},
		"a call is, with its body":             {"POST /GetRoom HTTP/1.1\r\nHost: chat\r\nContent-Length: 3\r\n\r\nabc", "200 OK", "POST /GetRoom abc"},
		"what is no HTTP is":                   {"\x16\x03\x01\r\n\r\n", "400 Bad Request", "400 Bad Request"},
		"another method that begins with G is": {"GUT / HTTP/1.1\r\nHost: chat\r\n\r\n", "200 OK", "GUT / "},
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
			const begin, end = 200, 50           // What is between may come at once.
			for i := 0; i < len(request); {
				next := i + 1
				if i == begin && len(request) > begin+end {
					next = len(request) - end
				}
				if _, err := io.WriteString(conn, request[i:next]); err != nil {
					break // It has heard enough, and has answered.
				}
				i = next
			}
			if status, body := answerOf(t, in); status != tt.status || body != want {
				t.Errorf("answers %q, %q", status, body)
			}
		})
	}
	t.Run("who was refused may ask again", func(t *testing.T) {
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

func TestDoor_leave(t *testing.T) {
	d, dial := visit(t)
	silent, in := dial()
	slow, slowIn := dial()
	say(t, slow, "GET /slow HTTP/1.1\r\n")
	late, lateIn := dial() // The others were accepted when it has its answer.
	say(t, late, "GET /late HTTP/1.1\r\nHost: chat\r\n\r\n")
	answerOf(t, lateIn)
	left := make(chan struct{})
	go func() {
		defer close(left)
		d.leave(context.Background())
	}()
	if _, err := in.ReadByte(); err == nil {
		t.Error("who was silent has an answer")
	}
	silent.Close()
	say(t, slow, "Host: chat\r\n\r\n")
	if _, body := answerOf(t, slowIn); body != "GET /slow " {
		t.Errorf("who had begun to ask has the answer %q", body)
	}
	<-left
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.Addr().String()); err == nil {
		conn.Close()
		t.Error("the door is open")
	}
}

// A handshake that is held waits at the door, not in net/http.
func TestServer_held(t *testing.T) {
	s := start(t, func(c *config.Config) { c.MaxConnections = 1 })
	held := func(want float64) func() bool {
		return func() bool { return testutil.ToFloat64(s.metrics.HandshakesHeld) == want }
	}
	handshake := func(user string) net.Conn {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		say(t, conn, head+s.token(t, user)+"\r\n\r\n")
		return conn
	}
	first := s.connect(t, "ann")

	leaver := handshake("bob")
	eventually(t, "bob is held", held(1))
	leaver.Close()
	eventually(t, "bob is lost", func() bool {
		return testutil.ToFloat64(s.metrics.Handshakes.WithLabelValues("lost")) == 1
	})

	eager := handshake("eve")
	eventually(t, "eve is held", held(1))
	say(t, eager, "\x81\x81\x00\x00\x00\x00?")
	first.CloseNow()
	in := bufio.NewReader(eager)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("eve's answer is %v, %v", res, err)
	}
	res.Body.Close()
	frame := make([]byte, 64)
	if _, err := io.ReadFull(in, frame); err != nil || !strings.Contains(string(frame), `"ERROR"`) {
		t.Errorf("what eve sent while she was held is answered by %q, %v", frame, err)
	}
}
