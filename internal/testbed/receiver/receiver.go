// Package receiver is an endpoint for webhooks, for tests of the built binary. It verifies
// every call with the library of the Standard Webhooks project, and keeps the events.
package receiver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Event is one event of a call.
type Event struct {
	Type, ID, Time string
	Frame          json.RawMessage
	Room, Ban      map[string]any
	UserID         string
	Presence       struct{ Users, Connections int }
	// RoomARN is that of the call.
	RoomARN string `json:"-"`
}

// Call is one call with a valid signature.
type Call struct {
	ID     string
	Events []Event
}

// Receiver is an endpoint.
type Receiver struct {
	*httptest.Server

	mu       sync.Mutex // guards what follows
	verifier *standardwebhooks.Webhook
	answer   func(n int, c *Call) int
	n        int // calls, also those that were refused
	calls    []Call
	wrong    []error
	changed  chan struct{} // closed when something came
}

// Start starts an endpoint at http://127.0.0.1:…; with tls at https://.
func Start(t testing.TB, tls bool) *Receiver {
	t.Helper()
	r := &Receiver{changed: make(chan struct{})}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	if tls {
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
		for _, err := range r.Wrong() {
			t.Error(err)
		}
	})
	return r
}

// Verify sets the secret that calls are signed with. Calls before that are not verified.
func (r *Receiver) Verify(t testing.TB, secret string) {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = verifier
}

// Answer sets the status of answers, by the number of the call. What is answered with
// another status than 2xx is not kept. Answer is called without locks and may wait.
func (r *Receiver) Answer(f func(n int, c *Call) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *Receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	var payload struct {
		Type string
		Data struct {
			RoomARN string `json:"roomArn"`
			Events  []Event
		}
	}
	if err == nil {
		err = json.Unmarshal(body, &payload)
	}
	r.mu.Lock()
	verifier, answer := r.verifier, r.answer
	r.n++
	n := r.n
	r.mu.Unlock()
	if err == nil && verifier != nil {
		err = verifier.Verify(body, q.Header)
	}
	if err == nil && (payload.Type != "confab.events" || len(payload.Data.Events) == 0 || len(payload.Data.Events) > 100) {
		err = fmt.Errorf("a call with %d events of type %q", len(payload.Data.Events), payload.Type)
	}
	call := &Call{ID: q.Header.Get("webhook-id"), Events: payload.Data.Events}
	for i := range call.Events {
		call.Events[i].RoomARN = payload.Data.RoomARN
	}
	status := http.StatusNoContent
	if err != nil {
		status = http.StatusBadRequest
	} else if answer != nil {
		status = answer(n, call)
	}
	r.mu.Lock()
	switch {
	case err != nil:
		r.wrong = append(r.wrong, err)
	case status < 300:
		r.calls = append(r.calls, *call)
	}
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	w.Header().Set("Location", r.URL+"/elsewhere")
	w.WriteHeader(status)
}

// Wrong are the calls that no caller may make.
func (r *Receiver) Wrong() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}

// Tried is how many calls there were, also those that were refused.
func (r *Receiver) Tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// Calls are the calls that were answered with 2xx.
func (r *Receiver) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Call(nil), r.calls...)
}

// Events are the events that were answered with 2xx, each once, in the order in which they
// came first, and how many came again.
func (r *Receiver) Events() (events []Event, again int) {
	seen := map[string]bool{}
	for _, c := range r.Calls() {
		for _, e := range c.Events {
			if seen[e.ID] {
				again++
				continue
			}
			seen[e.ID] = true
			events = append(events, e)
		}
	}
	return events, again
}

// patience is longer than a webhook waits between two attempts in a test.
const patience = time.Minute

// Wait waits until ok holds, which is asked after each call.
func (r *Receiver) Wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			events, _ := r.Events()
			t.Fatalf("%s did not come; there are %d events after %d calls", what, len(events), r.Tried())
		}
	}
}

// WaitEvents waits until there are n events, and returns them.
func (r *Receiver) WaitEvents(t testing.TB, n int) []Event {
	t.Helper()
	r.Wait(t, fmt.Sprintf("event %d", n), func() bool {
		events, _ := r.Events()
		return len(events) >= n
	})
	events, _ := r.Events()
	return events
}
