package conformance

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// exchange sends text to a port and returns the answers' statuses, and whether the
// server closed the connection behind the last of them within the time given.
func exchange(t *testing.T, e *endpoint, text string, within time.Duration) (statuses []int, closed bool) {
	t.Helper()
	conn := e.dialTCP(t, &net.Dialer{Timeout: patience})
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses, !errors.Is(err, os.ErrDeadlineExceeded)
		}
		statuses = append(statuses, res.StatusCode)
		if res.StatusCode == http.StatusSwitchingProtocols {
			return statuses, false
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatalf("the body of %d: %v", res.StatusCode, err)
		}
		res.Body.Close()
	}
}

// soon is how long an answer may take that waits for nothing.
const soon = 5 * time.Second

func TestLineEnds(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"bare LF":                   "GET /healthz HTTP/1.1\nHost: x\n\n",
		"bare LF in the first line": "GET /healthz HTTP/1.1\nHost: x\r\n\r\n",
		"bare LF in a header":       "GET /healthz HTTP/1.1\r\nHost: x\n\r\n",
		"bare LF at the end":        "GET /healthz HTTP/1.1\r\nHost: x\r\n\n",
		"a call with bare LF":       "POST /ListRooms HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
	} {
		check(t, name+" is answered at once", func(t *testing.T) {
			if statuses, _ := exchange(t, subject, request, soon); len(statuses) != 1 {
				t.Errorf("statuses %v", statuses)
			}
		})
	}
	check(t, "a handshake with bare LF is answered at once", func(t *testing.T) {
		h := newHandshake(subject.newToken(t, newRoom(t, nil), nil))
		statuses, _ := exchange(t, subject, h.line+"\n"+strings.Join(h.headers, "\n")+"\n\n", soon)
		if len(statuses) != 1 || statuses[0] != http.StatusSwitchingProtocols && statuses[0] != http.StatusBadRequest {
			t.Errorf("statuses %v", statuses)
		}
	})
}

func TestFraming(t *testing.T) {
	t.Parallel()
	const second = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	call := func(headers, body string) string {
		return "POST /ListRooms HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body + second
	}
	for name, request := range map[string]string{
		"Content-Length beside Transfer-Encoding": call("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
		"Transfer-Encoding before Content-Length": call("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", "2\r\n{}\r\n0\r\n\r\n"),
		"both in a GET of health":                 "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
		"two Content-Lengths that differ":         call("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
		"a list of Content-Lengths":               call("Content-Length: 2, 2\r\n", "{}"),
		"a Content-Length with a sign":            call("Content-Length: +2\r\n", "{}"),
		"an unknown Transfer-Encoding":            call("Transfer-Encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
		"Transfer-Encoding twice":                 call("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
		"Transfer-Encoding in HTTP/1.0":           "POST /ListRooms HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}" + second,
		"white space before a colon":              call("Content-Length : 2\r\n", "{}"),
		"a header that begins with white space":   "GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n" + second,
		"a chunk size that is none":               call("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
	} {
		check(t, name+" is answered, then the connection is closed", func(t *testing.T) {
			if statuses, closed := exchange(t, subject, request, soon); len(statuses) != 1 || !closed {
				t.Errorf("statuses %v, closed: %v", statuses, closed)
			}
		})
	}
	for name, request := range map[string]string{
		"one Content-Length":            call("Content-Length: 2\r\n", "{}"),
		"the same Content-Length twice": call("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
	} {
		check(t, name+" keeps the connection", func(t *testing.T) {
			if statuses, _ := exchange(t, subject, request, soon); len(statuses) != 2 && (len(statuses) != 1 || statuses[0] != http.StatusBadRequest) {
				t.Errorf("statuses %v", statuses)
			}
		})
	}
}

// late is more than the ten seconds that a server waits for a head or a body.
const late = 14 * time.Second

func TestSlowRequests(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	certificate, err := process.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secure := endpointOf(process.Serve(t, process.Options{Args: process.NoConnectRates, Certificate: certificate}))
	secure.tls = certificate.Client
	adminAddress, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	startServer(t, "--admin-listen", adminAddress)
	admin := &endpoint{websocket: "ws://" + adminAddress}
	dev := endpointOf(startServer(t, "--dev")) // It refuses these, because of their Host.
	ports := map[string]*endpoint{"main port": subject, "main port with TLS": secure, "admin port": admin, "--dev": dev}
	for port, e := range ports {
		for name, request := range map[string]string{
			"a body that does not come":            "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
			"a body that does not end":             "POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{",
			"a chunked body that does not come":    "POST /ListRooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			"a body of health that does not come":  "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
			"a body of OPTIONS that does not come": "OPTIONS /GetRoom HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
			"a body of a path that is none":        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
		} {
			check(t, port+": "+name+" is answered with 408, then the connection is closed", func(t *testing.T) {
				statuses, closed := exchange(t, e, request, late)
				if len(statuses) != 1 || statuses[0] != http.StatusRequestTimeout || !closed {
					t.Errorf("statuses %v, closed: %v", statuses, closed)
				}
			})
		}
	}
}

// A head that is late is answered, whatever has come of it.
func TestSlowHeads(t *testing.T) {
	t.Parallel()
	if own == nil {
		return
	}
	certificate, err := process.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secure := endpointOf(process.Serve(t, process.Options{Args: process.NoConnectRates, Certificate: certificate}))
	secure.tls = certificate.Client
	adminAddress, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	startServer(t, "--admin-listen", adminAddress)
	admin := &endpoint{websocket: "ws://" + adminAddress}
	for port, e := range map[string]*endpoint{"main port": subject, "main port with TLS": secure, "admin port": admin} {
		for name, request := range map[string]string{
			"half a call":      "POST /ListRooms HTTP/1.1\r\nHost: x\r\n",
			"half a GET":       "GET /healthz HTTP/1.1\r\nHost: x\r\n",
			"half a handshake": newHandshake("").line + "\r\nUpgrade: websocket\r\n",
			"half a line":      "GET /heal",
		} {
			check(t, port+": "+name+" is answered with 408, then the connection is closed", func(t *testing.T) {
				statuses, closed := exchange(t, e, request, late)
				if len(statuses) != 1 || statuses[0] != http.StatusRequestTimeout || !closed {
					t.Errorf("statuses %v, closed: %v", statuses, closed)
				}
			})
		}
	}
}
