package messaging_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/messaging"
)

// Messages in memory are bounded. A room above that reads its history for the next join.
func TestRingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k, r := newKept(t, "100", func(o *messaging.Options, _ *live) { o.RingBytes = 20_000 })
		w.join(t, w.token("viewer"))
		for range 50 {
			w.post(t, strings.Repeat("x", 400))
		}
		time.Sleep(2 * time.Second)
		reads := k.reads
		if got := r.start(w.join(t, w.token("ann")).Session)(); len(got) != 50 {
			t.Errorf("got %d messages, want 50", len(got))
		}
		if k.reads != reads+1 {
			t.Errorf("the history was read %d times, want once", k.reads-reads)
		}
	})
}

// A message that was deleted does not come back from the history, although the ring had it
// no more when it was deleted.
func TestDeletionIsRememberedWithoutMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, r := newKept(t, "100", func(o *messaging.Options, _ *live) { o.RingBytes = 1 })
		w.join(t, w.token("viewer"))
		for n := range 3 {
			w.post(t, fmt.Sprint(n))
		}
		time.Sleep(2 * time.Second) // The ring is empty.
		if _, err := w.engine.DeleteMessage(t.Context(), roomID, w.Appended()[1].ID, "", "moderator"); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.start(w.join(t, w.token("ann")).Session)()); got != "[0 2]" {
			t.Errorf("got %s", got)
		}
	})
}
