package chatlog

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// asked counts how often the transcript is asked for readers.
type asked struct {
	claims
	times atomic.Int64
}

func (a *asked) Readers(context.Context) ([]Reader, error) {
	a.times.Add(1)
	return nil, nil
}

// TestIdle has a service that knows that no reader can be owed anything. It asks the transcript
// only when that changes.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transcript := &asked{}
		var idle atomic.Pointer[chan struct{}]
		none := make(chan struct{})
		idle.Store(&none)
		s, err := New(Options{
			Transcript: transcript, Metrics: NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
			FlushInterval: 100 * time.Millisecond, ObjectInterval: 100 * time.Millisecond,
			Deliver: func(context.Context, Reader, string, []Record) error { return nil },
			Idle: func() <-chan struct{} {
				if c := idle.Load(); c != nil {
					return *c
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close(t.Context())
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := transcript.times.Load(); n != 1 {
			t.Errorf("asked %d times while nothing could be owed, want once, at the start", n)
		}
		idle.Store(nil)
		close(none)
		synctest.Wait()
		if n := transcript.times.Load(); n != 2 {
			t.Errorf("asked %d times, want once more at once", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := transcript.times.Load(); n < 11 || n > 13 {
			t.Errorf("asked %d times, want ten times more in a second", n)
		}
	})
}
