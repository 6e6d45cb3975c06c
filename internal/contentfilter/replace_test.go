package contentfilter_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/contentfilter"
	"confab/internal/sqldb"
	"confab/internal/store"
)

// TestReplaceUnderTraffic replaces a filter of 3,000 terms again and again while messages are
// judged. A message with a term that all lists have is denied each time. While a replacement
// is held in the middle of its transaction, messages are judged by the old list: nothing
// waits for it.
func TestReplaceUnderTraffic(t *testing.T) {
	dialects(t, func(t *testing.T, open func() *store.DB, _ *time.Time) {
		f := open().Filters
		var hold atomic.Bool
		held, release := make(chan struct{}), make(chan struct{})
		f.Noted = func(context.Context, sqldb.Session, *contentfilter.Filter, bool) error {
			if hold.Load() {
				close(held)
				<-release
			}
			return nil
		}
		if err := f.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		list := func(n int) []string {
			terms := []string{"always"}
			for i := range 3000 {
				terms = append(terms, fmt.Sprintf("word%dx%d", n, i))
			}
			return terms
		}
		put(t, f, room, "terms", contentfilter.Deny, list(0)...)

		stop := make(chan struct{})
		var judging sync.WaitGroup
		var judged atomic.Int64
		for range 2 {
			judging.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if d := f.Decide(room, "it is al.ways here"); d.Action != contentfilter.Deny {
						t.Errorf("message %d passed", judged.Load())
						return
					}
					judged.Add(1)
				}
			})
		}
		for n := 1; n <= 2; n++ {
			put(t, f, room, "terms", contentfilter.Deny, list(n)...)
		}

		hold.Store(true)
		replaced := make(chan error, 1)
		go func() {
			replaced <- f.Put(context.WithoutCancel(t.Context()), &contentfilter.Filter{RoomID: room, Name: "terms", Action: contentfilter.Deny, Terms: list(3)})
		}()
		<-held
		hold.Store(false)
		for range 100 {
			before, after := f.Decide(room, "a word2x2999"), f.Decide(room, "a word3x2999")
			if before.Action != contentfilter.Deny || after.Action != "" {
				t.Errorf("while the list is replaced: %q by the old one, %q by the new one", before.Action, after.Action)
				break
			}
		}
		close(release)
		if err := <-replaced; err != nil {
			t.Error(err)
		}
		close(stop)
		judging.Wait()
		if judged.Load() == 0 {
			t.Error("no message was judged")
		}
		if d := f.Decide(room, "a word3x2999"); d.Action != contentfilter.Deny {
			t.Error("the new list is not in force")
		}
		if d := f.Decide(room, "a word2x2999"); d.Action != "" {
			t.Error("the old list is still in force")
		}
	})
}
