package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"confab/internal/chat"
)

// Every connection has these limits, unless the URL sets others. Their order matters:
// a server that stops inside a transaction loses it before the waiters for its locks
// time out.
const (
	idleInTransaction = 3 * time.Second
	lockTimeout       = 6 * time.Second
	statementTimeout  = 8 * time.Second
	// postgresPatience is for a PostgreSQL that does not even report its own
	// timeouts.
	postgresPatience = 10 * time.Second
	// connectTimeout bounds one attempt to connect.
	connectTimeout = 5 * time.Second
)

const (
	// Connections are replaced after some time. This moves load to a new server
	// behind a load balancer, and frees memory of the old one.
	connectionLifetime = 30 * time.Minute
	connectionIdle     = 5 * time.Minute
)

// postgresDialect keeps the databases as tables of one PostgreSQL database, in the
// first schema of the search path.
//
// It uses pgx through database/sql and not pgx's own interface, so that both
// databases share the code for statements, pools and scanning, and its tests. pgx
// could send several statements in one round trip; group commit makes up for that.
type postgresDialect struct {
	config *pgx.ConnConfig
	o      Options
	id     string
	needs  int     // most connections needed
	setup  *sql.DB // connections without timeouts, while the store opens
}

func newPostgres(o Options, specs []Spec) (*postgresDialect, error) {
	c, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be used: %w; it must be like postgres://user:password@host:5432/database?sslmode=verify-full", oneLine{err})
	}
	for name, value := range map[string]time.Duration{
		"idle_in_transaction_session_timeout": idleInTransaction,
		"lock_timeout":                        lockTimeout,
		"statement_timeout":                   statementTimeout,
	} {
		if c.RuntimeParams[name] == "" {
			c.RuntimeParams[name] = strconv.FormatInt(value.Milliseconds(), 10)
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	// With several hosts, use the one that accepts writes.
	several := slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.Host != c.Host || f.Port != c.Port })
	if several && c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	needs := setupConnections
	for i := range specs {
		needs += 1 + specs[i].PostgresReaders
	}
	return &postgresDialect{config: c, o: o, needs: needs, id: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), chat.NewID())}, nil
}

func (d *postgresDialect) label(name string) string { return name }

func (d *postgresDialect) place() string {
	return fmt.Sprintf("%q on the PostgreSQL server %s", d.config.Database, net.JoinHostPort(d.config.Host, strconv.Itoa(int(d.config.Port))))
}

func (d *postgresDialect) owner() string { return d.id }

func (d *postgresDialect) clock() string {
	return `(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint`
}

func (d *postgresDialect) remote() bool { return true }

func (d *postgresDialect) patience() time.Duration {
	if d.o.Bulk {
		return 0
	}
	return postgresPatience
}

// pool makes a pool whose connections show their purpose in application_name.
func (d *postgresDialect) pool(purpose string, size int) *sql.DB {
	c := d.config.Copy()
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = applicationPrefix + purpose
		if d.o.Bulk {
			c.RuntimeParams["application_name"] = "confab-bulk/" + purpose
		}
	}
	if purpose == setupPurpose || d.o.Bulk {
		// A migration step has no time limit.
		c.RuntimeParams["statement_timeout"], c.RuntimeParams["idle_in_transaction_session_timeout"] = "0", "0"
	}
	setByStatement(c)
	var options []stdlib.OptionOpenDB
	if purpose != setupPurpose && !d.o.Bulk {
		options = append(options, stdlib.OptionAfterConnect(d.use))
	}
	db := sql.OpenDB(newDialer(c, options...))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxLifetime(connectionLifetime)
	db.SetConnMaxIdleTime(connectionIdle)
	return db
}

const (
	setupPurpose     = "setup"
	setupConnections = 2
	// applicationPrefix precedes the purpose in application_name.
	applicationPrefix = "confab/"
)

// open makes separate pools for each database, so that many writes to one cannot take
// the connections of another.
func (d *postgresDialect) open(_ context.Context, sp *Spec) (writer, reader *sql.DB, err error) {
	return d.pool(sp.Name, 1), d.pool(sp.Name, sp.PostgresReaders), nil
}

// background returns nil: PostgreSQL's autovacuum and checkpointer do the work.
func (d *postgresDialect) background(*DB) (func(context.Context), error) { return nil, nil }

