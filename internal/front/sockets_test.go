package front

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/transport"
)

// sessions is a SessionCounter with this number of sessions, all from this machine.
type sessions int

func (s sessions) Len() int           { return int(s) }
func (s sessions) LenFrom(string) int { return int(s) }

// port is a server behind LimitSockets.
type port struct {
	*Sockets
	tls *tls.Config // of clients; nil without TLS
	// hold, if set, keeps requests at work until it is closed.
	hold chan struct{}
}

// openPort serves GET with "ok". The forms are plain net/http, net/http with TLS, and
// net/http behind a HandshakeListener.
func openPort(t *testing.T, form string, limits SocketLimits) *port {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if form == "handshakes" {
		if ln, err = AcceptPlain(ln); err != nil {
			t.Fatal(err)
		}
	}
	p := &port{Sockets: LimitSockets(t.Context(), ln, limits, slog.New(slog.DiscardHandler)), hold: make(chan struct{})}
	server := NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-p.hold
		}
		io.WriteString(w, "ok") //nolint:errcheck // The client says how it went.
	}), time.Minute, slog.New(slog.DiscardHandler))
	server.ReadHeaderTimeout = 2 * time.Second
	var served net.Listener = p.Sockets
	switch form {
	case "TLS":
		certificates := httptest.NewUnstartedServer(nil)
		certificates.StartTLS()
		t.Cleanup(certificates.Close)
		p.tls = &tls.Config{InsecureSkipVerify: true}
		served = transport.NewTLSListener(p.Sockets, &tls.Config{Certificates: certificates.TLS.Certificates})
	case "handshakes":
		l := NewHandshakeListener(p.Sockets)
		l.ServeWith(echo{}, nil)
		l.Start()
		served = l
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(served) //nolint:errcheck // It ends when it is closed.
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return p
}

// idle waits until no connection is at work.
func (p *port) idle() {
	for busy := true; busy; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		busy = p.waiting.Len() < p.count
		p.mu.Unlock()
	}
}

// visitor is a client of a port.
type visitor struct {
	net.Conn
	tcp net.Conn
	in  *bufio.Reader
}

func (p *port) dial(t *testing.T) *visitor {
	t.Helper()
	tcp, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	if err := tcp.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	v := &visitor{Conn: tcp, tcp: tcp}
	if p.tls != nil {
		v.Conn = tls.Client(tcp, p.tls)
	}
	v.in = bufio.NewReader(v.Conn)
	return v
}

// get sends a request and returns the answer's status, or 0 if there is no answer.
func (v *visitor) get(path string, headers ...string) int {
	fmt.Fprintf(v, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, strings.Join(append(headers, ""), "\r\n"))
	return v.status()
}

func (v *visitor) status() int {
	res, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0
	}
	return res.StatusCode
}

// holdOne makes a connection that is at work until hold is closed.
func (p *port) holdOne(t *testing.T) *visitor {
	t.Helper()
	v := p.dial(t)
	say(t, v, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := v.in.ReadString('\n'); !strings.Contains(line, "200") {
		t.Fatalf("it begins with %q, %v", line, err)
	}
	return v
}

// open reports whether the server keeps the connection open. The end of a closed one has
// arrived within 50 ms.
func (v *visitor) open(t *testing.T) bool {
	t.Helper()
	raw, err := v.tcp.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// A read with a deadline would not do: on a busy machine the deadline passes before it.
	for end := time.Now().Add(50 * time.Millisecond); ; time.Sleep(time.Millisecond) {
		late := time.Now().After(end)
		var n int
		if raw.Read(func(fd uintptr) bool {
			n, _, err = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
			return true
		}) != nil {
			return false
		}
		switch {
		case err == nil && n > 0: // It is of TLS, or an answer before the end.
			v.tcp.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) //nolint:errcheck // Then it is closed.
			_, err := v.in.ReadByte()
			v.tcp.SetReadDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // As above.
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return false
			}
		case !errors.Is(err, syscall.EAGAIN):
			return false
		case late:
			return true
		}
	}
}

func open(t *testing.T, all []*visitor) (n int) {
	t.Helper()
	for _, v := range all {
		if v.open(t) {
			n++
		}
	}
	return n
}

var forms = []string{"net/http", "TLS", "handshakes"}

