package review

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/messaging"
)

var _ messaging.Reviewer = (*Reviewer)(nil)

func TestReview_payload(t *testing.T) {
	var got any
	f := newFixture(t, newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s with content type %q", r.Method, r.Header.Get("Content-Type"))
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, `{"ReviewResult":"ALLOW","Content":"x"}`)
	}))
	m := newMessage("grüße <&> 😀\n\u2028")
	m.SenderAttributes = nil
	if _, _, err := f.Review(t.Context(), newRoom(chat.Deny), m, "2001:db8::1"); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Content": "grüße <&> 😀\n\u2028", "MessageId": m.ID,
		"RoomArn":    "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl",
		"Attributes": map[string]any{"color": "attribute-of-message"},
		"Sender":     map[string]any{"UserId": "ann", "Ip": "2001:db8::1", "Attributes": map[string]any{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReview_answers(t *testing.T) {
	for _, c := range []struct {
		name, json string
		result     Result
		content    string
		attributes map[string]string
		rejected   string
	}{
		{"allowed", `{"ReviewResult":"ALLOW","Content":"hello"}`, Allowed, "hello", map[string]string{"color": "attribute-of-message"}, ""},
		{"other content", `{"ReviewResult":"ALLOW","Content":"h****"}`, Changed, "h****", map[string]string{"color": "attribute-of-message"}, ""},
		{"other attributes", `{"ReviewResult":"ALLOW","Content":"hello","Attributes":{"a":"b"}}`, Changed, "hello", map[string]string{"a": "b"}, ""},
		{"attributes cleared", `{"ReviewResult":"ALLOW","Content":"hello","Attributes":{}}`, Changed, "hello", map[string]string{}, ""},
		{"denied", `{"ReviewResult":"DENY","Attributes":{"Reason":"reason-of-handler"}}`, Denied, "", nil, "reason-of-handler"},
		{"denied without a reason", `{"ReviewResult":"DENY"}`, Denied, "", nil, notAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.json) }))
			m := newMessage("hello")
			got, fallback, err := f.Review(t.Context(), newRoom(chat.Allow), m, "203.0.113.9")
			if fallback {
				t.Error("the fallback result has decided")
			}
			if c.rejected != "" {
				e, ok := errors.AsType[*chat.Error](err)
				if !ok || e.Code != chat.Rejected || e.ID != m.ID || e.Message != c.rejected {
					t.Fatalf("got %v, %+v; want a Rejected with the reason and the message's id", got, err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				want := *m
				want.Content, want.Attributes = c.content, c.attributes
				if diff := cmp.Diff(&want, got); diff != "" {
					t.Error(diff)
				}
			}
			if r := f.result(t); r != c.result {
				t.Errorf("counted as %s, want %s", r, c.result)
			}
			log := f.log.String()
			if (c.result == Allowed) != (log == "") {
				t.Errorf("the log is %q", log)
			}
			if log != "" && (strings.Count(log, "\n") != 1 || !strings.Contains(log, m.ID) || !strings.Contains(log, functionARN) || !strings.Contains(log, "result="+string(c.result)) || !strings.Contains(log, "duration=")) {
				t.Errorf("not one line with the message, handler, result and duration: %s", log)
			}
			discreet(t, log)
		})
	}
}

// discreet checks that a log quotes neither users nor handlers.
func discreet(t *testing.T, log string) {
	t.Helper()
	for _, secret := range []string{"hello", "h****", "attribute-of", "reason-of", "secret-of", "ann"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log says %q: %s", secret, log)
		}
	}
}

func TestReview_fallback(t *testing.T) {
	for _, fallback := range []chat.FallbackResult{chat.Allow, chat.Deny} {
		t.Run(string(fallback), func(t *testing.T) {
			f := newFixture(t, newServer(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "hello", http.StatusInternalServerError) }))
			m := newMessage("hello")
			got, decided, err := f.Review(t.Context(), newRoom(fallback), m, "203.0.113.9")
			if !decided {
				t.Error("it is not told that the fallback result decides")
			}
			if fallback == chat.Allow {
				if err != nil || got != m {
					t.Errorf("got %v, %v; want the original message", got, err)
				}
			} else if e, ok := errors.AsType[*chat.Error](err); !ok || e.Code != chat.Rejected || e.ID != m.ID || e.Message != notAllowed {
				t.Errorf("got %v, %+v; want a Rejected with the message's id", got, err)
			}
			log := f.log.String()
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, "fallback_result="+string(fallback)) || !strings.Contains(log, "status 500") {
				t.Errorf("not one line that says what happened: %s", log)
			}
			discreet(t, log)
		})
	}
}

func TestReview_overload(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	f := newFixture(t, newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		inside <- struct{}{}
		<-leave
		_, _ = io.WriteString(w, `{"ReviewResult":"DENY"}`)
	}), func(o *Options) {
		o.Concurrency = 2
		o.Timeout = time.Minute
		o.Rules = append(o.Rules, Rule{"*:other", "http://127.0.0.1:1/"})
	})
	var working sync.WaitGroup
	for range 2 {
		working.Go(func() {
			if _, err := f.review(t, chat.Allow, "hello"); chat.CodeOf(err) != chat.Rejected {
				t.Errorf("the handler denies; got %v", err)
			}
		})
		<-inside
	}
	// The handler has reached its limit.
	if m, err := f.review(t, chat.Allow, "one too many"); err != nil || m.Content != "one too many" {
		t.Errorf("got %v, %v; want what the fallback result says", m, err)
	}
	other := newRoom(chat.Allow)
	other.MessageReviewHandler.URI = "arn:aws:lambda:us-west-2:123456789012:function:other"
	if _, _, err := f.Review(t.Context(), other, newMessage("x"), ""); err != nil {
		t.Error(err)
	}
	close(leave)
	working.Wait()
	for result, want := range map[Result]float64{Overloaded: 1, Denied: 2} {
		if got := testutil.ToFloat64(f.metrics.Results.WithLabelValues(functionARN, string(result))); got != want {
			t.Errorf("%s counted %v times, want %v", result, got, want)
		}
	}
	if got := testutil.ToFloat64(f.metrics.Results.WithLabelValues(other.MessageReviewHandler.URI, string(NotInvoked))); got != 1 {
		t.Errorf("another handler was not asked, or not once: %v", got)
	}
	if len(f.gate.inside) != 0 {
		t.Errorf("still inside: %v", f.gate.inside)
	}
}
