package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// migrations has, by dialect and database, the schema in numbered steps. A step
// that was released is never changed: what comes later is another one.
//
//go:embed migrations
var migrations embed.FS

// schema is where the steps of one database are, and where it notes which of
// them it has.
type schema struct {
	dialect goose.Dialect
	folder  string // below migrations
	table   string
	// where names the database in errors; explain says what is wrong with one
	// that cannot be asked.
	where   string
	explain func(error) error
}

// migrate applies the steps that the database does not have, each in a
// transaction of its own. A database with steps that are not known here was
// made by a newer Confab and is refused untouched.
func (sc schema) migrate(ctx context.Context, db *sql.DB) error {
	steps, err := fs.Sub(migrations, "migrations/"+sc.folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(sc.dialect, db, steps, goose.WithTableName(sc.table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare the migrations of %s: %w", sc.where, err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return sc.explain(err)
	}
	if current > target {
		return fmt.Errorf("the database %s was made by a newer Confab: its schema has version %d, this one knows up to %d; use the newer version", sc.where, current, target)
	}
	if current == target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return sc.explain(fmt.Errorf("migrate its schema from version %d to %d: %w", current, target, err))
	}
	return nil
}

func (d sqliteDialect) migrate(ctx context.Context, name string, writer *sql.DB) error {
	return schema{
		dialect: goose.DialectSQLite3, folder: "sqlite/" + name, table: "schema_version",
		where: fmt.Sprintf("%q", d.path(name)), explain: func(err error) error { return d.explain(name, err) },
	}.migrate(ctx, writer)
}

func (d *postgresDialect) migrate(ctx context.Context, name string, _ *sql.DB) error {
	return schema{
		dialect: goose.DialectPostgres, folder: "postgres/" + name, table: "schema_version_" + name,
		where: d.place(), explain: d.explain,
	}.migrate(ctx, d.setup)
}
