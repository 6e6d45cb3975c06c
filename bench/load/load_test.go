//go:build linux

package load

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// events is a Receiver that remembers.
type events struct {
	messages []string
	closed   []error
}

func (e *events) Message(_ *Client, payload []byte, _ time.Duration) {
	e.messages = append(e.messages, string(payload))
}

func (e *events) Closed(_ *Client, cause error) { e.closed = append(e.closed, cause) }

// until polls until something has happened.
func until(t *testing.T, f *Fleet, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); {
		if err := f.Poll(100 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

// serve starts a server that sends back what it gets, and ends at "bye" with a
// Close frame.
func serve(t *testing.T, secure bool) (netip.AddrPort, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // It is no WebSocket client.
		}
		defer c.CloseNow()
		for {
			kind, p, err := c.Read(r.Context())
			switch {
			case err != nil:
				return
			case string(p) == "bye":
				c.Close(1001, "")
				return
			}
			if err := c.Write(r.Context(), kind, p); err != nil {
				return
			}
		}
	}))
	var client *tls.Config
	if secure {
		s.StartTLS()
		client = s.Client().Transport.(*http.Transport).TLSClientConfig
		client.ServerName = "example.com"
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String()), client
}

func TestFleet(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			to, config := serve(t, secure)
			got := &events{}
			f, err := NewFleet(got)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			connected := 0
			h := Handshake{Request: Request("/", ""), TLS: config, ReceiveBuffer: 16 << 10, Connected: func(*Client) { connected++ }}
			var clients []*Client
			for range 3 {
				c, err := f.Dial(to, h)
				if err != nil {
					t.Fatal(err)
				}
				clients = append(clients, c)
			}
			gone, err := f.Dial(to, h)
			if err != nil {
				t.Fatal(err)
			}
			f.Drop(gone)
			until(t, f, "three to be connected", func() bool { return connected == 3 && f.Open() == 3 && f.Opening() == 0 })
			// Larger than a record of TLS.
			for _, size := range []int{1, 1000, 30_000} {
				want := strings.Repeat("x", size)
				got.messages = nil
				if err := f.Send(clients[0], AppendFrame(nil, 1, []byte(want))); err != nil {
					t.Fatal(err)
				}
				until(t, f, "the echo", func() bool { return len(got.messages) == 1 })
				if got.messages[0] != want {
					t.Errorf("%d bytes came back as %d", size, len(got.messages[0]))
				}
			}
			// Who does not read gets everything later.
			if err := f.Stall(clients[1], true); err != nil {
				t.Fatal(err)
			}
			got.messages = nil
			for range 100 {
				if err := f.Send(clients[1], AppendFrame(nil, 1, []byte(strings.Repeat("y", 500)))); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Send(clients[2], AppendFrame(nil, 1, []byte("z"))); err != nil {
				t.Fatal(err)
			}
			until(t, f, "another's echo", func() bool { return len(got.messages) > 0 })
			if got.messages[0] != "z" {
				t.Errorf("a client that does not read got %.20q", got.messages[0])
			}
			if err := f.Stall(clients[1], false); err != nil {
				t.Fatal(err)
			}
			until(t, f, "all echoes", func() bool { return len(got.messages) == 101 })
			if err := f.Send(clients[0], AppendFrame(nil, 1, []byte("bye"))); err != nil {
				t.Fatal(err)
			}
			until(t, f, "the end", func() bool { return len(got.closed) == 1 })
			if closed, ok := errors.AsType[*CloseError](got.closed[0]); !ok || closed.Code != 1001 {
				t.Errorf("it was closed with %v", got.closed[0])
			}
			if f.Open() != 2 || !clients[0].Ended() {
				t.Errorf("%d are open", f.Open())
			}
			if err := f.Send(clients[0], AppendFrame(nil, 1, []byte("x"))); err == nil {
				t.Error("a client that has ended can send")
			}
		})
	}
	t.Run("a server that is not trusted", func(t *testing.T) {
		to, _ := serve(t, true)
		got := &events{}
		f, err := NewFleet(got)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Dial(to, Handshake{Request: Request("/", ""), TLS: &tls.Config{ServerName: "example.com", MinVersion: tls.VersionTLS12}}); err != nil {
			t.Fatal(err)
		}
		until(t, f, "the failure", func() bool { return len(got.closed) == 1 })
		if _, ok := errors.AsType[*tls.CertificateVerificationError](got.closed[0]); !ok || f.Opening() != 0 {
			t.Errorf("it ended with %v, and %d are opening", got.closed[0], f.Opening())
		}
	})
}
