package history_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/history"
	"confab/internal/pgtest"
	"confab/internal/sqldb"
)

// benchmarks runs a benchmark for every kind of database, PostgreSQL with fsync as in
// production.
func benchmarks(b *testing.B, run func(b *testing.B, open opener)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { run(b, sqlite(b)) })
	b.Run("postgres", func(b *testing.B) {
		run(b, opened(sqldb.Options{URL: pgtest.Start(b).Database(b)}))
	})
}

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchRoom is the name of a room as long as a real one.
func benchRoom(i int) string { return fmt.Sprintf("room%08d", i) }

// chatter is a message of a length as people write it.
func chatter(i int) string {
	words := []string{"goal", "what", "a", "save", "did", "you", "see", "that", "no", "way", "the", "keeper", "again", "hello", "from", "Porto"}
	var b strings.Builder
	for k := range 4 + i%9 {
		fmt.Fprint(&b, words[(i*7+k*k)%len(words)], " ")
	}
	return b.String()
}

// BenchmarkAppend appends messages of 100 rooms that come steadily, 1,000 a second, while
// compactions run. It reports the processor time of a message in this process and the time
// until it is stored.
func BenchmarkAppend(b *testing.B) {
	benchmarks(b, func(b *testing.B, open opener) {
		w := open(b)
		for i := range 100 {
			w.rooms.set(benchRoom(i), 24*time.Hour)
		}
		w.Start()
		took := make(chan time.Duration, b.N)
		before := cpu(b)
		began := time.Now()
		for i := 0; b.Loop(); i++ {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Millisecond)))
			w.clock.set(start.Add(time.Since(began)))
			f := w.frame(benchRoom(i*37%100), fmt.Sprint("user-", i%500), chatter(i))
			at := time.Now()
			done := w.frames.Append(f)
			go func() {
				<-done
				took <- time.Since(at)
			}()
		}
		var all []time.Duration
		for range b.N {
			all = append(all, <-took)
		}
		b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	})
}

// fill gives a room n messages, as a day of chat has them.
func fill(b *testing.B, w *rig, room string, n int) {
	b.Helper()
	w.rooms.set(room, 365*24*time.Hour)
	var last <-chan struct{}
	for i := range n {
		w.clock.set(start.Add(time.Duration(i) * 100 * time.Millisecond))
		last = w.frames.Append(w.frame(room, fmt.Sprint("user-", i*7%500), chatter(i)))
		if i%20_000 == 19_999 {
			<-last
			if err := w.Compact(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
	<-last
	if err := w.Compact(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// The messages of the rooms of BenchmarkList.
const small, large = 100, 1_000_000

// BenchmarkList reads the newest and the oldest page of a small room and of one with
// 1,000,000 messages, and a page by time in the middle of it.
func BenchmarkList(b *testing.B) {
	benchmarks(b, func(b *testing.B, open opener) {
		w := open(b)
		fill(b, w, "small", small)
		fill(b, w, "large", large)
		var stored float64
		if _, err := w.sql.Read().Row(b.Context(), `SELECT sum(length(body)) FROM history_pieces`, nil, &stored); err != nil {
			b.Fatal(err)
		}
		middle := start.Add(large / 2 * 100 * time.Millisecond)
		for _, q := range []struct {
			name string
			history.Query
		}{
			{"room=small/newest", history.Query{RoomID: "small", NewestFirst: true}},
			{"room=large/newest", history.Query{RoomID: "large", NewestFirst: true}},
			{"room=large/oldest", history.Query{RoomID: "large"}},
			{"room=large/middle", history.Query{RoomID: "large", Start: middle, End: middle.Add(time.Hour), NewestFirst: true}},
		} {
			b.Run(q.name, func(b *testing.B) {
				q.Max, q.NotBefore = 50, start
				var all []time.Duration
				for b.Loop() {
					at := time.Now()
					page, _, err := w.List(b.Context(), q.Query)
					if err != nil || len(page) != 50 {
						b.Fatal(len(page), err)
					}
					all = append(all, time.Since(at))
				}
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
				b.ReportMetric(stored/(large+small), "stored-B/msg")
			})
		}
	})
}
