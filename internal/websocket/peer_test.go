package websocket

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/rfc6455"
	"confab/internal/transport"
)

// forms are the ways to serve connections. Important tests run with all of them.
var forms = []form{
	{"sockets", openRing, false},
	{"sockets with io_submit", openSubmit, false},
	{"sockets with write", transport.Open, false},
	{"TLS", openRing, true},
	{"goroutines", transport.OpenGoroutines, false},
	{"TLS with goroutines", transport.OpenGoroutines, true},
}

// opener opens the poller of a loop.
type opener = func(transport.Loop, *transport.Options) (transport.Poller, error)

// openRing is transport.Open with io_uring, if the system has it.
func openRing(l transport.Loop, o *transport.Options) (transport.Poller, error) {
	o.IOURing = true
	return transport.Open(l, o)
}

// openSubmit is transport.Open with io_submit, if the system has it.
func openSubmit(l transport.Loop, o *transport.Options) (transport.Poller, error) {
	o.IOSubmit = true
	return transport.Open(l, o)
}

type form struct {
	name string
	open opener
	tls  bool
}

// eachFormAtOnce is eachForm for tests that mostly wait: the forms run at the same time,
// after the calling function has returned.
func eachFormAtOnce(t *testing.T, test func(t *testing.T, start func(Options, Handler) *peerServer)) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		t.Parallel()
		test(t, start)
	})
}

// eachForm runs a test once per form.
func eachForm(t *testing.T, test func(t *testing.T, start func(Options, Handler) *peerServer)) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			test(t, func(o Options, h Handler) *peerServer {
				t.Helper()
				return f.start(t, o, h)
			})
		})
	}
}

// handler is a Handler made of functions; a nil one does nothing.
type handler struct {
	message  func(c *Conn, op rfc6455.Opcode, payload []byte)
	deadline func(c *Conn)
	closed   func(c *Conn, cause error)
}

func (h handler) Message(c *Conn, op rfc6455.Opcode, payload []byte) {
	if h.message != nil {
		h.message(c, op, payload)
	}
}

func (h handler) Deadline(c *Conn) {
	if h.deadline != nil {
		h.deadline(c)
	}
}

func (h handler) Closed(c *Conn, cause error) {
	if h.closed != nil {
		h.closed(c, cause)
	}
}

// peerServer is a Server behind HTTP, with one group.
type peerServer struct {
	*Server
	http *httptest.Server
	// client trusts the server's certificate; nil without TLS.
	client *http.Client
	group  *Group
	// pending is the sum of what Options.PendingBytes was called with.
	pending atomic.Int64
	// attached receives every connection, if it is not nil.
	attached chan *Conn
	// prepare may change an attachment.
	prepare func(a *Attachment)
}

func startServer(t testing.TB, o Options, h Handler, open opener) *peerServer {
	t.Helper()
	return form{open: open}.start(t, o, h)
}

func (f form) start(t testing.TB, o Options, h Handler) *peerServer {
	t.Helper()
	s := &peerServer{}
	report := o.PendingBytes
	o.PendingBytes = func(delta int) {
		s.pending.Add(int64(delta))
		if report != nil {
			report(delta)
		}
	}
	s.Server = newServer(o, h, f.open)
	s.group = s.NewGroup()
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(t, w, r) }))
	if f.tls {
		var config *tls.Config
		config, s.client = certified()
		s.http.Listener = transport.NewTLSListener(s.http.Listener, config)
	}
	s.http.Start()
	t.Cleanup(s.stop)
	return s
}

// certified returns the configuration of a server with a certificate, and a client
// that trusts it.
func certified() (*tls.Config, *http.Client) {
	cert := certificate()
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	client := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: serverName}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}, &http.Client{Transport: &http.Transport{TLSClientConfig: client}}
}

// serverName is the name in the certificate of the tests.
const serverName = "example.com"

// certificate is the one of all tests. Its key is of ECDSA: with the RSA key of httptest,
// a handshake takes many times the processor time, and tests have thousands.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{serverName}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

// stop ends everything.
func (s *peerServer) stop() {
	s.http.Close()
	s.Close()
}

func (s *peerServer) serve(t testing.TB, w http.ResponseWriter, r *http.Request) {
	u, err := rfc6455.CheckUpgrade(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("hijack: %v", err)
		return
	}
	early, err := rw.Peek(rw.Reader.Buffered())
	if err != nil {
		t.Errorf("peek: %v", err)
	}
	var protocol string
	if len(u.Protocols) > 0 {
		protocol = u.Protocols[0]
	}
	a := Attachment{Conn: conn, Response: u.Response(protocol), Buffered: early, Group: s.group}
	if s.prepare != nil {
		s.prepare(&a)
	}
	c, err := s.Attach(a)
	if err != nil {
		return
	}
	if s.attached != nil {
		s.attached <- c
	}
}

