package messaging_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/quota"
)

func TestJoin(t *testing.T) {
	t.Run("a token joins once", func(t *testing.T) {
		w := newLive(t)
		token := w.token("ann")
		w.join(t, token)
		_, err := w.engine.Join(t.Context(), token, &messagingtest.Client{}, messaging.Client{})
		wantCode(t, err, chat.Unauthenticated)
	})
	t.Run("an expired token is refused and not spent", func(t *testing.T) {
		w := newLive(t)
		token := w.token("ann")
		token.Expires = w.clock()
		_, err := w.engine.Join(t.Context(), token, &messagingtest.Client{}, messaging.Client{})
		wantCode(t, err, chat.Unauthenticated)
		if w.Spent() != 0 {
			t.Error("the token was spent")
		}
	})
	t.Run("a deleted room is NotFound and the token is not spent", func(t *testing.T) {
		w := newLive(t)
		w.Remove(roomID)
		_, err := w.engine.Join(t.Context(), w.token("ann"), &messagingtest.Client{}, messaging.Client{})
		wantCode(t, err, chat.NotFound)
		if w.Spent() != 0 {
			t.Error("the token was spent")
		}
	})
	t.Run("the quota of connections holds, and a place is free again after Leave", func(t *testing.T) {
		w := newLive(t, func(o *messaging.Options, _ *live) {
			o.Quotas = quota.New(quota.Numbers{quota.ConcurrentConnections: 1}, time.Now)
		})
		s, err := w.engine.Join(t.Context(), w.token("ann"), &messagingtest.Client{}, messaging.Client{})
		if err != nil {
			t.Fatal(err)
		}
		refused := w.token("bob")
		_, err = w.engine.Join(t.Context(), refused, &messagingtest.Client{}, messaging.Client{})
		wantCode(t, err, chat.QuotaExceeded)
		s.Leave()
		w.join(t, refused) // the refusal did not spend it
	})
	t.Run("a room that cannot be read is Unavailable until it can", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			w.FailReads(errors.New("disk on fire"))
			token := w.token("ann")
			_, err := w.engine.Join(t.Context(), token, &messagingtest.Client{}, messaging.Client{})
			wantCode(t, err, chat.Unavailable)
			w.FailReads(nil)
			time.Sleep(2 * time.Second) // the engine reads it again within a second
			synctest.Wait()
			w.join(t, token)
		})
	})
}

// TestUsers compares the lists of sessions by user with a simple model.
func TestUsers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newLive(t)
		var here []*messagingtest.Client
		users := map[*messagingtest.Client]string{}
		rt.Repeat(map[string]func(*rapid.T){
			"join": func(rt *rapid.T) {
				user := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(rt, "user")
				c := &messagingtest.Client{}
				token := w.token(user)
				token.ID[1] = byte(w.Spent())
				token.ID[2] = byte(w.Spent() >> 8)
				s, err := w.engine.Join(context.Background(), token, c, messaging.Client{})
				if err != nil {
					rt.Fatal(err)
				}
				c.Session = s
				here, users[c] = append(here, c), user
			},
			"leave": func(rt *rapid.T) {
				if len(here) == 0 {
					rt.SkipNow()
				}
				i := rapid.IntRange(0, len(here)-1).Draw(rt, "who")
				here[i].Leave()
				here = slices.Delete(here, i, i+1)
			},
			"kick": func(rt *rapid.T) {
				user := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(rt, "user")
				before := map[*messagingtest.Client]int{}
				for _, c := range here {
					before[c] = len(c.Endings())
				}
				if err := w.engine.DisconnectUser(context.Background(), roomID, user, "", ""); err != nil {
					rt.Fatal(err)
				}
				for _, c := range here {
					want := before[c]
					if users[c] == user {
						want++
					}
					if got := len(c.Endings()); got != want {
						rt.Fatalf("%s: %d endings, want %d", users[c], got, want)
					}
				}
			},
			"": func(rt *rapid.T) {
				if got := w.engine.Connections(); got != len(here) {
					rt.Fatalf("%d connections, want %d", got, len(here))
				}
			},
		})
		for _, c := range here {
			c.Leave()
		}
	})
}

// asking is a connection that asks whether its session is the last one while it ends, as
// one whose session runs out at the moment of the kick.
type asking struct {
	messagingtest.Client
	last chan bool
}

func (a *asking) End(ending.Way) { a.last <- a.EndsLast() }

func TestEndingAsksForOtherSessions(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *live){
		"kicked": func(t *testing.T, w *live) {
			if err := w.engine.DisconnectUser(t.Context(), roomID, "ann", "", ""); err != nil {
				t.Error(err)
			}
		},
		"room deleted": func(_ *testing.T, w *live) { w.remove() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newLive(t, func(o *messaging.Options, _ *live) { o.CloseOnRoomDelete = true })
			a := &asking{last: make(chan bool, 1)}
			var err error
			if a.Session, err = w.engine.Join(t.Context(), w.token("ann"), a, messaging.Client{}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(a.Leave)
			go end(t, w)
			if !<-a.last {
				t.Error("its only session is not the last")
			}
		})
	}
}