func TestSockets(t *testing.T) {
	const allowed = 3
	limited := map[string]SocketLimits{
		"of an address":                {PerAddress: allowed},
		"of an address, with sessions": {PerAddress: allowed + 2, Sessions: sessions(2)},
		"of all":                       {Max: allowed},
		"of all, with sessions":        {Max: allowed + 2, Sessions: sessions(2)},
		"of idle ones":                 {Max: 100, Idle: allowed},
	}
	for _, form := range forms {
		for name, limits := range limited {
			t.Run(form+": idle connections make way within the limit "+name, func(t *testing.T) {
				p := openPort(t, form, limits)
				var all []*visitor
				for i := range 12 {
					v := p.dial(t)
					if status := v.get("/"); status != http.StatusOK {
						t.Fatalf("request %d gets %d", i, status)
					}
					all = append(all, v)
				}
				if n := open(t, all); n > allowed || n == 0 {
					t.Errorf("%d are open, want at most %d", n, allowed)
				}
			})
			if limits.Idle > 0 {
				continue
			}
			t.Run(form+": connections that have sent nothing make way within the limit "+name, func(t *testing.T) {
				p := openPort(t, form, limits)
				var all []*visitor
				for range 12 {
					all = append(all, p.dial(t))
				}
				half := p.dial(t)
				io.WriteString(half.tcp, "GET /") //nolint:errcheck // Over TLS it is no handshake, and ends.
				if status := p.dial(t).get("/"); status != http.StatusOK {
					t.Fatalf("a request gets %d", status)
				}
				// AcceptPlain accepts silent connections about a second later.
				n := open(t, all)
				for end := time.Now().Add(10 * time.Second); n > allowed && time.Now().Before(end); {
					n = open(t, all)
				}
				if n > allowed {
					t.Errorf("%d are open, want at most %d", n, allowed)
				}
			})
		}
	}
	t.Run("what is at work makes no way, and the address is told", func(t *testing.T) {
		p := openPort(t, "net/http", SocketLimits{PerAddress: 2})
		busy := []*visitor{p.holdOne(t), p.holdOne(t)}
		if status := p.dial(t).get("/"); status != http.StatusTooManyRequests {
			t.Errorf("one more gets %d", status)
		}
		close(p.hold)
		for _, v := range busy {
			for line := ""; line != "2\r\n"; { // The size of the one chunk.
				var err error
				if line, err = v.in.ReadString('\n'); err != nil {
					t.Fatalf("a request at work ends with %v", err)
				}
			}
		}
	})
	t.Run("an address without a limit keeps all", func(t *testing.T) {
		loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		p := openPort(t, "net/http", SocketLimits{PerAddress: 1, TrustedProxies: loopback})
		all := []*visitor{p.dial(t), p.dial(t), p.dial(t)}
		for _, v := range all {
			v.get("/")
		}
		if n := open(t, all); n != 3 {
			t.Errorf("%d of a trusted proxy are open", n)
		}
	})
	t.Run("a private proxy that is not trusted keeps all", func(t *testing.T) {
		p := openPort(t, "handshakes", SocketLimits{PerAddress: 1})
		var all []*visitor
		for range 3 {
			v := p.dial(t)
			v.get("/", "X-Forwarded-For: 192.0.2.1")
			all = append(all, v)
		}
		if n := open(t, all); n != 3 {
			t.Errorf("%d are open", n)
		}
	})
	t.Run("one connection that is no session is always allowed", func(t *testing.T) {
		p := openPort(t, "net/http", SocketLimits{PerAddress: 2, Sessions: sessions(2)})
		for range 3 {
			if status := p.dial(t).get("/"); status != http.StatusOK {
				t.Errorf("it gets %d", status)
			}
			p.idle() // Otherwise the next one may find it at work.
		}
	})
	t.Run("a handshake does not count any more when it is over", func(t *testing.T) {
		p := openPort(t, "handshakes", SocketLimits{PerAddress: 1})
		for range 5 {
			v := p.dial(t)
			say(t, v, head+"yes\r\n\r\n")
			if status := v.status(); status != 299 {
				t.Errorf("it gets %d", status)
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.count > 1 || len(p.addresses) > 1 {
			t.Errorf("%d connections of %d addresses are left", p.count, len(p.addresses))
		}
	})
	t.Run("closing ends the wait for room", func(t *testing.T) {
		p := openPort(t, "net/http", SocketLimits{Max: 1})
		p.holdOne(t)
		p.dial(t)
		p.Close()
		close(p.hold) // The server ends when Accept does.
	})
}

// A head that does not arrive in time is answered. The deadlines of earlier heads do not
// affect later ones.
func TestSlowHead(t *testing.T) {
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := openPort(t, form, SocketLimits{})
			heads := map[string]*visitor{}
			for _, head := range []string{"P", "POST / HT", "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost:", "GET / HTTP/1.1\r\n"} {
				heads[head] = p.dial(t)
				io.WriteString(heads[head], head) //nolint:errcheck // The answer says how it went.
			}
			v := p.dial(t)
			say(t, v, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 3))
			for range 3 {
				if status := v.status(); status != http.StatusOK {
					t.Errorf("a request in a row gets %d", status)
				}
			}
			if status := v.get("/"); status != http.StatusOK {
				t.Errorf("a later request gets %d", status)
			}
			for head, late := range heads {
				if status := late.status(); status != http.StatusRequestTimeout {
					t.Errorf("%q gets %d", head, status)
				}
				if b, err := late.in.ReadByte(); err == nil {
					t.Errorf("%q has more behind its answer: %q", head, b)
				}
			}
		})
	}
}
