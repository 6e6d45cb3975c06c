package transcript_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"confab/internal/chat"
	"confab/internal/pgtest"
)

// named is a frame for a logging configuration, as rooms make them.
func named(room string, epoch, sequence uint64, id, configuration string) *chat.Frame {
	f := logged(room, sequence, configuration)
	f.Epoch, f.ID, f.JSON = epoch, id, fmt.Appendf(nil, `{"Type":"MESSAGE","Id":%q,"Sender":{"UserId":"ann"}}`, id)
	return f
}

// TestWithdraw takes frames back that were stored and not delivered. Their readers do not get
// them.
func TestWithdraw(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db, arn := open(t), configurations(1)[0]
		wait(t, db.Append(named("room", 1, 1, "a", arn)))
		lost, moved, other := named("room", 1, 2, "lost", arn), named("room", 1, 3, "moved", arn), named("other", 1, 2, "lost", arn)
		other.Time = lost.Time
		db.Append(lost)
		db.Append(moved)
		wait(t, db.Append(other))
		again := named("room", 2, 1, "moved", arn)
		again.Time = moved.Time
		db.Append(again.Withdrawal(2, 0)) // As the next home does before it stores it.
		db.Append(again)
		wait(t, db.Append(lost.Withdrawal(1, 2)))
		wait(t, db.Append(moved.Withdrawal(1, 3))) // As the first home does when it continues.
		got := deliver(t, db, reader(t, db, arn))
		want := []string{string(named("room", 1, 1, "a", arn).JSON), string(again.JSON)}
		if !slices.Equal(got["room"], want) || len(got["other"]) != 1 {
			t.Errorf("delivered %v", got)
		}
	})
}

// TestStands has frames that do not stand when they are about to be stored.
func TestStands(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db, arn := open(t), configurations(1)[0]
		f := named("room", 1, 1, "moved", arn)
		f.Stands = func() bool { return false }
		wait(t, db.Append(f))
		wait(t, db.Append(named("room", 1, 2, "a", arn)))
		if got := recorded(t, db, "room"); len(got) != 1 || got[0].Sequence != 2 {
			t.Errorf("stored %v", got)
		}
	})
	t.Run("it is asked while no other server stores frames of the room", func(t *testing.T) {
		all, url := servers(t, 2)
		arn := configurations(1)[0]
		wait(t, all[0].Append(named("room", 1, 1, "a", arn)))
		blocker := must(pgtest.Connect(t, url).Begin(t.Context()))(t)
		watch := pgtest.Connect(t, url)
		id := reader(t, all[1], arn)
		if _, err := blocker.Exec(t.Context(), `SELECT 1 FROM backlogs WHERE reader_id = $1 AND room_id = 'room' FOR UPDATE`, id); err != nil {
			t.Fatal(err)
		}
		next := all[1].Append(named("room", 2, 1, "b", arn))
		until(t, "the next home has locked the room", func() bool { return waits(t, watch, "transactionid") == 1 })
		var moved atomic.Bool
		f := named("room", 1, 2, "late", arn)
		f.Stands = func() bool { return !moved.Load() }
		late := all[0].Append(f)
		until(t, "the first home waits for the room", func() bool { return waits(t, watch, "advisory") == 1 })
		moved.Store(true)
		if err := blocker.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait(t, next)
		wait(t, late)
		until(t, "the frame of the next home is stored", func() bool { return len(recorded(t, all[0], "room")) == 2 })
		if got := recorded(t, all[0], "room"); got[1].Epoch != 2 {
			t.Errorf("stored %v", got)
		}
	})
}
