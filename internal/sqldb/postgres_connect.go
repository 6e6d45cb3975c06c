package sqldb

import (
	"context"
	"database/sql"
	"log/slog"
	"time"
)

// connect makes the first connection. It retries for up to Options.Wait if the server
// is not ready yet.
func (d *postgresDialect) connect(ctx context.Context) (*sql.Conn, error) {
	until := time.Now().Add(d.o.Wait)
	for pause, told := 100*time.Millisecond, false; ; pause = min(2*pause, 2*time.Second) {
		conn, err := d.checkedConn(ctx)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil || !mayCome(err) || time.Now().Add(pause).After(until) {
			return nil, d.explain(err)
		}
		if !told {
			told = true
			d.o.Log.LogAttrs(ctx, slog.LevelWarn, "Waiting for the PostgreSQL server", slog.String("error", oneLine{err}.Error()))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// checkedConn returns a connection for the setup if each connection is a session.
func (d *postgresDialect) checkedConn(ctx context.Context) (*sql.Conn, error) {
	if err := d.checkPooling(ctx); err != nil {
		return nil, err
	}
	return d.setup.Conn(ctx)
}
