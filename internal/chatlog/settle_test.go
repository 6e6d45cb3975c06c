package chatlog_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"confab/internal/chat"
)

// Settle returns when the calls that are under way are over, and not before.
func TestSettle(t *testing.T) {
	t.Parallel()
	calls, release := make(chan struct{}, 100), make(chan struct{})
	once := sync.OnceFunc(func() { close(release) })
	defer once()
	destination := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls <- struct{}{}
		<-release
		w.WriteHeader(http.StatusOK)
	}))
	defer destination.Close()
	defer once()
	b := newBench(t)
	arn := b.configuration(chat.Destination{Type: chat.S3, Name: "bucket"})
	b.start(destination.URL)
	if err := b.logs.Settle(t.Context()); err != nil {
		t.Errorf("without a delivery: %v", err)
	}
	b.append("room00000001", 1, arn)
	<-calls
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := b.logs.Settle(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("during a call: %v", err)
	}
	once()
	if err := b.logs.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	b.delivered()
}
