package transcript_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/history"
	"confab/internal/pgtest"
	"confab/internal/sqldb"
	"confab/internal/transcript"
	"confab/internal/webhook"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// database is a transcript with the database that it is in.
type database struct {
	*transcript.DB
	sql     *sqldb.DB
	metrics *transcript.Metrics
	close   func() error
}

// Close closes both.
func (db *database) Close() error { return db.close() }

// options are those of a test.
type options struct {
	transcript.Options
	SQL sqldb.Options
}

// opener opens the transcript of one test. It always opens the same data; what the
// test opens is closed at its end, unless the test has done so itself.
type opener func(tb testing.TB, change ...func(*options)) *database

// dialects runs a test for every kind of database, beside other tests.
func dialects(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, opened(sqldb.Options{Dir: filepath.Join(t.TempDir(), "data")}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, opened(sqldb.Options{URL: migrated(t)}))
	})
}

// migrated returns the URL of a database as the first server leaves it.
func migrated(tb testing.TB) string {
	tb.Helper()
	cluster := pgtest.Shared(tb)
	template.Do(func() {
		cluster.Exec(tb, `CREATE DATABASE migrated`)
		if err := opened(sqldb.Options{URL: cluster.URL("migrated")})(tb).Close(); err != nil {
			tb.Fatal(err)
		}
	})
	return cluster.Copy(tb, "migrated")
}

// template makes the database that others begin as, once.
var template sync.Once

// servers opens the transcript as several servers do that share one PostgreSQL, and
// returns the URL of the database too.
func servers(tb testing.TB, n int) ([]*database, string) {
	tb.Helper()
	url := migrated(tb)
	all := make([]*database, n)
	for i := range all {
		all[i] = opened(sqldb.Options{URL: url})(tb)
	}
	return all, url
}

// opened returns an opener of the database of o.
func opened(o sqldb.Options) opener {
	return func(tb testing.TB, change ...func(*options)) *database {
		tb.Helper()
		log, metrics := slog.New(slog.DiscardHandler), transcript.NewMetrics(nil, chatlog.NewMetrics(nil), webhook.NewMetrics(nil))
		all := options{SQL: o, Options: transcript.Options{
			Configurations: known{}, Region: "us-west-2", Account: "123456789012", Log: log, Metrics: metrics,
		}}
		all.SQL.Log, all.SQL.Metrics, all.JournalDir = log, sqldb.NewMetrics(nil), o.Dir
		for _, c := range change {
			c(&all)
		}
		open, err := sqldb.Open(context.Background(), all.SQL, transcript.Database(0))
		if err != nil {
			tb.Fatal(err)
		}
		all.History = history.New(open[0], history.Options{Log: log})
		frames, err := transcript.New(open[0], all.Options)
		if err != nil {
			tb.Fatal(err)
		}
		db := &database{DB: frames, sql: open[0], metrics: metrics}
		db.close = sync.OnceValue(func() error {
			db.DB.Close()
			return sqldb.Close(db.sql)
		})
		tb.Cleanup(func() {
			if err := db.Close(); err != nil {
				tb.Error(err)
			}
		})
		return db
	}
}

// known has every logging configuration.
type known struct{}

func (known) LoggingConfiguration(_ context.Context, id string) (*chat.LoggingConfiguration, error) {
	return &chat.LoggingConfiguration{
		ARN:   chat.ARN{Region: "us-west-2", Account: "123456789012", Type: chat.LoggingConfigurationResource, ID: id},
		State: chat.LoggingActive, Destination: chat.Destination{Type: chat.S3, Name: "bucket"},
	}, nil
}

// configurations returns the ARNs of logging configurations.
func configurations(n int) []string {
	arns := make([]string, n)
	for i := range arns {
		arns[i] = fmt.Sprintf("arn:aws:ivschat:us-west-2:123456789012:logging-configuration/configurati%d", i)
	}
	return arns
}

// clock is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) use(o *options) { o.SQL.Now = func() time.Time { return c.now } }

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
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
func recorded(t testing.TB, db *database, room string) []transcript.Record {
	t.Helper()
	var all []transcript.Record
	for after := int64(0); ; {
		part, err := db.Read(t.Context(), room, after, 7)
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

// stored waits until a room has n frames: one whose disk is slow is not waited
// for when it appends.
func stored(t testing.TB, db *database, room string, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d frames are stored", n), func() bool { return len(recorded(t, db, room)) >= n })
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
func reader(t testing.TB, db *database, configuration string) int64 {
	t.Helper()
	db.Settle(t.Context())
	for _, r := range must(db.Readers(t.Context()))(t) {
		if r.Configuration.String() == configuration {
			if mine := must(db.Claim(t.Context(), []int64{r.ID}))(t); mine[r.ID].IsZero() {
				t.Fatal("the reader cannot be claimed")
			}
			return r.ID
		}
	}
	t.Fatal("there is no such reader")
	return 0
}

// deliver delivers all that the reader is owed and returns it by room.
func deliver(t testing.TB, db *database, reader int64) map[string][]string {
	t.Helper()
	db.Settle(t.Context())
	got := map[string][]string{}
	for {
		backlogs := must(db.Backlogs(t.Context(), reader, time.Now().Add(time.Hour), 1<<40, 100))(t)
		if len(backlogs) == 0 {
			return got
		}
		for _, b := range backlogs {
			size := 0
			for _, r := range must(db.Owed(t.Context(), b, b.Delivered, b.Head, 1000))(t) {
				got[b.RoomID] = append(got[b.RoomID], string(r.JSON))
				size += len(r.JSON)
			}
			if err := db.Advance(t.Context(), b, b.Head, size, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
}