// dial connects a client of another implementation.
func (s *peerServer) dial(t testing.TB) *websocket.Conn {
	t.Helper()
	url := s.http.URL
	if s.client != nil {
		url = strings.Replace(url, "http:", "https:", 1)
	}
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPClient: s.client}) //nolint:bodyclose // The library says there is no need.
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// rawConn is a client that writes and reads bytes.
type rawConn struct {
	net.Conn
	tcp *net.TCPConn // below TLS, if TLS is used
	r   *bufio.Reader

	cork *cork
}

// cork is a TCP connection that can buffer writes, to send them at once.
type cork struct {
	*net.TCPConn
	holding bool
	held    []byte
	// ready makes Read return only what has arrived, and os.ErrDeadlineExceeded after that.
	// A deadline would not do: it may pass before the first read.
	ready bool
}

func (c *cork) Read(p []byte) (n int, err error) {
	if !c.ready {
		return c.TCPConn.Read(p)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), p)
		return true
	})
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err != nil || failed != nil:
		return 0, errors.Join(err, failed)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *cork) Write(p []byte) (int, error) {
	if !c.holding {
		return c.TCPConn.Write(p)
	}
	c.held = append(c.held, p...)
	return len(p), nil
}

// writeTogether writes each piece separately, with TLS as a separate record, and
// sends all of them at once.
func (c *rawConn) writeTogether(t testing.TB, pieces ...[]byte) {
	t.Helper()
	c.cork.holding = true
	for _, p := range pieces {
		c.write(t, p...)
	}
	c.cork.holding = false
	if _, err := c.cork.Write(c.cork.held); err != nil {
		t.Fatalf("write: %v", err)
	}
	c.cork.held = nil
}

const requestHead = "GET / HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// dialRaw connects with a handshake that is directly followed by early.
func (s *peerServer) dialRaw(t testing.TB, early ...byte) *rawConn {
	t.Helper()
	c := s.dialHead(t, requestHead+string(early))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatalf("read the response: %v", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %s, want 101", resp.Status)
	}
	return c
}

// dialHead connects and writes head, without waiting for an answer.
func (s *peerServer) dialHead(t testing.TB, head string) *rawConn {
	t.Helper()
	n, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { n.Close() })
	if err := n.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil { // A busy machine takes long.
		t.Fatal(err)
	}
	tcp := n.(*net.TCPConn)
	cork := &cork{TCPConn: tcp}
	n = cork
	if s.client != nil {
		n = tls.Client(n, s.client.Transport.(*http.Transport).TLSClientConfig)
	}
	if _, err := io.WriteString(n, head); err != nil {
		t.Fatalf("write the handshake: %v", err)
	}
	return &rawConn{n, tcp, bufio.NewReader(n), cork}
}

func (c *rawConn) write(t testing.TB, p ...byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// frame reads one frame of the server.
func (c *rawConn) frame() (op rfc6455.Opcode, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0x80 == 0 || head[0]&0x70 != 0 || head[1]&0x80 != 0 {
		return 0, nil, errors.New("a frame that this server does not write")
	}
	n := int(head[1])
	for extra := map[int]int{126: 2, 127: 8}[n]; extra > 0; extra-- {
		if n >= 126 && extra%2 == 0 && (extra == 2 || extra == 8) {
			n = 0
		}
		b, err := c.r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		n = n<<8 | int(b)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return rfc6455.Opcode(head[0] & 0xf), payload, err
}

// clientFrame returns a masked frame.
func clientFrame(first byte, payload string) []byte {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := rfc6455.AppendHeader(nil, 0, len(payload))
	b[0] = first
	b[1] |= 0x80
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %s", what)
		}
		wait(2 * time.Millisecond)
	}
}

// wait sleeps where there is no event to wait for.
func wait(d time.Duration) { <-time.After(d) }

// receive takes a value within a deadline.
func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("timed out: %s", what)
		panic("unreachable")
	}
}

var echo = handler{message: func(c *Conn, op rfc6455.Opcode, payload []byte) {
	c.echo(op, payload)
}}

// echo sends a message back unchanged.
func (c *Conn) echo(op rfc6455.Opcode, payload []byte) {
	frame := rfc6455.AppendFrame(nil, op, payload)
	c.loop.post(func() {
		if c.state == stateOpen {
			c.owe(frame)
		}
	})
}
