package sqldb

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// code is PostgreSQL's code of the error, "" for other errors.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// The codes used here: PostgreSQL documentation, appendix A.
const (
	codeReadOnly         = "25006"
	codeSerialization    = "40001"
	codeDeadlock         = "40P01"
	codeNotInRepertoire  = "22021"
	codeNoPrivilege      = "42501"
	codeExists           = "42P07"
	codeInvalidPassword  = "28P01"
	codeInvalidAuthority = "28000"
	codeNoDatabase       = "3D000"
	codeTooMany          = "53300"
	codeStarting         = "57P03"
)

// mayCome reports whether a failed connection is retryable, without a change of
// settings.
func mayCome(err error) bool {
	switch code(err) {
	case codeStarting, codeTooMany:
		return true
	case "":
		_, network := errors.AsType[net.Error](err)
		return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.Timeout(err)
	}
	return false
}

// explain returns an error that describes the server's problem and its fix.
func (d *postgresDialect) explain(err error) error {
	do := "check --database"
	switch {
	case pooled(err):
		do = "use session pooling (PgBouncer: pool_mode = session) for this database, or connect to PostgreSQL itself with --database"
	case refusesParameter(err):
		do = "remove the setting from --database (PgBouncer: or name it in ignore_startup_parameters)"
	case errors.Is(err, errNoBackend):
		do = fmt.Sprintf("a connection pooler needs at least %d connections to PostgreSQL for each server of Confab (PgBouncer: default_pool_size)", d.needs)
	}
	switch code(err) {
	case codeInvalidPassword, codeInvalidAuthority:
		do = "check user, password and sslmode in --database"
	case codeNoDatabase:
		do = fmt.Sprintf("make it with createdb --owner %q %q, or name another with --database", d.config.User, d.config.Database)
	case codeNoPrivilege:
		do = fmt.Sprintf("make %q the owner of the database", d.config.User)
	case codeExists:
		do = "give Confab a database, or a schema with search_path, of its own"
	}
	return fmt.Errorf("cannot open the database %s as user %q: %w; %s", d.place(), d.config.User, oneLine{err}, do)
}

// oneLine is an error whose text has no line breaks.
type oneLine struct{ error }

// Error returns the text in one line.
func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }

// Unwrap returns the error as it was.
func (e oneLine) Unwrap() error { return e.error }

func (d *postgresDialect) again(err error) bool {
	c := code(err)
	return c == codeDeadlock || c == codeSerialization
}

func (d *postgresDialect) moved(err error) bool { return code(err) == codeReadOnly }

// matchesNothing is about text with a zero byte or invalid UTF-8.
func (d *postgresDialect) matchesNothing(err error) bool { return code(err) == codeNotInRepertoire }
