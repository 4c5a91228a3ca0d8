package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// The dialect that SQLite, PostgreSQL and CockroachDB share, for migrations
// and statements alike: plain tables; TEXT, BIGINT, BOOLEAN and BYTEA; CHECK;
// UNIQUE; immediate foreign keys; ON CONFLICT; RETURNING; $1 placeholders; ids
// made by the application; times as BIGINT of Unix milliseconds. BYTEA takes
// and gives []byte on all three (SQLite keeps a blob as it is in a column of
// any declared type); pass arrays as a[:]. Not used: SERIAL, enums, partial
// indexes, triggers, SKIP LOCKED, advisory locks. One kind of DDL a migration.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema to the newest version. Numbers are given to
// domains in tens (1 the log, 10 accounts, 20 the authorization server, 30
// consent, 40 credentials), so a lower one may appear later.
func (db *DB) Migrate(ctx context.Context) error {
	provider, err := db.migrator()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Pending says whether Migrate has anything to do.
func (db *DB) Pending(ctx context.Context) (bool, error) {
	provider, err := db.migrator()
	if err != nil {
		return false, fmt.Errorf("migrate: %w", err)
	}
	return provider.HasPending(ctx)
}

func (db *DB) migrator() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	versions, err := database.NewStoreFromQuerier("schema_versions", querier{})
	if err != nil {
		return nil, err
	}
	return goose.NewProvider("", db.db.DB, files,
		goose.WithStore(versions), goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true))
}

// querier is goose's version table in the shared dialect; its stock PostgreSQL
// one needs identity columns and advisory locks that CockroachDB refuses.
type querier struct{}

func (querier) CreateTable(table string) string {
	return "CREATE TABLE " + table + ` (
		version_id BIGINT PRIMARY KEY,
		is_applied BOOLEAN NOT NULL,
		tstamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)`
}

func (querier) InsertVersion(table string) string {
	return "INSERT INTO " + table + " (version_id, is_applied) VALUES ($1, $2)"
}

func (querier) DeleteVersion(table string) string {
	return "DELETE FROM " + table + " WHERE version_id = $1"
}

func (querier) GetMigrationByVersion(table string) string {
	return "SELECT tstamp, is_applied FROM " + table + " WHERE version_id = $1"
}

func (querier) ListMigrations(table string) string {
	return "SELECT version_id, is_applied FROM " + table + " ORDER BY version_id DESC"
}

func (querier) GetLatestVersion(table string) string {
	return "SELECT MAX(version_id) FROM " + table
}
