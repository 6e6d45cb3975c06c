package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// servers opens the store as several servers do that share one PostgreSQL, and
// returns the URL of the database too.
func servers(t testing.TB, n int) ([]*store.DB, string) {
	t.Helper()
	url := migrated(t)
	open := opened(func(o *store.Options) { o.Database = url })
	all := make([]*store.DB, n)
	for i := range all {
		all[i] = open(t)
	}
	return all, url
}

func TestServersOpenTogether(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			db, err := store.Open(t.Context(), options("", func(o *store.Options) { o.Database = url }))
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := db.CreateRoom(t.Context(), &chat.Room{}, 0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestServersRedeem(t *testing.T) {
	t.Parallel()
	all, _ := servers(t, 3)
	const tokens, uses = 100, 3
	ids := make([][16]byte, tokens)
	for i := range ids {
		ids[i] = tokenID()
	}
	var won [tokens]atomic.Int32
	var start, done sync.WaitGroup
	start.Add(1)
	for n, db := range all {
		for range uses {
			for i := range ids {
				i := (i + n*tokens/len(all)) % tokens // Each server has another order.
				done.Go(func() {
					start.Wait()
					err := db.Redeem(t.Context(), ids[i], time.Now().Add(time.Hour))
					if err == nil {
						won[i].Add(1)
					} else if chat.CodeOf(err) != chat.Unauthenticated {
						t.Error(err)
					}
				})
			}
		}
	}
	start.Done()
	done.Wait()
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("token %d was good %d times", i, n)
		}
	}
}

