package websocket

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"weak"

	"confab/internal/rfc6455"
	"confab/internal/transport"
)

// half is one direction of a TLS 1.3 client (RFC 8446, sections 5 and 7).
// crypto/tls is used for the handshake only: it never requests new keys, and closes
// the connection if a server updates its own keys too often.
type half struct {
	tcp    net.Conn
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
	data   []byte // decrypted, not returned by Read yet
}

// newHalf continues after a handshake, with the secret that the handshake logged.
func newHalf(t *testing.T, tcp net.Conn, keyLog, label string) *half {
	t.Helper()
	for line := range strings.Lines(keyLog) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == label {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			h := &half{tcp: tcp, secret: secret}
			if err := h.derive(); err != nil {
				t.Fatal(err)
			}
			return h
		}
	}
	t.Fatalf("no secret in the key log:\n%s", keyLog)
	return nil
}

// derive derives the keys of the current secret.
func (h *half) derive() error {
	key, err := expand(h.secret, "key", 16)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	if h.aead, err = cipher.NewGCM(block); err != nil {
		return err
	}
	h.seq = 0
	h.iv, err = expand(h.secret, "iv", h.aead.NonceSize())
	return err
}

// update derives the next secret.
func (h *half) update() (err error) {
	if h.secret, err = expand(h.secret, "traffic upd", sha256.Size); err != nil {
		return err
	}
	return h.derive()
}

// expand is HKDF-Expand-Label without a context.
func expand(secret []byte, label string, n int) ([]byte, error) {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len(label)))
	return hkdf.Expand(sha256.New, secret, string(info)+label+"\x00", n)
}

// nonce returns the nonce of the next record.
func (h *half) nonce() []byte {
	nonce := bytes.Clone(h.iv)
	for i := range 8 {
		nonce[len(nonce)-8+i] ^= byte(h.seq >> (56 - 8*i))
	}
	h.seq++
	return nonce
}

// The types of records, and a message.
const (
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
	keyUpdate       = 24
)

// record appends a record.
func (h *half) record(b []byte, kind byte, content ...byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{recordData, 3, 3}, uint16(len(content)+1+h.aead.Overhead()))
	return h.aead.Seal(append(b, head...), h.nonce(), append(content, kind), head)
}

// writeBehindUpdates writes a hundred KeyUpdates that each request one, and then data.
func (h *half) writeBehindUpdates(t *testing.T, data []byte) error {
	t.Helper()
	var b []byte
	for range 10 {
		for range 10 {
			b = h.record(b, recordHandshake, keyUpdate, 0, 0, 1, 1)
			if err := h.update(); err != nil {
				t.Fatal(err)
			}
		}
		// crypto/tls does not accept many more of them in a row.
		b = h.record(b, recordData, pong("")...)
	}
	_, err := h.tcp.Write(h.record(b, recordData, data...))
	return err
}

// Read reads data, and updates the keys when the server requests it.
func (h *half) Read(p []byte) (int, error) {
	for len(h.data) == 0 {
		var head [5]byte
		if _, err := io.ReadFull(h.tcp, head[:]); err != nil {
			return 0, err
		}
		sealed := make([]byte, binary.BigEndian.Uint16(head[3:]))
		if _, err := io.ReadFull(h.tcp, sealed); err != nil {
			return 0, err
		}
		content, err := h.aead.Open(sealed[:0], h.nonce(), sealed, head[:])
		if err != nil {
			return 0, err
		}
		last := len(content) - 1
		switch kind := content[last]; {
		case kind == recordData:
			h.data = content[:last]
		case kind == recordHandshake && bytes.Equal(content[:last], []byte{keyUpdate, 0, 0, 1, 0}):
			if err := h.update(); err != nil {
				return 0, err
			}
		case kind == recordAlert && content[1] == 0:
			// close_notify: FIN follows.
		default:
			return 0, fmt.Errorf("a record of type %d: %x", kind, content[:last])
		}
	}
	n := copy(p, h.data)
	h.data = h.data[n:]
	return n, nil
}

