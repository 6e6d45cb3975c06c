package store_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// road is a way to the shared cluster that is slow for new connections.
type road struct {
	address string
	delay   atomic.Int64 // ns, before a connection gets through
	made    atomic.Int32 // connections
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	r := &road{address: ln.Addr().String()}
	var all sync.WaitGroup
	t.Cleanup(func() { ln.Close(); all.Wait() })
	all.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			r.made.Add(1)
			all.Go(func() {
				defer client.Close()
				time.Sleep(time.Duration(r.delay.Load())) // How long this road is.
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				all.Go(func() {
					defer client.Close()
					io.Copy(client, server) //nolint:errcheck // How it ends does not matter.
				})
				io.Copy(server, client) //nolint:errcheck // As above.
			})
		}
	})
	return r
}

// TestPostgresImpatient is about callers who do not wait as long as a connection
// takes, as a load balancer's probe may be.
func TestPostgresImpatient(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Shared(t)
	url := migrated(t)
	name := url[strings.LastIndexByte(url, '/')+1 : strings.IndexByte(url, '?')]
	r := newRoad(t, cluster.Address())
	metrics := store.NewMetrics(nil, chatlog.NewMetrics(nil))
	db := opened(func(o *store.Options) {
		o.Database, o.Metrics = strings.Replace(url, cluster.Address(), r.address, 1), metrics
	})(t)
	room := create(t, db, &chat.Room{Name: "room"})
	brief := func(ask func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		return ask(ctx)
	}
	failures := func() float64 {
		n := 0.0
		for _, label := range []string{"confab", "tokens", "transcript"} {
			n += testutil.ToFloat64(metrics.SQL.Errors.WithLabelValues(label))
		}
		return n
	}

	r.delay.Store(int64(500 * time.Millisecond))
	for _, tt := range []struct {
		name string
		ask  func(ctx context.Context) error
	}{
		{"read", func(ctx context.Context) error { _, err := db.Room(ctx, room.ARN.ID); return err }},
		{"ask for readiness", db.Ping},
	} {
		t.Run("those who "+tt.name+" get through, though none of them waits for a connection", func(t *testing.T) {
			cluster.Exec(t, disconnect(name))
			before := r.made.Load()
			until(t, "a call succeeds", func() bool { return brief(tt.ask) == nil })
			if n := r.made.Load() - before; n > 6 {
				t.Errorf("%d connections were made", n)
			}
		})
	}
	r.delay.Store(0)

	t.Run("one that leaves costs no connection and is no failure", func(t *testing.T) {
		must(db.Room(t.Context(), room.ARN.ID))(t)
		before, failed := r.made.Load(), failures()
		locker, watcher := pgtest.Connect(t, url), pgtest.Connect(t, url)
		tx := must(locker.Begin(t.Context()))(t)
		if _, err := tx.Exec(t.Context(), `LOCK TABLE rooms, settings IN ACCESS EXCLUSIVE MODE`); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { db.Room(ctx, room.ARN.ID) }) //nolint:errcheck // Who has left does not learn it.
			all.Go(func() { db.Ping(ctx) })              //nolint:errcheck // As above.
		}
		until(t, "they wait", func() bool {
			var n int
			err := watcher.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&n)
			return err == nil && n >= 3
		})
		leave()
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("not ready: %v", err)
		}
		must(db.Room(t.Context(), room.ARN.ID))(t)
		if n := failures(); n != failed {
			t.Errorf("%v failures were counted", n-failed)
		}
		// Those who read at the same time may have made two more.
		if n := r.made.Load() - before; n > 3 {
			t.Errorf("%d connections were made", n)
		}
	})
}
