package app

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/config"
)

// head is the head of a handshake, up to its token.
const head = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// A handshake that is held waits in the handshake listener, not in net/http.
func TestServer_held(t *testing.T) {
	s := start(t, func(c *config.Config) { c.MaxConnections = 1 })
	held := func(want float64) func() bool {
		return func() bool { return testutil.ToFloat64(s.metrics.Edge.HandshakesHeld) == want }
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
		return testutil.ToFloat64(s.metrics.Edge.Handshakes.WithLabelValues("lost")) == 1
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
