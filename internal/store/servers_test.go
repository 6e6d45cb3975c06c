package store_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
	"confab/internal/transcript"
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
					err := redeem(db, t.Context(), ids[i], time.Now().Add(time.Hour))
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

func frame(room string, sequence uint64) *chat.Frame {
	return &chat.Frame{
		RoomID: room, Epoch: 3, Sequence: sequence, Type: chat.MessageFrame, Time: time.Unix(1_800_000_000, int64(sequence)).UTC(),
		JSON: fmt.Appendf(nil, `{"Content":"%s %d"}`, room, sequence),
	}
}

// recorded reads the whole transcript of a room in small pieces.
func recorded(t testing.TB, db *store.DB, room string) []transcript.Record {
	t.Helper()
	var all []transcript.Record
	for after := int64(0); ; {
		part, err := db.Transcript().Read(t.Context(), room, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range part {
			if r.Position <= after {
				t.Fatalf("position %d comes after %d", r.Position, after)
			}
			after = r.Position
		}
		all = append(all, part...)
		if len(part) < 7 {
			return all
		}
	}
}

func wait(t testing.TB, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing happened for 20 seconds")
	}
}

// TestLostAnswer cuts the connection when PostgreSQL has committed and before the
// server is notified.
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
	wantCode(t, redeem(db, t.Context(), id, time.Now().Add(time.Hour)), chat.Unavailable)
	wantCode(t, redeem(db, context.WithoutCancel(t.Context()), id, time.Now().Add(time.Hour)), chat.Unauthenticated)
}

// logged is a frame for logging configurations.
func logged(room string, sequence uint64, configurations ...string) *chat.Frame {
	f := frame(room, sequence)
	f.Time = time.Now()
	f.LoggingConfigurations = configurations
	return f
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

// stored waits until a room has n frames: one whose disk is slow is not waited
// for when it appends.
func stored(t testing.TB, db *store.DB, room string, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d frames are stored", n), func() bool { return len(recorded(t, db, room)) >= n })
}
