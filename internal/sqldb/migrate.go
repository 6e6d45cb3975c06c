package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// schema is where the migration steps of one database are, and the table that records
// the applied ones.
type schema struct {
	db      *sql.DB
	dialect goose.Dialect
	steps   fs.FS
	folder  string // below migrations
	table   string
	// where names the database in errors. explain describes the error of a database
	// that cannot be queried.
	where   string
	explain func(error) error
}

// provider returns the steps that this program knows.
func (sc schema) provider() (*goose.Provider, error) {
	steps, err := fs.Sub(sc.steps, "migrations/"+sc.folder)
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(sc.dialect, sc.db, steps, goose.WithTableName(sc.table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations of %s: %w", sc.where, err)
	}
	return provider, nil
}

// migrate applies the missing steps, each in its own transaction. A database with
// unknown steps was made by a newer Confab. It is refused and not changed.
func (sc schema) migrate(ctx context.Context) error {
	provider, err := sc.provider()
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return sc.explain(err)
	}
	if current > target {
		return sc.newer(current, target)
	}
	if current == target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return sc.explain(fmt.Errorf("migrate its schema from version %d to %d: %w", current, target, err))
	}
	return nil
}

// check refuses every schema that is not the one that this program needs.
func (sc schema) check(ctx context.Context) error {
	provider, err := sc.provider()
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	target := sources[len(sources)-1].Version
	versions, err := database.NewStore(sc.dialect, sc.table)
	if err != nil {
		return err
	}
	current, err := versions.GetLatestVersion(ctx, sc.db)
	switch {
	case err != nil:
		return sc.explain(err)
	case current > target:
		return sc.newer(current, target)
	case current < target:
		return fmt.Errorf("the schema of the database %s has version %d, this program needs %d; back up and run confab database migrate first", sc.where, current, target)
	}
	return nil
}

func (sc schema) newer(current, target int64) error {
	return fmt.Errorf("the database %s was made by a newer Confab: its schema has version %d, this one knows up to %d; use the newer version", sc.where, current, target)
}

func (d sqliteDialect) schema(sp *Spec, db *sql.DB) schema {
	return schema{
		db: db, dialect: goose.DialectSQLite3, steps: sp.Migrations, folder: "sqlite/" + sp.Name, table: "schema_version",
		where: fmt.Sprintf("%q", d.path(sp.Name)), explain: func(err error) error { return d.explain(sp, err) },
	}
}

// schemaTable is the table in which PostgreSQL records the steps of one database.
func schemaTable(sp *Spec) string { return "schema_version_" + sp.Name }

func (d *postgresDialect) schema(sp *Spec, _ *sql.DB) schema {
	return schema{
		db: d.setup, dialect: goose.DialectPostgres, steps: sp.Migrations, folder: "postgres/" + sp.Name, table: schemaTable(sp),
		where: d.place(), explain: d.explain,
	}
}
