package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
)

var errUndone = errors.New("erasures are undone in this database: have officers order them again")

func newEraseCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Name the erasures of the log that this database, set back, has forgotten",
		Long: "After a restore, whoever was erased since the backup is in the database again. The log\n" +
			"names each erasure by its order's digest, not the person. Give the same order again\n" +
			"while it is valid (idp erase approve FILE), or a new one for the same person, and then\n" +
			"idp erase settle. Exit code 0 only when none is missing.",
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		missing, err := client.MissingErasures(cmd.Context())
		if err != nil {
			return err
		}
		err = show(cmd, map[string][]string{"missing": missing}, func(w io.Writer) {
			for _, order := range missing {
				fmt.Fprintln(w, "undone:", order)
			}
			if len(missing) == 0 {
				fmt.Fprintln(w, "every erasure of the log is carried out in this database")
			}
		})
		if err == nil && len(missing) > 0 {
			err = errUndone
		}
		return err
	}
	return cmd
}

func newEraseSettleCommand() *cobra.Command {
	var in admin.SettleRequest
	cmd := &cobra.Command{
		Use:   "settle --order DIGEST --by DIGEST",
		Short: "Say that a new order has erased the person of one that a restore undid",
		Args:  cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Order, "order", "", "digest that idp erase check names")
	cmd.Flags().StringVar(&in.By, "by", "", "digest of the order carried out since, as idp trail shows it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if in.Order == "" || in.By == "" {
			return errors.New("--order and --by are required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		if err := client.SettleErasure(cmd.Context(), in); err != nil {
			return err
		}
		return show(cmd, map[string]bool{"settled": true}, func(w io.Writer) { fmt.Fprintln(w, "settled") })
	}
	return cmd
}

// watchErasures says at each start which erasures this database has forgotten.
func (e *engines) watchErasures(ctx context.Context) {
	missing, err := e.erasures().Missing(ctx)
	if err != nil && ctx.Err() == nil {
		e.log.WarnContext(ctx, "erasures of the log were not compared", "error", err)
	}
	for _, order := range missing {
		e.log.ErrorContext(ctx, "an erasure of the log is undone in this database: see idp erase check", "order", order)
	}
}
