package erasure_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/erasure"
	"confab/internal/history"
	"confab/internal/messaging"
)

// server has the messages of a user in its history and in memory, and deletes them.
type server struct {
	history []history.Message // the newest first
	memory  []messaging.Sent

	mu      sync.Mutex // guards the rest
	failing error
	deleted []string
	gone    map[string]bool
}

func (s *server) DeleteMessage(_ context.Context, _, id, reason, by string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing != nil {
		return "", s.failing
	}
	if reason != "spam" || by != "mo" {
		return "", fmt.Errorf("deleted by %s: %s", by, reason)
	}
	s.deleted = append(s.deleted, id)
	if s.gone == nil {
		s.gone = map[string]bool{}
	}
	s.gone[id] = true
	return "", nil
}

// List returns small pages.
func (s *server) List(_ context.Context, q history.Query) ([]history.Message, *history.Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if q.After != nil {
		from = int(q.After.Position)
	}
	end := min(from+min(q.Max, 100), len(s.history))
	var page []history.Message
	for _, m := range s.history[from:end] {
		if !s.gone[m.ID] && !m.SendTime.Before(q.Start) {
			page = append(page, m)
		}
	}
	if end == len(s.history) {
		return page, nil, nil
	}
	return page, &history.Cursor{Position: int64(end)}, nil
}

func (s *server) SentBy(_ context.Context, _, _ string, since time.Time) []messaging.Sent {
	return slices.DeleteFunc(slices.Clone(s.memory), func(m messaging.Sent) bool { return m.Time.Before(since) })
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.deleted)
}

// cleaned has n messages in its history, m1 the oldest, a second apart.
func cleaned(t *testing.T, n int) (*server, func() int) {
	t.Helper()
	s := &server{}
	for i := n; i > 0; i-- {
		s.history = append(s.history, history.Message{ID: fmt.Sprint("m", i), SendTime: time.Now().Add(time.Duration(i-n) * time.Second)})
	}
	grace, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	c := erasure.NewCleaner(grace, erasure.CleanerOptions{Live: s, History: s, SentBy: s.SentBy, Log: slog.New(slog.DiscardHandler)})
	room := &chat.Room{Tags: map[string]string{"confab:history": "24h"}, MaximumMessageRatePerSecond: 10}
	return s, func() int {
		n, err := c.Clean(t.Context(), room, erasure.CleanUp{UserID: "ann", By: "mo", Reason: "spam"})
		if err != nil {
			t.Error(err)
		}
		return n
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	run := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
	}
	run("messages of the history and of memory, once, the newest first", func(t *testing.T) {
		s, clean := cleaned(t, 3)
		s.memory = []messaging.Sent{{ID: "m3", Time: s.history[0].SendTime}, {ID: "new", Time: time.Now().Add(time.Second)}}
		if n := clean(); n != 4 || !slices.Equal(s.deleted, []string{"new", "m3", "m2", "m1"}) {
			t.Errorf("%d: %v", n, s.deleted)
		}
	})
	run("at most 500, at the room's rate, and it answers earlier", func(t *testing.T) {
		s, clean := cleaned(t, 700)
		began := time.Now()
		if n := clean(); n != 500 || s.count() > 51 {
			t.Errorf("%d messages, %d deleted at the answer", n, s.count())
		}
		for s.count() < 500 {
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took < 49*time.Second {
			t.Errorf("500 messages at 10 a second took %s", took)
		}
	})
	run("what waits is not deleted twice", func(t *testing.T) {
		s, clean := cleaned(t, 100)
		first := clean()
		if again := clean(); first != 100 || again != 0 {
			t.Errorf("%d, then %d", first, again)
		}
		time.Sleep(time.Minute)
		if s.count() != 100 {
			t.Errorf("%d are deleted", s.count())
		}
	})
	run("a throttled or failing deletion is tried again", func(t *testing.T) {
		s, clean := cleaned(t, 2)
		for _, err := range []error{chat.Errorf(chat.Throttled, "later"), chat.Errorf(chat.Unavailable, "later")} {
			s.fail(err)
			if n := clean(); n > 2 || s.count() != 0 {
				t.Errorf("%d deleted", s.count())
			}
		}
		s.fail(nil)
		time.Sleep(2 * time.Second)
		if s.count() != 2 {
			t.Errorf("%d deleted", s.count())
		}
	})
	run("what cannot be deleted is left to the next call", func(t *testing.T) {
		s, clean := cleaned(t, 2)
		s.fail(chat.Errorf(chat.Unavailable, "no"))
		clean()
		time.Sleep(time.Minute)
		s.fail(nil)
		if n := clean(); n != 2 || s.count() != 2 {
			t.Errorf("%d, %d deleted", n, s.count())
		}
	})
	run("a room that is deleted meanwhile ends it", func(t *testing.T) {
		s, clean := cleaned(t, 2)
		s.fail(chat.Errorf(chat.NotFound, "gone"))
		began := time.Now()
		clean()
		if time.Since(began) > time.Second {
			t.Error("it waits")
		}
	})
}
