package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Copied says how many rows of a table were copied.
type Copied struct {
	Table string
	Rows  int64
}

// table is what Copy takes of a table. Leases and what the database says about
// itself stay behind.
type table struct {
	name    string
	columns string
	// numbered is the column that the table numbers itself, if it does.
	numbered string
}

// copied are the tables of each database, those first that others refer to.
var copied = map[string][]table{
	tokensDatabase: {{name: "redemptions", columns: "token_id, expires"}},
	transcriptDatabase: {
		{name: "readers", columns: "id, logging_configuration_id, destination_type, destination_name", numbered: "id"},
		{name: "transcript", columns: "position, room_id, epoch, sequence, time, type, json, readers", numbered: "position"},
		{name: "backlogs", columns: "reader_id, room_id, delivered, head, since, bytes, object_key, object_to"},
	},
	mainDatabase: {
		{name: "logging_configurations", columns: "id, name, create_time, update_time, destination_type, destination_name, state, tags"},
		{name: "rooms", columns: "id, name, create_time, update_time, maximum_message_length, maximum_message_rate, handler_uri, handler_fallback, logging_given, tags"},
		{name: "room_logging", columns: "room_id, position, logging_configuration_id, update_time"},
		{name: "credentials", columns: "access_key_id, name, sealed, expires, policy, create_time"},
		{name: "token_keys", columns: "id, create_time, sealed"},
	},
}

// Copy copies everything of one store into another one that is empty: ids,
// times, positions and secrets stay what they are, so both need the same secret
// key. Each of the three databases is read as it is at one moment, and its rows
// are counted on both sides before they are committed. A copy that fails leaves
// the target empty. No server may use either store meanwhile; with PostgreSQL none
// can. Both stores are opened with Options.Bulk.
func Copy(ctx context.Context, from, to *DB) ([]Copied, error) {
	for _, db := range []*DB{from, to} {
		end, err := db.dialect.exclude(ctx, db.main)
		if err != nil {
			return nil, err
		}
		defer end()
	}
	pairs := []struct{ from, to *database }{{from.tokens, to.tokens}, {from.transcript, to.transcript}, {from.main, to.main}}
	for _, p := range pairs {
		for _, t := range copied[p.to.name] {
			var n int64
			if _, err := p.to.read().row(ctx, `SELECT count(*) FROM `+t.name, nil, &n); err != nil {
				return nil, err
			}
			if n > 0 {
				return nil, fmt.Errorf("the database %s is not empty: it has %d %s; copy into a new one", to.dialect.place(), n, strings.ReplaceAll(t.name, "_", " "))
			}
		}
	}
	var all []Copied
	for i, p := range pairs {
		some, err := copyDatabase(ctx, p.from, p.to)
		if err == nil {
			all = append(all, some...)
			continue
		}
		err = fmt.Errorf("copy %s: %w", p.from.label, err)
		for _, done := range pairs[:i+1] { // This one, too: its commit may have worked.
			if left := empty(context.WithoutCancel(ctx), done.to); left != nil {
				return nil, fmt.Errorf("%w; the target is incomplete and cannot be emptied, start again with a new one: %w", err, left)
			}
		}
		return nil, err
	}
	return all, nil
}

// empty deletes what was copied into a database.
func empty(ctx context.Context, db *database) error {
	return db.update(ctx, func(ctx context.Context, s session) error {
		for _, t := range slices.Backward(copied[db.name]) { // Those that refer to others come first.
			if _, err := s.exec(ctx, `DELETE FROM `+t.name); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyDatabase copies one database in one transaction on each side.
func copyDatabase(ctx context.Context, from, to *database) (all []Copied, err error) {
	tx, err := from.reader.BeginTx(ctx, from.snapshot())
	if err != nil {
		return nil, from.failed(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // It only reads.
	source := session{db: from, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		return tx.PrepareContext(ctx, query)
	}}
	err = to.update(ctx, func(ctx context.Context, target session) error {
		all = nil
		for _, t := range copied[from.name] {
			n, err := t.copy(ctx, source, target)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			all = append(all, Copied{t.name, n})
		}
		return nil
	})
	return all, err
}

// copy copies the rows of one table and returns how many there are.
func (t table) copy(ctx context.Context, source, target session) (int64, error) {
	width := strings.Count(t.columns, ",") + 1
	insert := newInserts(`INSERT INTO `+t.name+` (`+t.columns+`) VALUES `, width, ``)
	var rows [][]any
	var n int64
	write := func() error {
		n += int64(len(rows))
		err := eachGroup(&insert, rows, func(query string, group [][]any) error {
			args := make([]any, 0, len(group)*width)
			for _, r := range group {
				args = append(args, r...)
			}
			_, err := target.exec(ctx, query, args...)
			return err
		})
		rows = rows[:0]
		return err
	}
	var failed error
	err := source.rows(ctx, `SELECT `+t.columns+` FROM `+t.name, nil, func(scan func(...any) error) error {
		row, to := make([]any, width), make([]any, width)
		for i := range row {
			to[i] = &row[i]
		}
		if err := scan(to...); err != nil {
			return err
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
	for _, s := range []session{source, target} {
		var there int64
		if _, err := s.row(ctx, `SELECT count(*) FROM `+t.name, nil, &there); err != nil {
			return 0, err
		}
		if there != n {
			return 0, fmt.Errorf("%d rows were copied, but %s has %d: %w", n, s.db.label, there, errMiscounted)
		}
	}
	if t.numbered == "" {
		return n, nil
	}
	last, err := source.db.highWater(ctx, source, t.name, t.numbered)
	if err != nil {
		return 0, err
	}
	return n, target.db.setHighWater(ctx, target, t.name, t.numbered, last)
}

var errMiscounted = errors.New("somebody else uses one of the databases")
