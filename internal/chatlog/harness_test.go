package chatlog_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/store"
)

// bench is a store with a service that delivers from it.
type bench struct {
	t       testing.TB
	dir     string
	store   store.Options
	db      *store.DB
	metrics *chatlog.Metrics
	log     *logBuffer
	logs    *chatlog.Service

	mu        sync.Mutex
	sequences map[string]uint64
}

// logBuffer keeps the log for tests that read it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

var secretKey = bytes.Repeat([]byte{7}, store.SecretKeySize)

// newBench opens a new store.
func newBench(t testing.TB, change ...func(*store.Options)) *bench {
	t.Helper()
	b := &bench{
		t: t, dir: filepath.Join(t.TempDir(), "data"), metrics: chatlog.NewMetrics(nil), log: &logBuffer{},
		sequences: map[string]uint64{},
	}
	o := store.Options{Dir: b.dir, SecretKey: secretKey, Region: region, Account: account, Metrics: store.NewMetrics(nil, b.metrics), Log: b.logger()}
	for _, c := range change {
		c(&o)
	}
	b.store = o
	b.reopen()
	return b
}

// reopen opens the store, which is closed at the end of the test.
func (b *bench) reopen() {
	b.t.Helper()
	b.db = must(store.Open(b.t.Context(), b.store))(b.t)
	db := b.db
	b.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

func (b *bench) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.MultiWriter(b.log), nil))
}

// options returns the options of a service with short intervals.
func (b *bench) options(endpoint string, change ...func(*chatlog.Options)) chatlog.Options {
	o := chatlog.Options{
		Region: region, Account: account, Transcript: b.db.Transcript(), AWS: awsConfig(endpoint),
		FlushInterval: 50 * time.Millisecond, ObjectInterval: 50 * time.Millisecond,
		Metrics: b.metrics, Log: b.logger(),
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// start starts the service, which is stopped at the end of the test.
func (b *bench) start(endpoint string, change ...func(*chatlog.Options)) {
	b.t.Helper()
	b.logs = must(chatlog.New(b.options(endpoint, change...)))(b.t)
	b.t.Cleanup(b.stop)
}

// stop stops the service at once; it may be called twice.
func (b *bench) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b.logs.Close(ctx)
}

// finish stops the service gracefully.
func (b *bench) finish() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	b.logs.Close(ctx)
	if ctx.Err() != nil {
		b.t.Error("the service does not stop")
	}
}

// configuration makes a logging configuration and returns its ARN.
func (b *bench) configuration(d chat.Destination) string {
	b.t.Helper()
	c := &chat.LoggingConfiguration{Destination: d, State: chat.LoggingActive}
	if err := b.db.CreateLoggingConfiguration(b.t.Context(), c, 0); err != nil {
		b.t.Fatal(err)
	}
	return c.ARN.String()
}

// frames makes frames of a room that is logged by the configurations.
var frameCount atomic.Int64

func newFrame(room string, sequence uint64, configurations ...string) *chat.Frame {
	m := chat.Message{
		ID: chat.NewID(), Content: fmt.Sprint("message ", frameCount.Add(1)), SendTime: time.Now().UTC(), UserID: "someone",
	}
	return &chat.Frame{
		RoomID: room, Epoch: 1, Sequence: sequence, ID: m.ID, Type: chat.MessageFrame, Time: m.SendTime, JSON: m.AppendJSON(nil),
		LoggingConfigurations: configurations,
	}
}

// append appends n frames and returns them once they are durable.
func (b *bench) append(room string, n int, configurations ...string) []*chat.Frame {
	b.t.Helper()
	return b.appendLong(room, n, 0, configurations...)
}

// appendLong does the same with frames of at least size bytes.
func (b *bench) appendLong(room string, n, size int, configurations ...string) []*chat.Frame {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*chat.Frame
	var last <-chan struct{}
	for range n {
		b.sequences[room]++
		f := newFrame(room, b.sequences[room], configurations...)
		if size > 0 {
			f.JSON = append(f.JSON, bytes.Repeat([]byte(" "), size)...)
		}
		all = append(all, f)
		last = b.db.Transcript().Append(f)
	}
	<-last
	b.stored()
	return all
}

// stored waits until all that was appended is in the database: on a machine whose disk is slow,
// frames are acknowledged before.
func (b *bench) stored() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), longest)
	defer cancel()
	if err := b.db.Transcript().Flush(ctx); err != nil {
		b.t.Fatal(err)
	}
}

// longest is how long a test waits for what is normally quick.
const longest = 90 * time.Second

// owed reports whether any destination is owed something.
func (b *bench) owed() bool {
	b.t.Helper()
	for _, r := range must(b.db.Transcript().Readers(b.t.Context()))(b.t) {
		if !r.Since.IsZero() {
			return true
		}
	}
	return false
}

// delivered waits until no destination is owed anything.
func (b *bench) delivered() {
	b.t.Helper()
	eventually(b.t, longest, "records are still owed", func() bool { return !b.owed() })
}

// wantIDs checks that a destination has exactly the frames, each at most max times.
func wantIDs(t testing.TB, got map[string]int, frames []*chat.Frame, max int) {
	t.Helper()
	lost, surplus := 0, 0
	for _, f := range frames {
		switch n := got[f.ID]; {
		case n == 0:
			lost++
		case n > max:
			surplus++
		}
		delete(got, f.ID)
	}
	if lost > 0 || surplus > 0 || len(got) > 0 {
		t.Errorf("of %d frames, %d are missing and %d came more than %d times; %d others are there that were not meant for it", len(frames), lost, surplus, max, len(got))
	}
}
