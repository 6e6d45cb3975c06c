package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// schema is where the migration steps of one database are, and the table that records
// the applied ones.
type schema struct {
	dialect goose.Dialect
	steps   fs.FS
	folder  string // below migrations
	table   string
	// where names the database in errors. explain describes the error of a database
	// that cannot be queried.
	where   string
	explain func(error) error
}

// migrate applies the missing steps, each in its own transaction. A database with
// unknown steps was made by a newer Confab. It is refused and not changed.
func (sc schema) migrate(ctx context.Context, db *sql.DB) error {
	steps, err := fs.Sub(sc.steps, "migrations/"+sc.folder)
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

func (d sqliteDialect) migrate(ctx context.Context, sp *Spec, writer *sql.DB) error {
	return schema{
		dialect: goose.DialectSQLite3, steps: sp.Migrations, folder: "sqlite/" + sp.Name, table: "schema_version",
		where: fmt.Sprintf("%q", d.path(sp.Name)), explain: func(err error) error { return d.explain(sp, err) },
	}.migrate(ctx, writer)
}

// schemaTable is the table in which PostgreSQL records the steps of one database.
func schemaTable(sp *Spec) string { return "schema_version_" + sp.Name }

func (d *postgresDialect) migrate(ctx context.Context, sp *Spec, _ *sql.DB) error {
	return schema{
		dialect: goose.DialectPostgres, steps: sp.Migrations, folder: "postgres/" + sp.Name, table: schemaTable(sp),
		where: d.place(), explain: d.explain,
	}.migrate(ctx, d.setup)
}
