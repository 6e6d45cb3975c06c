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

// migrate applies the steps that the database does not have, each in a
// transaction of its own. A database with steps that are not known here was
// made by a newer Confab and is refused untouched.
func (d sqliteDialect) migrate(ctx context.Context, name string, writer *sql.DB) error {
	steps, err := fs.Sub(migrations, "migrations/sqlite/"+name)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, writer, steps, goose.WithTableName("schema_version"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare the migrations of %q: %w", d.path(name), err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return d.explain(name, err)
	}
	if current > target {
		return fmt.Errorf("the database %q was made by a newer Confab: its schema has version %d, this one knows up to %d; use the newer version", d.path(name), current, target)
	}
	if current == target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database %q from version %d to %d: %w", d.path(name), current, target, err)
	}
	return nil
}
