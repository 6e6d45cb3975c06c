package conformance

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// handshake is an opening handshake, written out so that every byte can be wrong.
type handshake struct {
	line    string
	headers []string
	// behind is sent together with the handshake.
	behind []byte

	conn *rawConn // after the handshake
	body string   // of a refusal
}

// newHandshake is a good handshake with the token.
func newHandshake(token string) *handshake {
	var key [16]byte
	rand.Read(key[:])
	h := &handshake{line: "GET / HTTP/1.1", headers: []string{
		"Host: chat.example.com", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key[:]), "Sec-WebSocket-Version: 13",
	}}
	if token != "" {
		h.headers = append(h.headers, "Sec-WebSocket-Protocol: "+token)
	}
	return h
}

// set replaces a header; without a value it removes it.
func (h *handshake) set(name, value string) *handshake {
	kept := h.headers[:0:0]
	for _, line := range h.headers {
		if !strings.HasPrefix(strings.ToLower(line), strings.ToLower(name)+":") {
			kept = append(kept, line)
		}
	}
	if value != "" {
		kept = append(kept, name+": "+value)
	}
	h.headers = kept
	return h
}

// answer is the head of the answer to a handshake.
type answer struct {
	StatusCode int
	Header     http.Header
}

// handshake sends h on a connection of its own and reads the answer.
func (e *endpoint) handshake(t *testing.T, h *handshake) answer {
	t.Helper()
	return handshakeOn(t, e.dialTCP(t, &net.Dialer{Timeout: patience}), h)
}

// dialTCP opens a connection to the messaging endpoint, with TLS where it speaks it.
func (e *endpoint) dialTCP(t *testing.T, dialer *net.Dialer) net.Conn {
	t.Helper()
	_, address, _ := strings.Cut(e.websocket, "://")
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if e.tls == nil {
		return conn
	}
	return tls.Client(conn, e.tls)
}

func handshakeOn(t *testing.T, conn net.Conn, h *handshake) answer {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	request := h.line + "\r\n" + strings.Join(h.headers, "\r\n") + "\r\n\r\n"
	if _, err := conn.Write(append([]byte(request), h.behind...)); err != nil {
		t.Fatal(err)
	}
	h.conn = &rawConn{Conn: conn, r: bufio.NewReader(conn)}
	res, err := http.ReadResponse(h.conn.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		h.body = string(b)
	}
	return answer{res.StatusCode, res.Header}
}

// raw connects a new user to the room and returns the bare connection.
func (e *endpoint) raw(t *testing.T, room resource) *rawConn {
	t.Helper()
	h := newHandshake(e.newToken(t, room, nil))
	if res := e.handshake(t, h); res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake refused with %d: %s", res.StatusCode, h.body)
	}
	return h.conn
}
