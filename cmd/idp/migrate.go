package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/store"
)

func newMigrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this version's tables (offline)",
		Args:  cobra.NoArgs,
	}
	load := settings(cmd, "database")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := migrate(cmd.Context(), c.Database); err != nil {
			return err
		}
		return show(cmd, map[string]bool{"migrated": true}, func(w io.Writer) {
			fmt.Fprintln(w, "the database is up to date")
		})
	}
	return cmd
}

func migrate(ctx context.Context, dsn string) (err error) {
	db, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Hold(); err != nil {
		return fmt.Errorf("%w: stop the service first", err)
	}
	return db.Migrate(ctx)
}
