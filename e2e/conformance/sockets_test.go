package conformance

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// idle opens n connections that keep open what they may: each sends the text, and
// reads one answer if there is a text.
func idle(t *testing.T, e *endpoint, n int, text string) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = e.dialTCP(t, &net.Dialer{Timeout: patience})
		if text == "" {
			continue
		}
		if err := conns[i].SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conns[i], text); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	return conns
}

// stillOpen counts the connections that the server has not closed.
func stillOpen(t *testing.T, conns []net.Conn) (n int) {
	t.Helper()
	for _, c := range conns {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

const getNothing = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// Connections without a session cost a server a descriptor each.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	for name, text := range map[string]string{"idle": getNothing, "silent": ""} {
		check(t, name+" connections of an address are within its limit", func(t *testing.T) {
			e := endpointOf(startServer(t, "--max-connections-per-address", "10"))
			room := e.newRoom(t, nil)
			conns := idle(t, e, 30, text)
			s := e.join(t, room, nil)
			n := stillOpen(t, conns)
			for end := time.Now().Add(patience); n > 10 && text == "" && time.Now().Before(end); {
				n = stillOpen(t, conns) // The system accepts silent connections about a second later.
			}
			if n > 10 {
				t.Errorf("%d are open, want at most 10", n)
			}
			s.say(t, "hello")
			s.nextMessage(t, "hello")
		})
	}
	check(t, "idle connections are within the limit of the server", func(t *testing.T) {
		e := endpointOf(startServer(t, "--max-connections", "10"))
		room := e.newRoom(t, nil)
		conns := idle(t, e, 30, getNothing)
		e.join(t, room, nil)
		if n := stillOpen(t, conns); n > 10 {
			t.Errorf("%d are open, want at most 10", n)
		}
	})
	for name, text := range map[string]string{"idle": getNothing, "silent": "", "with half a request": "half"} {
		check(t, "when descriptors are scarce, connections "+name+" make way for a chat handshake", func(t *testing.T) {
			// More than the descriptors are for.
			e := endpointOf(process.Serve(t, process.Options{
				Args: process.NoConnectRates, Through: []string{"sh", "-c", `ulimit -n 300; exec "$0" "$@"`},
			}))
			room := e.newRoom(t, nil)
			var conns []net.Conn
			if text == "half" {
				conns = idle(t, e, 330, "")
				for _, c := range conns {
					io.WriteString(c, "GET / HTTP/1.1\r\n") //nolint:errcheck // Some are closed by now.
				}
			} else {
				conns = idle(t, e, 330, text)
			}
			e.http.CloseIdleConnections() // The server closes ours as well, maybe as it is used.
			begin := time.Now()
			s := e.join(t, room, nil)
			if took := time.Since(begin); took > soon {
				t.Errorf("the handshake took %v", took)
			}
			s.say(t, "hello")
			s.nextMessage(t, "hello")
			if n := stillOpen(t, conns); n > 300 {
				t.Errorf("%d are open", n)
			}
		})
	}
	for name, text := range map[string]string{"idle": "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "silent": ""} {
		check(t, "the admin port has at most 64 connections, and "+name+" ones make way", func(t *testing.T) {
			address, err := process.FreeAddress(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			startServer(t, "--admin-listen", address)
			admin := &endpoint{websocket: "ws://" + address}
			conns := idle(t, admin, 100, text)
			begin := time.Now()
			conns = append(conns, idle(t, admin, 1, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")...)
			if took := time.Since(begin); took > soon {
				t.Errorf("a request waited for %v", took)
			}
			if n := stillOpen(t, conns); n > 64 {
				t.Errorf("%d are open, want at most 64", n)
			}
		})
	}
	check(t, "a connection may be idle for --keep-alive", func(t *testing.T) {
		e := endpointOf(startServer(t, "--keep-alive", "2s"))
		conns := idle(t, e, 1, getNothing)
		if stillOpen(t, conns) != 1 {
			t.Error("it is closed at once")
		}
		if err := conns[0].SetReadDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		if _, err := conns[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("it ends with %v, want that the server closes it", err)
		}
	})
}
