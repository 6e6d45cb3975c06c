package review

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
)

const functionARN = "arn:aws:lambda:us-west-2:123456789012:function:review"

// TestMain makes the test binary a Lambda function when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		runFunction(os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// fixture is a Reviewer with its metrics and log.
type fixture struct {
	*Reviewer
	metrics *Metrics
	log     *buffer
}

// newFixture makes a Reviewer with one rule, for functionARN. At the end of the test it
// checks that nothing is left running.
func newFixture(tb testing.TB, target string, change ...func(*Options)) *fixture {
	tb.Helper()
	f := &fixture{metrics: NewMetrics(nil), log: &buffer{}}
	o := Options{
		Region: "us-west-2", Metrics: f.metrics, Timeout: 2 * time.Second,
		Log: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if target != "" {
		o.Rules = []Rule{{functionARN, target}}
	}
	for _, c := range change {
		c(&o)
	}
	before := runtime.NumGoroutine()
	r, err := New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	f.Reviewer = r
	tb.Cleanup(func() {
		r.Close()
		http.DefaultClient.CloseIdleConnections()
		eventually(tb, "all goroutines of the Reviewer to end", func() bool { return runtime.NumGoroutine() <= before })
	})
	return f
}

func timeout(d time.Duration) func(*Options) { return func(o *Options) { o.Timeout = d } }

// newRoom makes a room with a handler.
func newRoom(fallback chat.FallbackResult) *chat.Room {
	return &chat.Room{
		ARN:                  chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.RoomResource, ID: "AbCdEfGhIjKl"},
		MaximumMessageLength: 100,
		MessageReviewHandler: &chat.MessageReviewHandler{URI: functionARN, FallbackResult: fallback},
	}
}

func newMessage(content string) *chat.Message {
	return &chat.Message{
		ID: chat.NewID(), Content: content, UserID: "ann",
		Attributes: map[string]string{"color": "attribute-of-message"}, SenderAttributes: map[string]string{"name": "attribute-of-sender"},
	}
}

// review reviews a message with the content in a room with the fallback result.
func (f *fixture) review(tb testing.TB, fallback chat.FallbackResult, content string) (*chat.Message, error) {
	tb.Helper()
	m, _, err := f.Review(tb.Context(), newRoom(fallback), newMessage(content), "203.0.113.9")
	return m, err
}

// result returns the result of the only review so far, from the metrics.
func (f *fixture) result(tb testing.TB) Result {
	tb.Helper()
	for _, r := range []Result{Allowed, Changed, Denied, Invalid, FunctionError, NotInvoked, TimedOut, Overloaded} {
		if testutil.ToFloat64(f.metrics.Results.WithLabelValues(functionARN, string(r))) == 1 {
			return r
		}
	}
	tb.Fatal("nothing was reviewed")
	return ""
}

// newServer starts an HTTP handler that answers as h does.
func newServer(tb testing.TB, h http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL + "/review?key=secret-of-the-operator"
}

// buffer is a bytes.Buffer for several writers and readers.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// eventually waits until the condition holds.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			stacks := make([]byte, 1<<20)
			tb.Fatalf("waited in vain for %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
