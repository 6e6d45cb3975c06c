package sqldb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// startupParameters are the settings that stay in the startup message of a
// connection. Poolers know the first ones; the others cannot be changed later
// (PostgreSQL documentation, pg_settings.context: backend).
var startupParameters = []string{
	"application_name", "client_encoding", "options", "replication",
	"ignore_system_indexes", "jit_debugging_support", "jit_profiling_support", "local_preload_libraries",
	"log_connections", "log_disconnections", "post_auth_delay",
}

// setByStatement moves the settings of c from the startup message into a statement at
// the start of each connection. PgBouncer refuses a startup message with a setting it
// does not know, such as lock_timeout.
func setByStatement(c *pgx.ConnConfig) {
	settings := map[string]string{}
	for name, value := range c.RuntimeParams {
		if !slices.Contains(startupParameters, strings.ToLower(name)) {
			settings[name] = value
			delete(c.RuntimeParams, name)
		}
	}
	if len(settings) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(settings))
	arguments := make([][]byte, 0, 2*len(names))
	calls := make([]string, len(names))
	for i, name := range names {
		calls[i] = fmt.Sprintf("set_config($%d, $%d, false)", 2*i+1, 2*i+2)
		arguments = append(arguments, []byte(name), []byte(settings[name]))
	}
	query := "SELECT " + strings.Join(calls, ", ")
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.ExecParams(ctx, query, arguments, nil, nil, nil).Close()
		return err
	}
}

// errPooled is the error about a pooler that gives each transaction or statement
// another connection to PostgreSQL.
var errPooled = errors.New("a connection pooler in front of PostgreSQL is in transaction or statement pooling mode, " +
	"in which session settings, prepared statements and advisory locks get lost")

const (
	codeProtocolViolation = "08P01"
	codeNoStatement       = "26000"
	codeStatementExists   = "42P05"
	poolingProbes         = 3
	poolingProbeTimeout   = 5 * time.Second
)

// checkPooling returns errPooled unless each connection to the server is its own
// session. It compares the backends behind two open connections: with sessions they
// differ and do not change. Poolers that share backends reuse the last one or each in
// turn, and the order of the queries detects both. The connections carry no settings,
// because these would stay on a shared backend.
func (d *postgresDialect) checkPooling(ctx context.Context) error {
	c := d.config.Copy()
	maps.DeleteFunc(c.RuntimeParams, func(name, _ string) bool { return !slices.Contains(startupParameters, strings.ToLower(name)) })
	var conns [2]*pgx.Conn
	for i := range conns {
		conn, err := pgx.ConnectConfig(ctx, c)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		conns[i] = conn
	}
	first, second := conns[0], conns[1]
	backends := map[*pgx.Conn]string{}
	for range poolingProbes {
		for _, conn := range []*pgx.Conn{first, first, second, first} {
			backend, err := backendOf(ctx, conn)
			if err != nil {
				return err
			}
			if known := backends[conn]; known != "" && known != backend {
				return errPooled
			}
			backends[conn] = backend
			if backends[first] == backends[second] {
				return errPooled
			}
		}
	}
	return nil
}

// backendOf names the process that serves conn, unique among several servers.
func backendOf(ctx context.Context, conn *pgx.Conn) (backend string, err error) {
	within, cancel := context.WithTimeout(ctx, poolingProbeTimeout)
	defer cancel()
	err = conn.QueryRow(within, `SELECT pg_backend_pid() || ' ' || pg_postmaster_start_time()`, pgx.QueryExecModeSimpleProtocol).Scan(&backend)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		return "", fmt.Errorf("%w: %w", errNoBackend, err)
	}
	return backend, err
}

// errNoBackend is the error about a server that accepts connections but does not
// answer.
var errNoBackend = errors.New("it accepts a connection but does not answer its first statement")

// pooled reports whether err is typical of a pooler that does not keep sessions.
func pooled(err error) bool {
	switch code(err) {
	case codeNoStatement, codeStatementExists:
		return true
	case codeProtocolViolation:
		return strings.Contains(err.Error(), "pooling mode")
	}
	return errors.Is(err, errPooled)
}

// refusesParameter reports whether a pooler refused a setting of the startup message.
func refusesParameter(err error) bool {
	return code(err) == codeProtocolViolation && strings.Contains(err.Error(), "startup parameter")
}