func TestServersResources(t *testing.T) {
	t.Parallel()
	all, _ := servers(t, 3)

	t.Run("a quota is exact, and no two rooms have one update time", func(t *testing.T) {
		const quota = 20
		var created atomic.Int32
		var done sync.WaitGroup
		for _, db := range all {
			for range 4 {
				done.Go(func() {
					for range 3 {
						err := db.CreateRoom(t.Context(), &chat.Room{Name: "room"}, quota)
						if err == nil {
							created.Add(1)
						} else if chat.CodeOf(err) != chat.QuotaExceeded {
							t.Error(err)
						}
					}
				})
			}
		}
		done.Wait()
		if n := created.Load(); n != quota {
			t.Errorf("%d rooms were created, the quota is %d", n, quota)
		}
		times := map[time.Time]bool{}
		rooms, _, err := all[0].ListRooms(t.Context(), store.RoomFilter{}, 100, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rooms {
			times[r.UpdateTime] = true
		}
		if len(times) != quota {
			t.Errorf("%d rooms have %d update times", quota, len(times))
		}
	})

	t.Run("no change of a room is lost", func(t *testing.T) {
		room := create(t, all[0], &chat.Room{Name: "0"})
		const each = 10
		var done sync.WaitGroup
		for _, db := range all {
			done.Go(func() {
				for range each {
					if _, err := db.UpdateRoom(t.Context(), room.ARN.ID, func(r *chat.Room) error {
						n, err := strconv.Atoi(r.Name)
						r.Name = strconv.Itoa(n + 1)
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		if got := must(all[1].Room(t.Context(), room.ARN.ID))(t).Name; got != strconv.Itoa(each*len(all)) {
			t.Errorf("of %d changes, %s are there", each*len(all), got)
		}
	})
}

// logged is a frame for logging configurations.
func logged(room string, sequence uint64, configurations ...string) *chat.Frame {
	f := frame(room, sequence)
	f.Time = time.Now()
	f.LoggingConfigurations = configurations
	return f
}

// reader returns the reader of a logging configuration, which must have been
// owed something before, and claims it.
func reader(t testing.TB, db *store.DB, configuration string) int64 {
	t.Helper()
	for _, r := range must(db.Transcript().Readers(t.Context()))(t) {
		if r.Configuration.String() == configuration {
			if mine := must(db.Transcript().Claim(t.Context(), []int64{r.ID}))(t); mine[r.ID].IsZero() {
				t.Fatal("the reader cannot be claimed")
			}
			return r.ID
		}
	}
	t.Fatal("there is no such reader")
	return 0
}

// deliver delivers all that the reader is owed and returns it by room.
func deliver(t testing.TB, db *store.DB, reader int64) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for {
		backlogs := must(db.Transcript().Backlogs(t.Context(), reader, time.Now().Add(time.Hour), 1<<40, 100))(t)
		if len(backlogs) == 0 {
			return got
		}
		for _, b := range backlogs {
			size := 0
			for _, r := range must(db.Transcript().Owed(t.Context(), b, b.Delivered, b.Head, 1000))(t) {
				got[b.RoomID] = append(got[b.RoomID], string(r.JSON))
				size += len(r.JSON)
			}
			if err := db.Transcript().Advance(t.Context(), b, b.Head, size, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// waits says how many transactions wait for locks of a type.
func waits(t testing.TB, conn *pgx.Conn, lockType string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE NOT l.granted AND l.locktype = $1 AND a.datname = current_database()`, lockType).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// until calls done until it returns true; it fails the test after 20 seconds.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not after 20 seconds", what)
		}
	}
}

// TestServersTranscript holds one server in the middle of writing frames: they
// have their positions, and are not committed.
func TestServersTranscript(t *testing.T) {
	t.Parallel()
	// held is the state in which the first server is held: it writes a frame of
	// "room" and one of "new", which no reader knows yet, both for two readers.
	held := func(t *testing.T) (one, two *store.DB, arns []string, frames <-chan struct{}, release func()) {
		t.Helper()
		all, url := servers(t, 2)
		arns = logging(t, all[0], 2)
		wait(t, all[0].Transcript().Append(logged("room", 0, arns...)))
		wait(t, all[1].Transcript().Append(logged("other", 0, arns...)))
		for _, arn := range arns {
			deliver(t, all[1], reader(t, all[1], arn))
		}
		blocker := must(pgtest.Connect(t, url).Begin(t.Context()))(t)
		watch := pgtest.Connect(t, url)
		first := reader(t, all[1], arns[0])
		if _, err := blocker.Exec(t.Context(), `SELECT 1 FROM backlogs WHERE reader_id = $1 AND room_id = 'room' FOR UPDATE`, first); err != nil {
			t.Fatal(err)
		}
		all[0].Transcript().Append(logged("new", 1, arns...))
		done := all[0].Transcript().Append(logged("room", 2, arns...))
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
		wait(t, two.Transcript().Append(logged("other", 3, arns[1])))
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
		second := two.Transcript().Append(logged("room", 3, arns[1]))
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
		arns := logging(t, all[0], 3)
		const rooms, frames = 20, 60
		var writing sync.WaitGroup
		for n, db := range all {
			writing.Go(func() {
				var last <-chan struct{}
				for i := range frames {
					for room := range rooms {
						// A room's home moves in the middle.
						if (room+i/(frames/2))%len(all) == n {
							last = db.Transcript().Append(logged(fmt.Sprint("room", room), uint64(i), arns[room%3], arns[(room+1)%3]))
						}
					}
				}
				wait(t, last)
			})
		}
		wait(t, all[0].Transcript().Append(logged("first", 0, arns...)))
		written := make(chan struct{})
		go func() {
			writing.Wait()
			close(written)
		}()
		var got [3]map[string][]string
		var reading sync.WaitGroup
		for n, db := range all {
			until(t, "the reader exists", func() bool { return len(must(db.Transcript().Readers(t.Context()))(t)) == 3 })
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
	arn := logging(t, one, 1)[0]
	wait(t, one.Transcript().Append(logged("room", 0, arn)))
	id := reader(t, one, arn)
	backlog := func() chatlog.Backlog {
		return must(two.Transcript().Backlogs(t.Context(), id, time.Now().Add(time.Hour), 1<<40, 1))(t)[0]
	}
	refused := func(t *testing.T, db *store.DB) {
		t.Helper()
		b := backlog()
		if err := db.Transcript().Advance(t.Context(), b, b.Head, 1, time.Now()); !errors.Is(err, chatlog.ErrNotClaimed) {
			t.Errorf("advancing: %v", err)
		}
		if err := db.Transcript().BeginObject(t.Context(), b, chatlog.Object{Key: "k", To: b.Head}); !errors.Is(err, chatlog.ErrNotClaimed) {
			t.Errorf("beginning an object: %v", err)
		}
		if now := backlog(); now.Delivered != b.Delivered || now.Object != nil {
			t.Errorf("the backlog became %+v", now)
		}
	}
	claims := func(t *testing.T, db *store.DB) bool {
		t.Helper()
		until := must(db.Transcript().Claim(t.Context(), []int64{id}))(t)[id]
		if !until.IsZero() && (until.Before(time.Now()) || until.After(time.Now().Add(10*time.Second))) {
			t.Errorf("it is claimed until %v", until)
		}
		return !until.IsZero()
	}

	t.Run("a claimed reader is nobody else's", func(t *testing.T) {
		if claims(t, two) {
			t.Error("two servers have it")
		}
		refused(t, two)
		if !claims(t, one) {
			t.Error("the first server has lost it")
		}
	})
	t.Run("one that was given back is free at once", func(t *testing.T) {
		if err := one.Transcript().Release(t.Context(), nil); err != nil {
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
		if err := one.Transcript().BeginObject(t.Context(), b, chatlog.Object{Key: "k", To: b.Head}); err != nil {
			t.Error(err)
		}
		if err := one.Transcript().Advance(t.Context(), b, b.Head, 1, time.Now()); err != nil {
			t.Error(err)
		}
		if left := must(two.Transcript().Backlogs(t.Context(), id, time.Now().Add(time.Hour), 1<<40, 1))(t); len(left) != 0 {
			t.Errorf("%+v is left", left)
		}
	})
}

// TestLease is what one server relies on: it has what it claims, also after it
// was killed and started again.
func TestLease(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arn := logging(t, db, 1)[0]
		wait(t, db.Transcript().Append(logged("room", 0, arn)))
		if got := deliver(t, db, reader(t, db, arn)); len(got["room"]) != 1 {
			t.Errorf("delivered %v", got)
		}
		if err := errors.Join(db.Transcript().Release(t.Context(), nil), db.Close()); err != nil {
			t.Fatal(err)
		}
		db = open(t)
		wait(t, db.Transcript().Append(logged("room", 1, arn)))
		if got := deliver(t, db, reader(t, db, arn)); len(got["room"]) != 1 {
			t.Errorf("after a restart %v was delivered", got)
		}
	})
}

// TestLostAnswer cuts the connection when PostgreSQL has committed and before the
// server hears of it.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Shared(t)
	url := migrated(t)
	var armed atomic.Bool
	var cut atomic.Int32
	proxy := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { proxy.Close() })
	go func() {
		for {
			client, err := proxy.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", cluster.Address())
				if err != nil {
					return
				}
				defer server.Close()
				var lost atomic.Bool
				go func() {
					defer client.Close()
					buf := make([]byte, 64<<10)
					for {
						n, err := server.Read(buf)
						if err != nil || lost.Load() {
							return
						}
						if _, err := client.Write(buf[:n]); err != nil {
							return
						}
					}
				}()
				buf := make([]byte, 64<<10)
				for {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					if strings.Contains(string(buf[:n]), "commit") && armed.CompareAndSwap(true, false) {
						lost.Store(true)
						cut.Add(1)
					}
					if _, err := server.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	db := opened(func(o *store.Options) { o.Database = strings.Replace(url, cluster.Address(), proxy.Addr().String(), 1) })(t)
	wait(t, db.Transcript().Append(frame("room", 0)))
	for i := uint64(1); i <= 5; i++ {
		armed.Store(true)
		wait(t, db.Transcript().Append(frame("room", i)))
		until(t, "the frame is stored", func() bool { return !armed.Load() && len(recorded(t, db, "room")) > int(i) })
	}
	// A frame that goes the common way stands behind all that is tried again.
	last := db.Transcript().Append(frame("room", 6))
	wait(t, last)
	until(t, "all is stored", func() bool {
		all := recorded(t, db, "room")
		return all[len(all)-1].Sequence == 6
	})
	var got []uint64
	for _, r := range recorded(t, db, "room") {
		got = append(got, r.Sequence)
	}
	if fmt.Sprint(got) != "[0 1 2 3 4 5 6]" || cut.Load() != 5 {
		t.Errorf("after %d lost answers the transcript has %v", cut.Load(), got)
	}

	armed.Store(true)
	id := tokenID()
	wantCode(t, db.Redeem(t.Context(), id, time.Now().Add(time.Hour)), chat.Unavailable)
	wantCode(t, db.Redeem(context.WithoutCancel(t.Context()), id, time.Now().Add(time.Hour)), chat.Unauthenticated)
}
