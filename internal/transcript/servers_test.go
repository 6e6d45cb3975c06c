package transcript_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"confab/internal/chatlog"
	"confab/internal/pgtest"
)

// waits says how many transactions wait for locks of a type.
func waits(t testing.TB, conn *pgx.Conn, lockType string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE NOT l.granted AND l.locktype = $1 AND a.datname = current_database()`, lockType).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestServersTranscript holds one server in the middle of writing frames: they
// have their positions, and are not committed.
func TestServersTranscript(t *testing.T) {
	t.Parallel()
	// held is the state in which the first server is held: it writes a frame of
	// "room" and one of "new", which no reader knows yet, both for two readers.
	held := func(t *testing.T) (one, two *database, arns []string, frames <-chan struct{}, release func()) {
		t.Helper()
		all, url := servers(t, 2)
		arns = configurations(2)
		wait(t, all[0].Append(logged("room", 0, arns...)))
		wait(t, all[1].Append(logged("other", 0, arns...)))
		for _, arn := range arns {
			deliver(t, all[1], reader(t, all[1], arn))
		}
		blocker := must(pgtest.Connect(t, url).Begin(t.Context()))(t)
		watch := pgtest.Connect(t, url)
		first := reader(t, all[1], arns[0])
		if _, err := blocker.Exec(t.Context(), `SELECT 1 FROM backlogs WHERE reader_id = $1 AND room_id = 'room' FOR UPDATE`, first); err != nil {
			t.Fatal(err)
		}
		all[0].Append(logged("new", 1, arns...))
		done := all[0].Append(logged("room", 2, arns...))
		until(t, "the first server writes", func() bool { return waits(t, watch, "transactionid") == 1 })
		return all[0], all[1], arns, done, func() {
			if err := blocker.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			wait(t, done)
		}
	}

	t.Run("frames of other rooms overtake it, and none is skipped", func(t *testing.T) {
		_, two, arns, _, release := held(t)
		wait(t, two.Append(logged("other", 3, arns[1])))
		id := reader(t, two, arns[1])
		if got := deliver(t, two, id); len(got["other"]) != 1 || len(got) != 1 {
			t.Fatalf("delivered %v, want the frame of the other room", got)
		}
		release()
		got := deliver(t, two, reader(t, two, arns[1]))
		if len(got["room"]) != 1 || len(got["new"]) != 1 {
			t.Errorf("then %v was delivered, want the two frames that were committed last", got)
		}
	})

	t.Run("frames of the same room wait for it", func(t *testing.T) {
		_, two, arns, first, release := held(t)
		id := reader(t, two, arns[1])
		// Only for the second reader: no row of backlogs keeps it waiting.
		second := two.Append(logged("room", 3, arns[1]))
		third := make(chan struct{})
		go func() {
			<-second
			close(third)
		}()
		select {
		case <-third:
		case <-time.After(500 * time.Millisecond): // It would have been written by now.
		}
		if got := deliver(t, two, id); len(got) != 0 {
			t.Fatalf("%v was delivered while an earlier frame of the room is not committed", got)
		}
		release()
		wait(t, first)
		wait(t, second)
		want := []string{`{"Content":"room 2"}`, `{"Content":"room 3"}`}
		until(t, "both are owed", func() bool { return len(recorded(t, two, "room")) == 3 })
		if got := deliver(t, two, reader(t, two, arns[1]))["room"]; strings.Join(got, "") != strings.Join(want, "") {
			t.Errorf("delivered %v, want %v", got, want)
		}
	})

	t.Run("many servers, rooms and readers: each frame is delivered once", func(t *testing.T) {
		all, _ := servers(t, 3)
		arns := configurations(3)
		const rooms, frames = 20, 60
		var writing sync.WaitGroup
		for n, db := range all {
			writing.Go(func() {
				var last <-chan struct{}
				for i := range frames {
					for room := range rooms {
						// A room's home moves in the middle.
						if (room+i/(frames/2))%len(all) == n {
							last = db.Append(logged(fmt.Sprint("room", room), uint64(i), arns[room%3], arns[(room+1)%3]))
						}
					}
				}
				wait(t, last)
			})
		}
		wait(t, all[0].Append(logged("first", 0, arns...)))
		written := make(chan struct{})
		go func() {
			writing.Wait()
			close(written)
		}()
		var got [3]map[string][]string
		var reading sync.WaitGroup
		for n, db := range all {
			until(t, "the reader exists", func() bool { return len(must(db.Readers(t.Context()))(t)) == 3 })
			id := reader(t, db, arns[n])
			got[n] = map[string][]string{}
			reading.Go(func() {
				for last := false; ; {
					for room, frames := range deliver(t, db, id) {
						got[n][room] = append(got[n][room], frames...)
					}
					if last {
						return
					}
					select {
					case <-written:
						last = true
					default:
					}
					if err := db.Prune(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		reading.Wait()
		for n := range all {
			for room := range rooms {
				name := fmt.Sprint("room", room)
				want := 0
				if room%3 == n || (room+1)%3 == n {
					want = frames
				}
				seen := map[string]bool{}
				for _, f := range got[n][name] {
					seen[f] = true
				}
				if len(got[n][name]) != want || len(seen) != want {
					t.Errorf("reader %d got %d frames of %s, %d of them different, want %d", n, len(got[n][name]), name, len(seen), want)
				}
			}
		}
	})
}

func TestServersLease(t *testing.T) {
	t.Parallel()
	all, url := servers(t, 2)
	one, two := all[0], all[1]
	arn := configurations(1)[0]
	wait(t, one.Append(logged("room", 0, arn)))
	id := reader(t, one, arn)
	backlog := func() chatlog.Backlog {
		return must(two.Backlogs(t.Context(), id, time.Now().Add(time.Hour), 1<<40, 1))(t)[0]
	}
	refused := func(t *testing.T, db *database) {
		t.Helper()
		b := backlog()
		if err := db.Advance(t.Context(), b, b.Head, 1, time.Now()); !errors.Is(err, chatlog.ErrNotClaimed) {
			t.Errorf("advancing: %v", err)
		}
		if err := db.BeginObject(t.Context(), b, chatlog.Object{Key: "k", To: b.Head}); !errors.Is(err, chatlog.ErrNotClaimed) {
			t.Errorf("beginning an object: %v", err)
		}
		if now := backlog(); now.Delivered != b.Delivered || now.Object != nil {
			t.Errorf("the backlog became %+v", now)
		}
	}
	claims := func(t *testing.T, db *database) bool {
		t.Helper()
		until := must(db.Claim(t.Context(), []int64{id}))(t)[id]
		if !until.IsZero() && (until.Before(time.Now()) || until.After(time.Now().Add(10*time.Second))) {
			t.Errorf("it is claimed until %v", until)
		}
		return !until.IsZero()
	}

	t.Run("a claimed reader is left alone by other servers", func(t *testing.T) {
		if claims(t, two) {
			t.Error("two servers have it")
		}
		refused(t, two)
		if !claims(t, one) {
			t.Error("the first server has lost it")
		}
	})
	t.Run("one that was given back is free at once", func(t *testing.T) {
		if err := one.Release(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		refused(t, one)
		if !claims(t, two) || claims(t, one) {
			t.Error("the second server cannot have it")
		}
	})
	t.Run("one that ran out goes to who comes, and the other one notices", func(t *testing.T) {
		conn := pgtest.Connect(t, url)
		if _, err := conn.Exec(t.Context(), `UPDATE readers SET lease_until = (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint`); err != nil {
			t.Fatal(err)
		}
		if !claims(t, one) {
			t.Error("it is not free")
		}
		refused(t, two)
		b := backlog()
		if err := one.BeginObject(t.Context(), b, chatlog.Object{Key: "k", To: b.Head}); err != nil {
			t.Error(err)
		}
		if err := one.Advance(t.Context(), b, b.Head, 1, time.Now()); err != nil {
			t.Error(err)
		}
		if left := must(two.Backlogs(t.Context(), id, time.Now().Add(time.Hour), 1<<40, 1))(t); len(left) != 0 {
			t.Errorf("%+v is left", left)
		}
	})
}

// TestLease is what one server relies on: it has what it claims, also after it
// was killed and started again.
func TestLease(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arn := configurations(1)[0]
		wait(t, db.Append(logged("room", 0, arn)))
		if got := deliver(t, db, reader(t, db, arn)); len(got["room"]) != 1 {
			t.Errorf("delivered %v", got)
		}
		if err := errors.Join(db.Release(t.Context(), nil), db.Close()); err != nil {
			t.Fatal(err)
		}
		db = open(t)
		wait(t, db.Append(logged("room", 1, arn)))
		if got := deliver(t, db, reader(t, db, arn)); len(got["room"]) != 1 {
			t.Errorf("after a restart %v was delivered", got)
		}
	})
}
