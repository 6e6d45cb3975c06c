package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/testbed/process"
)

// messenger is a server with one room that makes one mistake.
type messenger struct {
	mistake    string
	expires    time.Duration // when its chat tokens expire, from now on
	handshakes atomic.Int64

	mu      sync.Mutex // guards what follows
	members []*websocket.Conn
	held    []byte // what the other members get later
	sent    int
}

func (m *messenger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Upgrade") != "":
		m.handshakes.Add(1)
		m.mu.Lock() // A member that has its answer gets each message from then on.
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{r.Header.Get("Sec-WebSocket-Protocol")}})
		m.members = append(m.members, conn)
		m.mu.Unlock()
		if err == nil {
			m.serve(r.Context(), conn)
		}
	case r.URL.Path == "/CreateChatToken":
		expires := time.Now().Add(m.expires).UTC().Format(time.RFC3339)
		fmt.Fprintf(w, `{"token":"token","sessionExpirationTime":"%s","tokenExpirationTime":"%s"}`, expires, expires)
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{%s}`, roomMembers)
	}
}

// serve answers the messages of a member until it leaves.
func (m *messenger) serve(ctx context.Context, conn *websocket.Conn) {
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var request struct{ RequestID, Content string }
		if err := json.Unmarshal(raw, &request); err != nil {
			return
		}
		m.deliver(ctx, conn, request.RequestID, request.Content)
	}
}

func (m *messenger) deliver(ctx context.Context, sender *websocket.Conn, request, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent++
	frame := []byte(fmt.Sprintf(`{"Type":"MESSAGE","Id":"%d","RequestId":"%s","Content":"%s","Sender":{"UserId":"load"}}`, m.sent, request, content))
	write := func(conn *websocket.Conn, frame []byte) { _ = conn.Write(ctx, websocket.MessageText, frame) }
	switch m.mistake {
	case "refuses":
		write(sender, []byte(fmt.Sprintf(`{"Type":"ERROR","Id":"%d","RequestId":"%s","ErrorCode":400,"ErrorMessage":"no"}`, m.sent, request)))
		return
	case "does not answer":
		return
	}
	for _, conn := range m.members {
		switch {
		case conn == sender:
			write(conn, frame)
			if m.held != nil && m.sent > 1 {
				write(conn, m.held)
			}
		case m.mistake == "doubles":
			write(conn, frame)
			write(conn, frame)
		case m.mistake == "loses":
		case m.mistake == "reorders" && m.held == nil:
			m.held = frame
		default:
			write(conn, frame)
		}
	}
}

// TestLoad_mistakes holds that a load test fails if a delivery is not as it should be.
func TestLoad_mistakes(t *testing.T) {
	for _, test := range []struct{ mistake, says string }{
		{"", ""},
		{"doubles", "0 deliveries were lost, 2 doubled, and 0 reordered"},
		{"loses", "2 deliveries were lost, 0 doubled, and 0 reordered"},
		{"reorders", "0 deliveries were lost, 0 doubled, and 1 reordered"},
		{"refuses", "2 messages were refused with ERROR 400"},
		{"does not answer", "2 messages were not answered"},
	} {
		t.Run(strings.TrimSpace("a server that "+test.mistake), func(t *testing.T) {
			m := &messenger{mistake: test.mistake, expires: time.Hour}
			server := httptest.NewServer(m)
			defer server.Close()
			b := inBackground(t, environment(t, server.URL), "load", foreignRoom, "--connections", "2", "--rate", "4", "--for", "500ms")
			status, said := b.ends(), strings.TrimSpace(b.errs.String())
			want := 1
			if test.says == "" {
				want = 0
			} else {
				test.says = "confab: " + test.says
			}
			if status != want || said != test.says {
				t.Errorf("exit status %d, want %d; it says %q, want %q\n%s", status, want, said, test.says, b.out.String())
			}
		})
	}
}

// TestLoad_clock has a clock that is an hour before the server's: the chat tokens seem to have
// expired already, and their connections stay.
func TestLoad_clock(t *testing.T) {
	m := &messenger{expires: -time.Hour}
	server := httptest.NewServer(m)
	defer server.Close()
	b := inBackground(t, environment(t, server.URL), "load", foreignRoom, "--connections", "2", "--rate", "10", "--for", "1s")
	if status := b.ends(); status != 0 || m.handshakes.Load() != 2 {
		t.Errorf("exit status %d, %d handshakes, want 2\n%s%s", status, m.handshakes.Load(), b.out.String(), b.errs.String())
	}
}

// TestLoad_limit stops the program for a while: it says that it was the limit itself.
func TestLoad_limit(t *testing.T) {
	const connections = 2
	o := newOutage(t, nil)
	load := inBackground(t, environment(t, o.Endpoint), "load", "demo", "--connections", fmt.Sprint(connections), "--rate", "20", "--for", "10m", "-o", "json")
	o.sees(connections)
	if err := load.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // This is the fault: messages are due, and are not sent.
	if err := load.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	o.sees(connections)
	load.ctrlC()
	status := load.ends()
	var report struct{ Limit string }
	if err := json.Unmarshal([]byte(load.out.String()), &report); err != nil || !strings.HasPrefix(report.Limit, "it ") {
		t.Errorf("exit status %d, %v, the limit is %q\n%s", status, err, report.Limit, load.errs.String())
	}
	if want := "confab: this program was the limit: " + report.Limit; !strings.Contains(load.errs.String(), want) {
		t.Errorf("it says %q, want %q", load.errs.String(), want)
	}
}

// TestConnect_refused holds that commands which connect to a room end when the server refuses
// their credentials, and say what to do.
func TestConnect_refused(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint), "AWS_ACCESS_KEY_ID=AKIDREVOKED000000001")
	for _, args := range [][]string{{"tail", foreignRoom}, {"chat", foreignRoom, "--as", "ann"}, {"load", foreignRoom}} {
		out, status := confab(t, env, args...)
		if status != 1 || strings.Count(out, "UnrecognizedClientException") != 1 || !strings.Contains(out, "check AWS_ACCESS_KEY_ID or the profile") {
			t.Errorf("%s: exit status %d\n%s", args[0], status, out)
		}
	}
}
