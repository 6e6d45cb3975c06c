package history_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

func TestMain(m *testing.M) {
	if place := os.Getenv(crashPlace); place != "" {
		work(place)
	}
	flag.Parse()
	if !explicit("test.parallel") {
		// Most of the time the tests wait for a disk, or for a lease to end.
		flag.Set("test.parallel", "4") //nolint:errcheck // The testing package has this flag.
	}
	if !explicit("rapid.checks") {
		flag.Set("rapid.checks", "6") //nolint:errcheck // Package rapid has this flag.
	}
	os.Exit(pgtest.Run(m))
}

// explicit reports whether a flag was given.
func explicit(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// start is the time of the first frame in tests.
var start = time.Unix(1_800_000_000, 0).UTC()

// rig is what tests of the history run on: a database with its history and transcript, and the clock of the test.
type rig struct {
	tb  testing.TB
	sql *sqldb.DB
	*history.DB
	frames *transcript.DB
	rooms  *rooms
	clock  *clock
	next   map[string]uint64 // the sequence of each room's next frame
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// rooms has the retention of each room; the others were deleted.
type rooms struct {
	mu   sync.Mutex
	keep map[string]time.Duration
}

func (r *rooms) set(id string, keep time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep[id] = keep
}

func (r *rooms) HistoryRetention(_ context.Context, id string) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	keep, known := r.keep[id]
	if !known {
		return 0, chat.Errorf(chat.NotFound, "Room %s does not exist", id)
	}
	return keep, nil
}

// none has no logging configurations.
type none struct{}

func (none) LoggingConfiguration(context.Context, string) (*chat.LoggingConfiguration, error) {
	return nil, chat.Errorf(chat.NotFound, "there are none")
}

// opener opens the same database each time.
type opener func(tb testing.TB) *rig

// dialects runs a test for every kind of database.
func dialects(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqlite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgres(t))
	})
}

func sqlite(tb testing.TB) opener {
	tb.Helper()
	return opened(sqldb.Options{Dir: filepath.Join(tb.TempDir(), "data")})
}

func postgres(tb testing.TB) opener {
	tb.Helper()
	cluster := pgtest.Shared(tb)
	template.Do(func() {
		cluster.Exec(tb, `CREATE DATABASE migrated`)
		opened(sqldb.Options{URL: cluster.URL("migrated")})(tb).close()
	})
	return opened(sqldb.Options{URL: cluster.Copy(tb, "migrated")})
}

// template makes the database that others begin as, once.
var template sync.Once

// opened returns an opener of the database of o. Its rigs share rooms and a clock.
func opened(o sqldb.Options) opener {
	r, c := &rooms{keep: map[string]time.Duration{}}, &clock{now: start}
	o.Log, o.Metrics, o.Now = slog.New(slog.DiscardHandler), sqldb.NewMetrics(nil), c.Now
	return func(tb testing.TB) *rig {
		tb.Helper()
		all, err := sqldb.Open(context.Background(), o, transcript.Database(0))
		if err != nil {
			tb.Fatal(err)
		}
		w := &rig{tb: tb, sql: all[0], rooms: r, clock: c, next: map[string]uint64{}}
		w.DB = history.New(w.sql, history.Options{Rooms: r, Log: o.Log})
		w.frames, err = transcript.New(w.sql, transcript.Options{JournalDir: o.Dir, Configurations: none{}, History: w.DB, Log: o.Log, Metrics: transcript.NewMetrics(nil, chatlog.NewMetrics(nil), webhook.NewMetrics(nil))})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(w.close)
		return w
	}
}

func (w *rig) close() {
	if w.sql == nil {
		return
	}
	w.frames.Close()
	w.Close()
	if err := sqldb.Close(w.sql); err != nil {
		w.tb.Error(err)
	}
	w.sql = nil
}

