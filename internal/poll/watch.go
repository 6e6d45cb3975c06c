package poll

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Interval is how often a Watch looks for changes.
const Interval = 500 * time.Millisecond

// Changes are one kind of changes that a Watch looks for. All fields are required.
type Changes struct {
	// Counter is an SQL query for a number that every change changes. No row, or NULL, is 0.
	Counter string
	// News reports whether there are changes to read, as far as the counter shows.
	News func(counter int64) bool
	// Read reads the changes.
	Read func(ctx context.Context) error
	// Turned is called with the error when reads begin to fail, and with nil when they succeed
	// again.
	Turned func(err error)
}

// Watch looks for changes in a database with one query, whatever number of kinds they have. Its
// methods may be called from any goroutine.
type Watch struct {
	// row reads the only row of a query.
	row func(ctx context.Context, query string, columns []any) error

	mu       sync.Mutex // guards what follows
	followed []*followed
	stop     context.CancelFunc // ends the loop, if any changes are followed
	stopped  chan struct{}      // closed when the loop has ended
}

// followed are changes in a call of Follow.
type followed struct {
	Changes
	look    chan error // says that there are news, or that the counters cannot be read
	failing atomic.Bool
}

// NewWatch returns a Watch that asks nothing yet. row reads the only row of a query.
func NewWatch(row func(ctx context.Context, query string, columns []any) error) *Watch {
	return &Watch{row: row}
}

// Follow reads changes until ctx ends, within Interval and the time of the reads. It returns
// after the last read.
func (w *Watch) Follow(ctx context.Context, c *Changes) {
	f := &followed{Changes: *c, look: make(chan error, 1)}
	w.add(f)
	defer w.remove(f)
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-f.look:
			if err == nil {
				err = f.Read(ctx)
			}
			if ctx.Err() != nil {
				return
			}
			if fails := err != nil; f.failing.Swap(fails) != fails {
				f.Turned(err)
			}
		}
	}
}

func (w *Watch) add(f *followed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.followed = append(w.followed, f); len(w.followed) == 1 {
		ctx, stop := context.WithCancel(context.Background())
		stopped := make(chan struct{})
		w.stop, w.stopped = stop, stopped
		go func() {
			defer close(stopped)
			w.run(ctx)
		}()
	}
}

// remove ends the loop with the last changes that are followed, so that nothing is read any more.
func (w *Watch) remove(f *followed) {
	w.mu.Lock()
	w.followed = slices.DeleteFunc(slices.Clone(w.followed), func(other *followed) bool { return other == f })
	last, stopped := len(w.followed) == 0, w.stopped
	if last {
		w.stop()
	}
	w.mu.Unlock()
	if last {
		<-stopped
	}
}

// run looks for changes until ctx ends.
func (w *Watch) run(ctx context.Context) {
	for Sleep(ctx, Interval) {
		w.mu.Lock()
		all := w.followed // It is copied before it is changed, unless it only grows.
		w.mu.Unlock()
		counters, columns, parts := make([]int64, len(all)), make([]any, len(all)), make([]string, len(all))
		for i, f := range all {
			columns[i], parts[i] = &counters[i], "coalesce(("+f.Counter+"), 0)"
		}
		err := w.row(ctx, "SELECT "+strings.Join(parts, ", "), columns)
		if ctx.Err() != nil {
			return
		}
		for i, f := range all {
			if err == nil && !f.failing.Load() && !f.News(counters[i]) {
				continue
			}
			select {
			case f.look <- err:
			default: // It is still reading.
			}
		}
	}
}
