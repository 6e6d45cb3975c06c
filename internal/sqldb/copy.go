package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Copied is how many rows of a table were copied.
type Copied struct {
	Table string
	Rows  int64
}

// Table describes what Copy copies of a table. The database's own bookkeeping and
// leases are not copied.
type Table struct {
	Name    string
	Columns string
	// Numbered is the column that the database numbers, if there is one.
	Numbered string
}

// Copy copies the Spec.Tables of some databases into empty ones of the same Specs. Ids,
// times and positions stay the same. Each database is read in one snapshot, and its rows
// are counted on both sides before the commit. A copy that fails leaves the target empty.
// No server may use either side meanwhile; with PostgreSQL, Copy makes sure that none can.
// All databases must be opened with Options.Bulk, and the last one must have at least two
// read connections.
func Copy(ctx context.Context, from, to []*DB) ([]Copied, error) {
	for _, side := range [][]*DB{from, to} {
		db := side[len(side)-1]
		end, err := db.exclude(ctx, db)
		if err != nil {
			return nil, err
		}
		defer end()
	}
	for _, db := range to {
		for _, t := range db.spec.Tables {
			var n int64
			if _, err := db.Read().Row(ctx, `SELECT count(*) FROM `+t.Name, nil, &n); err != nil {
				return nil, err
			}
			if n > 0 {
				return nil, fmt.Errorf("the database %s is not empty: it has %d %s; copy into a new one", db.place(), n, strings.ReplaceAll(t.Name, "_", " "))
			}
		}
	}
	var all []Copied
	for i := range from {
		some, err := copyDatabase(ctx, from[i], to[i])
		if err == nil {
			all = append(all, some...)
			continue
		}
		err = fmt.Errorf("copy %s: %w", from[i].label, err)
		for _, done := range to[:i+1] { // This one too: its commit may have succeeded.
			if left := empty(context.WithoutCancel(ctx), done); left != nil {
				return nil, fmt.Errorf("%w; the target is incomplete and cannot be emptied, start again with a new one: %w", err, left)
			}
		}
		return nil, err
	}
	return all, nil
}

// empty deletes the copied rows from a database.
func empty(ctx context.Context, db *DB) error {
	return db.Update(ctx, func(ctx context.Context, s Session) error {
		for _, t := range slices.Backward(db.spec.Tables) { // Referencing tables come first.
			if _, err := s.Exec(ctx, `DELETE FROM `+t.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyDatabase copies one database, in one transaction on each side.
func copyDatabase(ctx context.Context, from, to *DB) (all []Copied, err error) {
	tx, err := from.reader.BeginTx(ctx, from.snapshot())
	if err != nil {
		return nil, from.Failed(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // It only reads.
	source := Session{db: from, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		return tx.PrepareContext(ctx, query)
	}}
	err = to.Update(ctx, func(ctx context.Context, target Session) error {
		all = nil
		for _, t := range from.spec.Tables {
			n, err := t.copy(ctx, source, target)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
			all = append(all, Copied{t.Name, n})
		}
		return nil
	})
	return all, err
}

// copy copies the rows of one table and returns how many there are.
func (t Table) copy(ctx context.Context, source, target Session) (int64, error) {
	width := strings.Count(t.Columns, ",") + 1
	insert := NewInserts(`INSERT INTO `+t.Name+` (`+t.Columns+`) VALUES `, width, ``)
	var rows [][]any
	var n int64
	_, anyText := target.db.dialect.(sqliteDialect)
	write := func() error {
		n += int64(len(rows))
		err := EachGroup(insert, rows, func(query string, group [][]any) error {
			args := make([]any, 0, len(group)*width)
			for _, r := range group {
				args = append(args, r...)
			}
			_, err := target.Exec(ctx, query, args...)
			return err
		})
		rows = rows[:0]
		return err
	}
	var failed error
	err := source.Rows(ctx, `SELECT `+t.Columns+` FROM `+t.Name, nil, func(scan func(...any) error) error {
		row, to := make([]any, width), make([]any, width)
		for i := range row {
			to[i] = &row[i]
		}
		if err := scan(to...); err != nil {
			return err
		}
		if !anyText {
			if failed = t.checkText(row); failed != nil {
				return failed
			}
		}
		if rows = append(rows, row); len(rows) == rowGroups[0] {
			failed = write()
		}
		return failed
	})
	if failed != nil {
		return 0, failed
	}
	if err != nil {
		return 0, err
	}
	if err := write(); err != nil {
		return 0, err
	}
	for _, s := range []Session{source, target} {
		var there int64
		if _, err := s.Row(ctx, `SELECT count(*) FROM `+t.Name, nil, &there); err != nil {
			return 0, err
		}
		if there != n {
			return 0, fmt.Errorf("%d rows were copied, but %s has %d: %w", n, s.db.label, there, errMiscounted)
		}
	}
	if t.Numbered == "" {
		return n, nil
	}
	last, err := source.db.highWater(ctx, source, t.Name, t.Numbered)
	if err != nil {
		return 0, err
	}
	return n, target.db.setHighWater(ctx, target, t.Name, t.Numbered, last)
}

// checkText refuses a row whose text PostgreSQL cannot store. Earlier releases
// accepted such text from callers of the API.
func (t Table) checkText(row []any) error {
	for i, column := range strings.Split(t.Columns, ", ") {
		s, ok := row[i].(string)
		if !ok {
			continue
		}
		if nul := strings.Contains(s, "\x00"); nul || !utf8.ValidString(s) {
			return fmt.Errorf("the row with %s %q: %s is %q, which has %s; change it on a server that uses the database, then copy again",
				strings.Split(t.Columns, ", ")[0], fmt.Sprint(row[0]), column, s, map[bool]string{true: "a NUL character", false: "invalid UTF-8"}[nul])
		}
	}
	return nil
}

var errMiscounted = errors.New("another process uses one of the databases")