// dialHalves connects a peer that reads from one half, and returns the other.
func (s *peerServer) dialHalves(t *testing.T) (*rawConn, *half) {
	t.Helper()
	var keyLog bytes.Buffer
	s.client.Transport.(*http.Transport).TLSClientConfig.KeyLogWriter = &keyLog
	peer := s.dialHead(t, "")
	c := peer.Conn.(*tls.Conn)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if id := c.ConnectionState().CipherSuite; id != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("the cipher suite is %s", tls.CipherSuiteName(id))
	}
	peer.r = bufio.NewReader(newHalf(t, peer.tcp, keyLog.String(), "SERVER_TRAFFIC_SECRET_0"))
	w := newHalf(t, peer.tcp, keyLog.String(), "CLIENT_TRAFFIC_SECRET_0")
	if _, err := peer.tcp.Write(w.record(nil, recordData, []byte(requestHead)...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(peer.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return peer, w
}

// The answers to KeyUpdates are sent before data that is encrypted with the new keys,
// even if the peer reads slowly.
func TestKeyUpdate(t *testing.T) {
	handled := make(chan struct{}, 1)
	s := form{open: openRing, tls: true}.start(t, Options{MaxPending: 16 << 10}, handler{message: func(c *Conn, _ rfc6455.Opcode, p []byte) {
		c.Send(p)
		handled <- struct{}{}
	}})
	peer, w := s.dialHalves(t)
	sent := 0
	for s.pendingBytes() == 0 {
		if sent == 2000 {
			t.Fatal("the socket takes everything")
		}
		if err := w.writeBehindUpdates(t, text(strconv.Itoa(sent))); err != nil {
			t.Fatal(err)
		}
		receive(t, handled, "the message")
		sent++
	}
	for i := range sent {
		if _, p, err := peer.frame(); err != nil || string(p) != strconv.Itoa(i) {
			t.Fatalf("read %q, %v; want %d", p, err, i)
		}
	}
	if err := w.writeBehindUpdates(t, text("last")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := peer.frame(); err != nil || string(p) != "last" {
		t.Errorf("read %q, %v", p, err)
	}
}

// A peer that requests KeyUpdates and does not read them is dropped as slow.
func TestKeyUpdatesAreBounded(t *testing.T) {
	causes := make(chan error, 1)
	s := form{open: openRing, tls: true}.start(t, Options{MaxPending: 16 << 10}, handler{closed: func(_ *Conn, cause error) { causes <- cause }})
	_, w := s.dialHalves(t)
	for range 2000 {
		if err := w.writeBehindUpdates(t, pong("")); err != nil {
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrSlow) {
				t.Errorf("Closed with %v", cause)
			}
			return
		}
	}
	t.Error("it is never dropped")
}

// The server does not answer after its end: that would cause a reset.
func TestKeyUpdatesBehindTheEnd(t *testing.T) {
	s := form{open: openRing, tls: true}.start(t, Options{CloseTimeout: 20 * time.Second}, handler{})
	s.attached = make(chan *Conn, 1)
	peer, w := s.dialHalves(t)
	receive(t, s.attached, "the connection").Close(1000, "")
	if op, _, err := peer.frame(); err != nil || op != rfc6455.Close {
		t.Fatalf("read %d, %v; want a Close frame", op, err)
	}
	for range 50 {
		if err := w.writeBehindUpdates(t, pong("")); err != nil {
			t.Fatalf("write: %v, want no reset", err)
		}
	}
	peer.Close()
	eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
}

// remembering is a listener with a weak pointer to its last accepted connection.
type remembering struct {
	net.Listener
	last weak.Pointer[net.TCPConn]
}

func (l *remembering) Accept() (net.Conn, error) {
	n, err := l.Listener.Accept()
	if err == nil {
		l.last = weak.Make(n.(*net.TCPConn))
	}
	return n, err
}

// The loop keeps no reference to the accepted net.Conn.
func TestSecureKeepsNoNetConn(t *testing.T) {
	s := NewServer(Options{IOURing: true}, echo)
	t.Cleanup(s.Close)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	l := &remembering{Listener: tcp}
	config, client := certified()
	handshake := make(chan error, 1)
	peer, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	secured := tls.Client(peer, client.Transport.(*http.Transport).TLSClientConfig)
	t.Cleanup(func() { secured.Close() })
	go func() { handshake <- secured.Handshake() }()
	conn, err := transport.NewTLSListener(l, config).Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.(*tls.Conn).Handshake(), receive(t, handshake, "the handshake")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Attach(Attachment{Conn: conn}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the net.Conn to be let go", func() bool {
		runtime.GC()
		return l.last.Value() == nil
	})
}
