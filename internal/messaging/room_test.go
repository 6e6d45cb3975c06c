package messaging_test

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// tokensFunc is called for every token. All tokens are valid.
type tokensFunc func()

func (f tokensFunc) Redeem(context.Context, *chat.Token, netip.Addr) error {
	f()
	return nil
}

// silentRooms is a database that does not answer.
type silentRooms struct{}

func (silentRooms) Room(ctx context.Context, _ string) (*chat.Room, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestRoomChanges(t *testing.T) {
	t.Run("a deleted room keeps its sessions and answers NotFound", func(t *testing.T) {
		w := newLive(t)
		c := w.join(t, w.token("ann"))
		w.remove()
		wantCode(t, w.send(t, c, "x"), chat.NotFound)
		if len(c.Endings()) != 0 {
			t.Errorf("ended: %v", c.Endings())
		}
	})
	t.Run("with CloseOnRoomDelete its sessions end", func(t *testing.T) {
		w := newLive(t, func(o *messaging.Options, _ *live) { o.CloseOnRoomDelete = true })
		c := w.join(t, w.token("ann"))
		w.remove()
		if d := cmp.Diff([]string{"room deleted"}, c.Endings()); d != "" {
			t.Error(d)
		}
	})
	t.Run("a join of a room that is being deleted is refused", func(t *testing.T) {
		w := newLive(t, func(o *messaging.Options, w *live) {
			o.CloseOnRoomDelete = true
			o.Tokens = tokensFunc(func() {
				w.remove()
			})
		})
		_, err := w.engine.Join(t.Context(), w.token("ann"), &messagingtest.Client{}, messaging.Client{})
		wantCode(t, err, chat.NotFound)
		if n := w.engine.Connections(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	t.Run("the engine stops in time while the database is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t, func(o *messaging.Options, _ *live) { o.Rooms = silentRooms{} })
			for i := range 20 {
				token := w.token("ann")
				token.Room.ID = roomID[:10] + strconv.Itoa(10+i)
				go w.engine.Join(t.Context(), token, &messagingtest.Client{}, messaging.Client{}) //nolint:errcheck // The room cannot be read.
			}
			time.Sleep(7 * time.Second) // All have failed once, and are being read again.
			begin := time.Now()
			w.engine.Close()
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("a live room continues while the database is away, and learns of changes afterwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			c := w.join(t, w.token("ann"))
			w.FailReads(errors.New("gone"))
			w.change(func(r *chat.Room) { r.MaximumMessageLength = 1 })
			if err := w.send(t, c, "long"); err != nil {
				t.Fatal(err)
			}
			w.FailReads(nil)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			wantCode(t, w.send(t, c, "long"), chat.Invalid)
		})
	})
	t.Run("a room without sessions is forgotten", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newLive(t)
			s, err := w.engine.Join(t.Context(), w.token("ann"), &messagingtest.Client{}, messaging.Client{})
			if err != nil {
				t.Fatal(err)
			}
			s.Leave()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			before := w.Reads()
			w.join(t, w.token("ann"))
			if w.Reads() != before+1 {
				t.Errorf("%d readings for the second life of the room, want 1", w.Reads()-before)
			}
		})
	})
}
