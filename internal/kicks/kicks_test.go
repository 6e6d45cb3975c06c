package kicks_test

import (
	"fmt"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/kicks"
)

var now = time.Unix(1000, 0)

func kick(user string, sequence uint64) *chat.Frame {
	return &chat.Frame{RoomID: "room", DisconnectUser: user, Epoch: 1, Sequence: sequence}
}

func TestRecent(t *testing.T) {
	before, after := chat.Point{Epoch: 1, Sequence: 4}, chat.Point{Epoch: 1, Sequence: 5}
	t.Run("sessions that joined before the kick have ended, those that joined after it have not", func(t *testing.T) {
		k := kicks.New()
		k.Deliver(kick("ann", 5), now)
		if !k.Ended("room", "ann", before, now) || k.Ended("room", "ann", after, now) {
			t.Error("the position of the join does not decide")
		}
		if k.Ended("room", "bob", before, now) || k.Ended("other", "ann", before, now) {
			t.Error("another user or room is affected")
		}
		if got := k.LastIn("room"); got != after {
			t.Errorf("the last kick is at %v, want %v", got, after)
		}
	})
	t.Run("a numbered kick counts at once, and not any more when it is withdrawn", func(t *testing.T) {
		k := kicks.New()
		k.Number(kick("ann", 5), now)
		if !k.Ended("room", "ann", before, now) {
			t.Error("the numbered kick does not count")
		}
		if got := k.LastIn("room"); got != (chat.Point{}) {
			t.Errorf("before its delivery, the last kick is at %v, want none", got)
		}
		k.Withdraw(kick("ann", 5))
		if k.Ended("room", "ann", before, now) {
			t.Error("the withdrawn kick counts")
		}
	})
	t.Run("a kick that was delivered is not withdrawn", func(t *testing.T) {
		k := kicks.New()
		k.Number(kick("ann", 5), now)
		k.Deliver(kick("ann", 5), now)
		k.Withdraw(kick("ann", 5))
		if !k.Ended("room", "ann", before, now) {
			t.Error("the kick does not count any more")
		}
	})
	t.Run("an event is known by its id when it was delivered", func(t *testing.T) {
		k, f := kicks.New(), kick("ann", 5)
		f.ID = "one"
		k.Number(f, now)
		if k.Delivered(f) {
			t.Error("it is known before its delivery")
		}
		k.Deliver(f, now)
		other, elsewhere, bob := kick("ann", 6), kick("ann", 5), kick("bob", 5)
		other.ID, elsewhere.ID, bob.ID = "two", "one", "one"
		elsewhere.RoomID = "other"
		if !k.Delivered(f) || k.Delivered(other) || k.Delivered(elsewhere) || k.Delivered(bob) {
			t.Error("not this event alone is known")
		}
	})
	t.Run("a home refuses for half a minute, and joins learn of a kick for a minute", func(t *testing.T) {
		k := kicks.New()
		k.Deliver(kick("ann", 5), now)
		at := now.Add(30 * time.Second)
		k.Expire(at)
		if k.Ended("room", "ann", before, at) || k.LastIn("room") != after {
			t.Error("after half a minute, the kick still counts, or joins do not learn of it")
		}
		k.Expire(now.Add(time.Minute + 1))
		if k.LastIn("room") != (chat.Point{}) {
			t.Error("after a minute, the kick is still known")
		}
	})
	t.Run("the oldest kicks are forgotten when there are too many", func(t *testing.T) {
		k := kicks.New()
		for n := range uint64(1<<16 + 1) {
			k.Deliver(kick(fmt.Sprint(n), n+1), now)
		}
		if k.Ended("room", "0", chat.Point{}, now) || !k.Ended("room", "1", chat.Point{}, now) {
			t.Error("not the oldest kick alone is forgotten")
		}
	})
}
