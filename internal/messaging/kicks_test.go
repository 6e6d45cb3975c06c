package messaging_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// TestKicked has requests of a session wait when its user is disconnected.
func TestKicked(t *testing.T) {
	kick := func(t *testing.T, w *live, user string) {
		t.Helper()
		if err := w.engine.DisconnectUser(t.Context(), roomID, user, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	wantKicked := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, messaging.ErrKicked) {
			t.Errorf("got %v, want ErrKicked", err)
		}
	}
	t.Run("a message under review is not delivered behind the kick", func(t *testing.T) {
		w := newLive(t)
		asked, answer := make(chan struct{}), make(chan struct{})
		w.ReviewWith(func(m *chat.Message) (*chat.Message, error) {
			close(asked)
			<-answer
			return m, nil
		})
		w.change(func(r *chat.Room) { r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn"} })
		ann := w.join(t, w.token("ann"))
		sent := make(chan error)
		go func() { sent <- w.send(t, ann, "late") }()
		<-asked
		kick(t, w, "ann")
		close(answer)
		wantKicked(t, <-sent)
		if frames := w.Frames(); len(frames) != 1 || frames[0]["EventName"] != chat.DisconnectUserEvent {
			t.Errorf("delivered %v, want the kick alone", frames)
		}
	})
	t.Run("a message behind a kick that waits for the transcript is not delivered", func(t *testing.T) {
		w := newLive(t)
		commits := w.HoldCommits(t)
		w.change(func(r *chat.Room) { r.LoggingConfigurations = []string{"arn"} })
		ann := w.join(t, w.token("ann"))
		kicked := make(chan error)
		go func() { kicked <- w.engine.DisconnectUser(t.Context(), roomID, "ann", "", "") }()
		<-commits.Held // The kick has its place.
		wantKicked(t, w.send(t, ann, "late"))
		commits.Release()
		if err := <-kicked; err != nil {
			t.Fatal(err)
		}
	})
	t.Run("other requests of a kicked session are not carried out either", func(t *testing.T) {
		w := newLive(t)
		ann := w.join(t, w.token("ann"))
		kick(t, w, "ann")
		req := messaging.Request{ID: "r", Received: w.clock()}
		wantKicked(t, w.send(t, ann, "late"))
		wantKicked(t, ann.DeleteMessage(t.Context(), req, "abcdefABCDEF", ""))
		wantKicked(t, ann.DisconnectUser(t.Context(), req, "bob", ""))
	})
	t.Run("other users and the same user in other rooms are not affected", func(t *testing.T) {
		w := newLive(t)
		w.Add(messagingtest.NewRoom("otherOTHER12"))
		bob := w.join(t, w.token("bob"))
		elsewhere := w.token("ann")
		elsewhere.Room.ID = "otherOTHER12"
		ann := w.join(t, elsewhere)
		kick(t, w, "ann")
		for _, c := range []*messagingtest.Client{bob, ann} {
			if err := w.send(t, c, "x"); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a user who joins again may send at once", func(t *testing.T) {
		for _, wait := range []time.Duration{0, 8 * time.Second, 29 * time.Second, 31 * time.Second, 2 * time.Minute} {
			t.Run(fmt.Sprint(wait), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newLive(t)
					before := w.join(t, w.token("ann"))
					kick(t, w, "ann")
					time.Sleep(wait) // Longer than an empty room stays live, and than kicks are remembered.
					after := w.join(t, w.token("ann"))
					if err := w.send(t, after, "x"); err != nil {
						t.Error(err)
					}
					if len(before.Endings()) != 1 || len(after.Endings()) != 0 {
						t.Errorf("endings %v and %v, want one of the session before", before.Endings(), after.Endings())
					}
				})
			})
		}
	})
	t.Run("a kick in an empty room does not affect later joins", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			kick(t, w, "ann")
			time.Sleep(10 * time.Second)
			ann := w.join(t, w.token("ann"))
			if err := w.send(t, ann, "x"); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestClockSetBack has the clock of the machine go back by an hour.
func TestClockSetBack(t *testing.T) {
	newSet := func(t *testing.T, options ...option) (w *live, set func(by time.Duration)) {
		t.Helper()
		var offset atomic.Int64
		clock := func(_ *messaging.Options, w *live) {
			w.clock = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		}
		return newLive(t, append(options, clock)...), func(by time.Duration) { offset.Store(int64(by)) }
	}
	t.Run("a room that becomes live again afterwards continues behind its old frames", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, set := newSet(t)
			for range 2 { // The second room begins at an earlier time than the first.
				s, err := w.engine.Join(t.Context(), w.token("ann"), &messagingtest.Client{}, messaging.Client{})
				if err != nil {
					t.Fatal(err)
				}
				if err := w.engine.DisconnectUser(t.Context(), roomID, "bob", "", ""); err != nil {
					t.Fatal(err)
				}
				set(-time.Hour)
				s.Leave()
				time.Sleep(10 * time.Second)
			}
			ann := w.join(t, w.token("ann"))
			if err := w.engine.DisconnectUser(t.Context(), roomID, "ann", "", ""); err != nil {
				t.Fatal(err)
			}
			if len(ann.Endings()) == 0 {
				t.Error("the disconnected user is still there")
			}
		})
	})
	t.Run("unused rooms do not stay, and others are read again in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, set := newSet(t, func(o *messaging.Options, _ *live) { o.ReadAgain = 10 * time.Second })
			w.Add(messagingtest.NewRoom("otherABCDEFG"))
			w.join(t, w.token("ann"))
			if _, err := w.engine.SendEvent(t.Context(), "otherABCDEFG", "e", nil); err != nil {
				t.Fatal(err)
			}
			set(-time.Hour)
			reads := w.Reads()
			time.Sleep(15 * time.Second)
			if rooms := w.engine.LiveRooms(); len(rooms) != 1 {
				t.Errorf("the live rooms are %v", rooms)
			}
			if w.Reads() == reads {
				t.Error("the room was not read again")
			}
		})
	})
}
