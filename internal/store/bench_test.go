package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// parallel runs op from n goroutines and reports how often per second.
func parallel(b *testing.B, n int, op func() error) {
	b.Helper()
	left := atomic.Int64{}
	left.Store(int64(b.N))
	done := make(chan error, n)
	b.ResetTimer()
	for range n {
		go func() {
			for left.Add(-1) >= 0 {
				if err := op(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range n {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// benchmarks runs a benchmark for every kind of database, PostgreSQL with fsync
// as in production, and says how much slower PostgreSQL is.
func benchmarks(b *testing.B, name string, run func(b *testing.B, open opener)) {
	b.Helper()
	var sqliteTime time.Duration
	b.Run(name+"/sqlite", func(b *testing.B) {
		run(b, sqlite(b))
		sqliteTime = b.Elapsed() / time.Duration(b.N)
	})
	cluster := pgtest.Start(b)
	b.Run(name+"/postgres", func(b *testing.B) {
		url := cluster.Database(b)
		run(b, opened(func(o *store.Options) { o.Database = url }))
		if sqliteTime > 0 {
			b.ReportMetric(float64(b.Elapsed()/time.Duration(b.N))/float64(sqliteTime), "x-sqlite")
		}
	})
}

func BenchmarkCreateRoom(b *testing.B) {
	for _, callers := range []int{1, 16} {
		benchmarks(b, fmt.Sprint("callers=", callers), func(b *testing.B, open opener) {
			db := open(b)
			parallel(b, callers, func() error { return db.CreateRoom(b.Context(), &chat.Room{Name: "room"}, 0) })
		})
	}
}

func BenchmarkRoom(b *testing.B) {
	db := sqlite(b)(b)
	room := create(b, db, &chat.Room{Name: "room", LoggingConfigurations: logging(b, db, 2), Tags: map[string]string{"a": "b"}})
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			parallel(b, callers, func() error {
				_, err := db.Room(b.Context(), room.ARN.ID)
				return err
			})
		})
	}
}

// BenchmarkListRooms reads a page of 50 out of 20,000 rooms.
func BenchmarkListRooms(b *testing.B) {
	db := sqlite(b)(b)
	arns := logging(b, db, 1)
	for i := range 20_000 {
		create(b, db, &chat.Room{Name: fmt.Sprint("room", i%100), LoggingConfigurations: arns})
	}
	for name, f := range map[string]store.RoomFilter{
		"all": {}, "name": {Name: new("room7")}, "handler": {HandlerURI: new("")}, "logging": {LoggingConfiguration: arns[0]},
		"name,logging": {Name: new("room7"), LoggingConfiguration: arns[0]},
	} {
		b.Run("by="+name, func(b *testing.B) {
			for b.Loop() {
				if rooms, _, err := db.ListRooms(b.Context(), f, 50, ""); err != nil || len(rooms) != 50 {
					b.Fatalf("%d rooms, error %v", len(rooms), err)
				}
			}
		})
	}
}

func BenchmarkRedeem(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		benchmarks(b, fmt.Sprint("callers=", callers), func(b *testing.B, open opener) {
			db := open(b)
			expires := time.Now().Add(time.Hour)
			parallel(b, callers, func() error { return redeem(db, b.Context(), tokenID(), expires) })
		})
	}
}

// BenchmarkAppend is one busy room whose home waits for every 64th frame, and
// one that waits for each.
func BenchmarkAppend(b *testing.B) {
	for _, every := range []int{1, 64} {
		benchmarks(b, fmt.Sprint("wait=", every), func(b *testing.B, open opener) {
			db := open(b)
			n := 0
			parallel(b, 1, func() error {
				done := db.Transcript().Append(frame("room", uint64(n)))
				if n++; n%every == 0 {
					<-done
				}
				return nil
			})
		})
	}
}
