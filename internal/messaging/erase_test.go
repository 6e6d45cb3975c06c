package messaging_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

func (w *live) postAs(t *testing.T, user, content string) {
	t.Helper()
	if _, _, err := w.engine.SendMessage(t.Context(), roomID, &messaging.ServerMessage{UserID: user, Content: content}); err != nil {
		t.Error(err)
	}
}

// Joins get nothing of an erased user: neither what was delivered, nor what is under way.
func TestEraseUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k, r := newKept(t, "10")
		w.join(t, w.token("viewer"))
		for n := range 3 {
			w.postAs(t, "ann", fmt.Sprint("a", n))
			w.postAs(t, "bob", fmt.Sprint("b", n))
		}
		commits := w.HoldCommits(t)
		sent := make(chan struct{})
		go func() { defer close(sent); w.postAs(t, "ann", "under way") }()
		synctest.Wait() // It is in the history and waits to be delivered.
		k.erased = "ann"
		messaging.EraseUser(w.engine, "", "ann", time.Now())
		commits.Release()
		<-sent
		if got := fmt.Sprint(r.start(w.join(t, w.token("eve")).Session)()); got != "[b0 b1 b2]" {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Millisecond)
		w.postAs(t, "ann", "later")
		if got := fmt.Sprint(r.start(w.join(t, w.token("eve")).Session)()); got != "[b0 b1 b2 later]" {
			t.Errorf("got %s behind a later message", got)
		}
	})
}

// TestErasedHidden deletes what only its user got, after nothing remembers it: only that user's
// connections get the event. The event of another message goes to all.
func TestErasedHidden(t *testing.T) {
	w := newLive(t)
	ann, bob := w.join(t, w.token("ann")), w.join(t, w.token("bob"))
	erased := messaging.Erased{Engine: w.engine}
	for _, onlyUser := range []string{"ann", ""} {
		if err := erased.DeleteMessage(t.Context(), roomID, chat.NewID(), onlyUser, "arn"); err != nil {
			t.Fatal(err)
		}
	}
	if got := contents(ann.Sent()); fmt.Sprint(got) != "[delete]" {
		t.Errorf("the connection of the user got %v", got)
	}
	if got := contents(bob.Sent()); len(got) != 0 {
		t.Errorf("the connection of another user got %v", got)
	}
	if n := len(w.Frames()); n != 1 {
		t.Errorf("%d events went to all, want 1", n)
	}
}

// A read of the history that began before an erasure does not bring messages back.
func TestEraseUserDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k, r := newKept(t, "10")
		w.postAs(t, "ann", "a")
		w.postAs(t, "bob", "b")
		time.Sleep(10 * time.Second) // The room is live no more.
		k.during = func() { messaging.EraseUser(w.engine, roomID, "ann", time.Now()) }
		if got := fmt.Sprint(r.start(w.join(t, w.token("eve")).Session)()); got != "[b]" {
			t.Errorf("got %s", got)
		}
	})
}

// marking is a replayer that can mark places.
type marking struct{ *replayer }

func (marking) Mark(uint64)                  {}
func (marking) PingEvery(_, _ time.Duration) {}

// Clients that come back get nothing of an erased user, but everything of others.
func TestEraseUserBeforeClientsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &replayer{}
		w := newLive(t, func(o *messaging.Options, w *live) {
			o.Extensions, o.CatchUp.Memory = true, catchup.NewMemory(1<<20)
			o.NewAudience = func() messaging.Audience { return marking{r} }
			w.Change(roomID, func(r *chat.Room) {
				r.Tags, r.LoggingConfigurations = map[string]string{"confab:catch-up": "1m"}, []string{"arn"}
			})
		})
		lost, err := w.engine.Join(t.Context(), w.token("viewer"), &messagingtest.Client{}, messaging.Client{})
		if err != nil {
			t.Fatal(err)
		}
		r.start(lost)
		w.postAs(t, "ann", "a")
		w.postAs(t, "eve", "b")
		lost.Part(catchup.Lost)
		w.postAs(t, "ann", "c")
		w.postAs(t, "bob", "d")
		commits := w.HoldCommits(t)
		sent := make(chan struct{})
		go func() { defer close(sent); w.postAs(t, "ann", "under way") }()
		synctest.Wait()
		messaging.EraseUser(w.engine, "", "ann", time.Now())
		commits.Release()
		<-sent
		time.Sleep(time.Millisecond)
		w.postAs(t, "bob", "e")
		frames, replay := w.join(t, w.token("viewer")).First()
		all := string(bytes.Join(frames, nil))
		var got []string
		for _, s := range strings.Split(all, `"Content":"`)[1:] {
			content, _, _ := strings.Cut(s, `"`)
			got = append(got, content)
		}
		if !replay || fmt.Sprint(got) != "[b d e]" || strings.Contains(all, "GAP") {
			t.Errorf("got %t\n%s", replay, all)
		}
	})
}

func TestOccupied(t *testing.T) {
	w, _, _ := newKept(t, "10")
	if got := messaging.Occupied(w.engine, []string{roomID, "other"}); len(got) != 0 {
		t.Errorf("got %v before a client is there", got)
	}
	w.join(t, w.token("ann"))
	if got := messaging.Occupied(w.engine, []string{roomID, "other"}); !slices.Equal(got, []string{roomID}) {
		t.Errorf("got %v", got)
	}
}