// frame returns the next frame of a room, a message of the user.
func (w *rig) frame(room, user, content string) *chat.Frame {
	w.next[room]++
	m := chat.Message{
		ID: chat.NewID(), RequestID: "request", Content: content, SendTime: w.clock.Now(), UserID: user,
		Attributes: map[string]string{"n": fmt.Sprint(w.next[room])}, SenderAttributes: map[string]string{"name": user},
	}
	keep, _ := w.rooms.HistoryRetention(context.Background(), room)
	return &chat.Frame{
		RoomID: room, Epoch: 1<<63 + 3, Sequence: w.next[room], ID: m.ID, Type: chat.MessageFrame, Action: chat.ActionSendMessage,
		Time: m.SendTime, JSON: m.AppendJSON(nil), UserID: user, Keep: keep,
	}
}

// deletion returns the frame that deletes a message.
func (w *rig) deletion(room, by, message, reason string) *chat.Frame {
	w.next[room]++
	e := chat.Event{ID: chat.NewID(), Name: chat.DeleteMessageEvent, SendTime: w.clock.Now(), Attributes: map[string]string{"MessageId": message, "MessageID": message, "Reason": reason}}
	keep, _ := w.rooms.HistoryRetention(context.Background(), room)
	return &chat.Frame{
		RoomID: room, Epoch: 1<<63 + 3, Sequence: w.next[room], ID: e.ID, Type: chat.EventFrame, Action: chat.ActionDeleteMessage,
		Time: e.SendTime, JSON: e.AppendJSON(nil), UserID: by, Keep: keep,
		Deletion: &chat.Deletion{MessageID: message, By: by, Reason: reason},
	}
}

// batch returns a frame for each of some rooms of the crowd.
func (w *rig) batch(n int) (frames []*chat.Frame) {
	for i := range n {
		frames = append(frames, w.frame(crowdRoom(i), "ann", strings.Repeat("words ", i)))
	}
	return frames
}

// compact compacts, and waits for another server that does.
func (w *rig) compact() {
	w.tb.Helper()
	for until := time.Now().Add(20 * time.Second); ; {
		if err := w.Compact(context.Background()); err != nil {
			w.tb.Fatal(err)
		}
		if w.rows("history_batches") == 0 {
			return
		}
		if time.Now().After(until) {
			w.tb.Fatal("batches are left")
		}
		time.Sleep(10 * time.Millisecond) // The lease of a killed server ends.
	}
}

// append stores frames together.
func (w *rig) append(frames ...*chat.Frame) {
	w.tb.Helper()
	var last <-chan struct{}
	for _, f := range frames {
		last = w.frames.Append(f)
	}
	select {
	case <-last:
	case <-time.After(20 * time.Second):
		w.tb.Fatal("nothing was stored for 20 seconds")
	}
	w.frames.Settle(context.Background()) // The journal has them; compaction and pruning see the database.
}

// fillBatches gives a room n messages, each in a batch of its own.
func (w *rig) fillBatches(room string, n int) {
	w.tb.Helper()
	for i := range n {
		err := w.sql.Share(context.Background(), func(ctx context.Context, s sqldb.Session) error {
			return w.Append(ctx, s, []*chat.Frame{w.frame(room, "ann", fmt.Sprint(i))})
		})
		if err != nil {
			w.tb.Fatal(err)
		}
	}
}

// unavailable ends the test if the error is not that of a database that is away.
func unavailable(tb testing.TB, err error) {
	tb.Helper()
	if chat.CodeOf(err) != chat.Unavailable {
		tb.Fatalf("got %v, want an error that is unavailable", err)
	}
}

// list returns all pages of a query, of at most max messages each.
func (w *rig) list(q history.Query) []history.Message {
	w.tb.Helper()
	var all []history.Message
	for {
		page, next, err := w.List(context.Background(), q)
		if err != nil {
			w.tb.Fatal(err)
		}
		if len(page) > q.Max {
			w.tb.Fatalf("a page has %d messages, want at most %d", len(page), q.Max)
		}
		all = append(all, page...)
		if next == nil {
			return all
		}
		q.After = next
	}
}

// rows is the number of rows of a table.
func (w *rig) rows(table string) (n int) {
	w.tb.Helper()
	if _, err := w.sql.Read().Row(context.Background(), `SELECT count(*) FROM `+table, nil, &n); err != nil {
		w.tb.Fatal(err)
	}
	return n
}