// The advisory locks of Confab are pairs of numbers. The first is "Cnfb". The second
// is one of these, Spec.PostgresLock (2 to 4), or a key's: see lockKeys.
const (
	lockSetup    = 1
	lockUse      = 5
	lockFirstKey = 1024
	lockKeySlots = 1024
)

// lock waits until PostgreSQL is reachable and no other server opens its databases.
func (d *postgresDialect) lock(ctx context.Context) (func(), error) {
	d.setup = d.pool(setupPurpose, setupConnections)
	unlock := func() { d.setup.Close() } // The lock ends with its connection.
	conn, err := d.connect(ctx)
	if err != nil {
		unlock()
		return nil, err
	}
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for held := false; ; held = true {
		var got bool
		err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, applicationID, lockSetup).Scan(&got)
		if err == nil && got {
			return func() { conn.Close(); unlock() }, nil
		}
		if err == nil {
			select {
			case <-retry.C:
				continue
			case <-ctx.Done():
				held = true
			}
		}
		conn.Close()
		unlock()
		// The time limit may end during a query as well as between two.
		if held && ctx.Err() != nil {
			return nil, fmt.Errorf("another server has been opening the database %s for too long: %w", d.place(), ctx.Err())
		}
		return nil, d.explain(err)
	}
}

// exists looks for the table that the first migration step makes.
func (d *postgresDialect) exists(ctx context.Context, sp *Spec) (exists bool, err error) {
	err = d.setup.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, schemaTable(sp)).Scan(&exists)
	if err != nil {
		return false, d.explain(err)
	}
	return exists, nil
}

// alone takes the advisory lock of all exclusive transactions. It waits for the
// transactions of other servers.
func (d *postgresDialect) alone(ctx context.Context, s Session, sp *Spec) error {
	_, err := s.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2)`, int32(applicationID), sp.PostgresLock)
	return err
}

// lockKeys keeps the identity values of a key in the order of commits. A number is
// given when a row is inserted. If two servers write rows of one key, the one with
// the lower numbers could commit later, when readers are past it already. Keys share
// 1024 locks, which bounds their memory in PostgreSQL. All take them in one order.
func (d *postgresDialect) lockKeys(ctx context.Context, s Session, keys []string) error {
	slots := make([]int32, len(keys))
	for i, key := range keys {
		h := fnv.New32a()
		h.Write([]byte(key))
		slots[i] = lockFirstKey + int32(h.Sum32()%lockKeySlots)
	}
	slices.Sort(slots)
	_, err := s.Exec(ctx, `SELECT pg_advisory_xact_lock($1, slot) FROM unnest($2::int[]) AS slot`, int32(applicationID), slices.Compact(slots))
	return err
}

func (d *postgresDialect) highWater(ctx context.Context, s Session, table, column string) (last int64, err error) {
	_, err = s.Row(ctx, `SELECT last_value FROM `+table+`_`+column+`_seq WHERE is_called`, nil, &last)
	return last, err
}

func (d *postgresDialect) setHighWater(ctx context.Context, s Session, table, column string, last int64) error {
	if last == 0 {
		return nil
	}
	_, err := s.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, $2), $3)`, table, column, last)
	return err
}

func (d *postgresDialect) snapshot() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// use takes a shared lock on the connection, which shows that a server uses the
// database.
func (d *postgresDialect) use(ctx context.Context, conn *pgx.Conn) error {
	var free bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock_shared($1, $2)`, applicationID, lockUse).Scan(&free); err != nil {
		return err
	}
	if !free {
		return fmt.Errorf("the database %s is being copied; start again when that is done", d.place())
	}
	return nil
}

// exclude does not wait: it fails if a server holds the shared lock.
func (d *postgresDialect) exclude(ctx context.Context, db *DB) (end func(), err error) {
	conn, err := db.reader.Conn(ctx)
	if err != nil {
		return nil, db.Failed(ctx, err)
	}
	var free bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, applicationID, lockUse).Scan(&free); err != nil {
		conn.Close()
		return nil, db.Failed(ctx, err)
	}
	if !free {
		conn.Close()
		return nil, fmt.Errorf("the database %s is used by servers, or another copy; stop them first", d.place())
	}
	return func() {
		conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, $2)`, applicationID, lockUse) //nolint:errcheck // Else it ends with its connection.
		conn.Close()
	}, nil
}
