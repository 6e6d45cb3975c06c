package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

// outage is a server that ends without a word, and starts again where it was.
type outage struct {
	*process.Server
	t    *testing.T
	room string
}

func newOutage(t *testing.T, tags map[string]string) *outage {
	t.Helper()
	o := &outage{Server: process.Serve(t, process.Options{}), t: t}
	out, err := o.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{
		Name: aws.String("demo"), MaximumMessageRatePerSecond: aws.Int32(100), Tags: tags,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.room = *out.Arn
	return o
}

func (o *outage) kill() {
	o.t.Helper()
	if err := o.Kill(); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outage) start() {
	o.t.Helper()
	there, err := url.Parse(o.Endpoint)
	if err != nil {
		o.t.Fatal(err)
	}
	o.Server = process.Serve(o.t, process.Options{DataDir: o.DataDir, Address: there.Host})
}

// refuse is another server at the address, which refuses calls until there were that many.
func (o *outage) refuse(calls int) {
	o.t.Helper()
	there, err := url.Parse(o.Endpoint)
	if err != nil {
		o.t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(o.t.Context(), "tcp", there.Host)
	if err != nil {
		o.t.Fatal(err)
	}
	refused := make(chan struct{})
	var n atomic.Int64
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not here", http.StatusBadRequest)
		if n.Add(1) == int64(calls) {
			close(refused)
		}
	})}
	go server.Serve(listener) //nolint:errcheck // It ends with Close.
	defer server.Close()
	select {
	case <-refused:
	case <-time.After(screenTime):
		o.t.Fatalf("%d calls came, want %d", n.Load(), calls)
	}
}

// sees joins the room and reads messages until that many users have sent one.
func (o *outage) sees(users int) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	conn, err := process.Join(ctx, o.API(), o.WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: &o.room, UserId: aws.String("watcher")})
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.CloseNow()
	senders := map[string]bool{}
	for len(senders) < users {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			o.t.Fatalf("%d of %d users sent a message: %v", len(senders), users, err)
		}
		var f struct {
			Type   string
			Sender struct {
				UserID string `json:"UserId"`
			}
		}
		if err := json.Unmarshal(raw, &f); err != nil {
			o.t.Fatal(err)
		}
		if f.Type == "MESSAGE" {
			senders[f.Sender.UserID] = true
		}
	}
}

// TestLoad_outage kills the server in the middle of a load: its connections come back, and the
// report has all messages that were due, also those that could not be sent.
func TestLoad_outage(t *testing.T) {
	t.Run("the server comes back", func(t *testing.T) {
		const connections = 4
		o := newOutage(t, nil)
		load := inBackground(t, environment(t, o.Endpoint),
			"load", "demo", "--connections", strconv.Itoa(connections), "--rate", "8", "--for", "10m", "-o", "json")
		o.sees(connections)
		o.kill()
		o.refuse(4*connections + 1) // The official clients end after four attempts.
		o.start()
		o.sees(connections)
		load.ctrlC()
		status := load.ends()
		var r struct{ Connections, Disconnects, Messages, Lost, Reordered, Unsent int }
		if err := json.Unmarshal([]byte(load.out.String()), &r); err != nil {
			t.Fatalf("%v: %s%s", err, load.out.String(), load.errs.String())
		}
		if r.Connections != connections || r.Disconnects != connections || r.Messages < connections {
			t.Errorf("the report is %+v, want %d connections that were each lost once", r, connections)
		}
		if r.Lost != 0 || r.Reordered != 0 || r.Unsent != 0 || status != 0 {
			t.Errorf("exit status %d, the report is %+v, and it says %s", status, r, load.errs.String())
		}
	})
	t.Run("the server stays away", func(t *testing.T) {
		const rate, seconds = 10, 5
		o := newOutage(t, nil)
		load := inBackground(t, environment(t, o.Endpoint),
			"load", "demo", "--connections", "2", "--rate", strconv.Itoa(rate), "--for", fmt.Sprintf("%ds", seconds))
		o.sees(1)
		o.kill()
		if status := load.ends(); status != 1 {
			t.Errorf("exit status %d, want 1", status)
		}
		_, line, _ := strings.Cut(load.out.String(), "Messages ")
		line, _, _ = strings.Cut(line, ";")
		var accepted, unsent, unanswered int
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "%d accepted, %d not sent because no connection was open, %d without an answer",
			&accepted, &unsent, &unanswered); err != nil || accepted+unsent+unanswered != rate*seconds {
			t.Errorf("%v; it counts %d messages of %d\n%s", err, accepted+unsent+unanswered, rate*seconds, load.out.String())
		}
		if want := fmt.Sprintf("%d messages were not sent because no connection was open", unsent); !strings.Contains(load.errs.String(), want) {
			t.Errorf("it says %q, want %q", load.errs.String(), want)
		}
	})
}

// TestTail_outage kills the server while a tail follows a room with history: the tail says that
// its connection is lost, comes back, and prints each message once.
func TestTail_outage(t *testing.T) {
	o := newOutage(t, map[string]string{"confab:history": "1h"})
	env := environment(t, o.Endpoint)
	send := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if out, status := confab(t, env, "send", "demo", text, "--as", "ann"); status != 0 {
				t.Fatal(out)
			}
		}
	}
	send("kept")
	tail := inBackground(t, env, "tail", "demo", "--since", "1h", "-o", "jsonl")
	tail.prints(`"kept"`)
	send("before")
	tail.prints(`"before"`)
	o.kill()
	o.start()
	send("meanwhile")
	tail.prints(`"meanwhile"`)
	send("after")
	tail.prints(`"after"`)
	tail.ctrlC()
	if status := tail.ends(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	var got []string
	for line := range strings.Lines(tail.out.String()) {
		var f struct{ Content string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		got = append(got, f.Content)
	}
	if want := []string{"kept", "before", "meanwhile", "after"}; !slices.Equal(got, want) {
		t.Errorf("it prints %q, want %q", got, want)
	}
	if said := tail.errs.String(); !strings.HasPrefix(said, "confab: demo: the connection was lost: ") || !strings.Contains(said, "; connecting again\n") {
		t.Errorf("it says %q", said)
	}
}

// TestTail_lostRead loses the answer to the first call that reads the history, as when the server
// stops at that moment: the tail says so, and continues.
func TestTail_lostRead(t *testing.T) {
	o := newOutage(t, map[string]string{"confab:history": "1h"})
	var lost atomic.Bool
	endpoint := inFront(t, o.Server, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/ListMessages") && lost.CompareAndSwap(false, true) {
			panic(http.ErrAbortHandler)
		}
		pass.ServeHTTP(w, r)
	})
	tail := inBackground(t, environment(t, endpoint), "tail", "demo", "--since", "1h", "-o", "jsonl")
	tail.logs("confab: demo: what was missed cannot be read: ListMessages failed: ")
	if out, status := confab(t, environment(t, o.Endpoint), "send", "demo", "live", "--as", "ann"); status != 0 {
		t.Fatal(out)
	}
	tail.prints(`"live"`)
	tail.ctrlC()
	if status := tail.ends(); status != 0 {
		t.Errorf("exit status %d, want 0\n%s", status, tail.errs.String())
	}
}
