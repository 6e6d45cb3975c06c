package messaging_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/members"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// watcher is what it was told.
type watcher struct {
	mu   sync.Mutex
	told []string
}

func (w *watcher) tell(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what)
}

func (w *watcher) Joined(userID string)    { w.tell("+" + userID) }
func (w *watcher) Left(userID string)      { w.tell("-" + userID) }
func (w *watcher) Prepare(context.Context) { w.tell("prepare") }
func (w *watcher) Greeting() []byte        { return []byte(`{"Content":"greeting"}`) }

func (w *watcher) Close(paused bool) {
	if paused {
		w.tell("paused")
	} else {
		w.tell("closed")
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []*watcher
		audience := &replayer{}
		w := newLive(t, func(o *messaging.Options, _ *live) {
			o.Extensions = true
			o.NewAudience = func() messaging.Audience { return audience }
			o.Watch = func(_ string, presence chat.Presence, _ messaging.Audience) members.Watcher {
				made = append(made, &watcher{told: []string{string(presence)}})
				return made[len(made)-1]
			}
		})
		tag := func(value string) {
			w.change(func(r *chat.Room) { r.Tags = map[string]string{"confab:presence": value} })
		}
		join := func(user string) *messaging.Session {
			s, err := w.engine.Join(t.Context(), w.token(user), &messagingtest.Client{}, messaging.Client{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		ann := join("ann")
		if ann.HasFirst() || len(made) != 0 {
			t.Errorf("a room without the tag is watched: %v", made)
		}
		tag("count")
		bob := join("bob")
		if frames, replay := bob.First(); len(frames) != 1 || replay || !bob.HasFirst() {
			t.Errorf("first %q, replay %v", frames, replay)
		}
		tag("count") // The same again.
		bob.Leave()
		tag("full")
		tag("off")
		if ann.HasFirst() {
			t.Error("a room without the tag has a greeting")
		}
		tag("count")
		ann.Leave()
		time.Sleep(10 * time.Second) // The room is not live any more.
		synctest.Wait()
		want := [][]string{
			{"count", "+ann", "prepare", "+bob", "-bob", "paused"},
			{"full", "+ann", "closed"},
			{"count", "+ann", "-ann", "paused"},
		}
		var got [][]string
		for _, one := range made {
			got = append(got, one.told)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestRoster(t *testing.T) {
	w := newLive(t)
	roster := messaging.RosterOf(w.engine)
	if users, connections := roster.CountUsers(roomID); users != 0 || connections != 0 {
		t.Errorf("nobody: %d users, %d connections", users, connections)
	}
	w.join(t, w.token("ann"))
	token := w.token("ann")
	token.Attributes, token.Capabilities = map[string]string{"a": "1"}, nil
	w.clock = func() time.Time { return time.Now().Add(time.Second) }
	w.join(t, token)
	w.join(t, w.token("bob"))
	if users, connections := roster.CountUsers(roomID); users != 2 || connections != 3 {
		t.Errorf("%d users, %d connections", users, connections)
	}
	ids, connections := roster.UserIDs(roomID)
	if slices.Sort(ids); connections != 3 || !slices.Equal(ids, []string{"ann", "bob"}) {
		t.Errorf("got %v, %d", ids, connections)
	}
	var got []string
	roster.EachSession(roomID, []string{"ann", "eve"}, func(t *chat.Bearer, since time.Time) {
		if time.Since(since) > time.Minute {
			got = append(got, since.String())
		}
		got = append(got, t.UserID+t.Attributes["a"])
	})
	if slices.Sort(got); !slices.Equal(got, []string{"ann", "ann1"}) {
		t.Errorf("got %v", got)
	}
}
