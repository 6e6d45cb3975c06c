package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// spareFor is the greatest age of an unused connection whose caller left.
	spareFor = 10 * time.Second
	// leftWithin is how long a statement may run after its caller has left. Then its
	// connection is closed, because nothing else would end the statement.
	leftWithin = time.Second
)

// dialer makes the connections of a pool. database/sql dials in the context of a
// caller. When callers time out before a slow server accepts, none of them ever gets
// a connection. Here a dial continues when its caller leaves, and the next caller
// gets its result.
type dialer struct {
	driver.Connector
	within time.Duration   // of one dial
	ctx    context.Context // ends with the pool
	stop   context.CancelFunc

	mu   sync.Mutex
	left []*dial // whose callers have left; guarded by mu
}

// dial is one connection attempt. The fields after done are set before it is closed.
type dial struct {
	done chan struct{}
	conn driver.Conn
	err  error
	at   time.Time
}

func newDialer(c *pgx.ConnConfig, options ...stdlib.OptionOpenDB) *dialer {
	// A caller that leaves does not cost a connection either, if its statement ends
	// soon.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn(), DeadlineDelay: leftWithin}
	}
	// pgx bounds each attempt. The extra time is for name lookups.
	d := &dialer{Connector: stdlib.GetConnector(*c, options...), within: c.ConnectTimeout * time.Duration(len(c.Fallbacks)+2)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Connect returns a new connection. ctx ends only the wait for it.
func (d *dialer) Connect(ctx context.Context) (driver.Conn, error) {
	c := d.take()
	select {
	case <-c.done:
		return c.conn, c.err
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		d.left = append(d.left, c)
		return nil, context.Cause(ctx)
	}
}

// take returns a dial whose caller has left, or begins one.
func (d *dialer) take() *dial {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.left) > 0 {
		c := d.left[0]
		d.left = d.left[1:]
		select {
		case <-c.done:
			if c.err != nil {
				continue // It is too old.
			}
			if time.Since(c.at) > spareFor {
				go c.conn.Close()
				continue
			}
		default:
		}
		return c
	}
	c := &dial{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		ctx, cancel := context.WithTimeout(d.ctx, d.within)
		defer cancel()
		c.conn, c.err = d.Connector.Connect(ctx)
		c.at = time.Now()
	}()
	return c
}

// Close closes unused connections. The pool calls it when it is closed.
func (d *dialer) Close() error {
	d.stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, c := range d.left {
		<-c.done
		if c.err == nil {
			errs = append(errs, c.conn.Close())
		}
	}
	d.left = nil
	return errors.Join(errs...)
}
