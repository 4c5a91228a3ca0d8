package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
)

func newSignalsCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "signals",
		Short: "See which signals agencies were not told, and tell them again",
		Long: "A signal that an agency did not take for a week, or five times called no token, is\n" +
			"put aside; the agency sees a gap in its numbers. Once it is mended there, have it\n" +
			"told again: with the same jti and number, so that what it had heard is not told twice.",
	}
	group.AddCommand(newDeadCommand(), newResendCommand())
	return group
}

func newDeadCommand() *cobra.Command {
	var agency string
	cmd := &cobra.Command{Use: "dead [--agency ID]", Short: "List signals to agencies that were put aside", Args: cobra.NoArgs}
	call := caller(cmd)
	cmd.Flags().StringVar(&agency, "agency", "", "id of one agency; none: of all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		all, err := client.DeadSignals(cmd.Context(), agency)
		if err != nil {
			return err
		}
		return show(cmd, map[string]any{"signals": all}, func(w io.Writer) {
			for _, s := range all {
				fmt.Fprintf(w, "%s  %d  %s  %s  %s  put aside %s: %s\n", s.Audience, s.Seq, s.Kind, s.Grant, s.ID, s.Buried.Format(time.RFC3339), s.Reason)
			}
			fmt.Fprintln(w, len(all), "put aside")
		})
	}
	return cmd
}

func newResendCommand() *cobra.Command {
	var in admin.ResendRequest
	cmd := &cobra.Command{Use: "resend --agency ID [--jti ID]", Short: "Have an agency told again what was put aside", Args: cobra.NoArgs}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Agency, "agency", "", "id of the agency")
	cmd.Flags().StringVar(&in.ID, "jti", "", "one signal, by the jti that idp signals dead shows; none: all of the agency")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if in.Agency == "" {
			return errors.New("--agency is required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		n, err := client.Resend(cmd.Context(), in)
		if err != nil {
			return err
		}
		return show(cmd, map[string]int64{"resent": n}, func(w io.Writer) { fmt.Fprintln(w, n, "are told again, for a week") })
	}
	return cmd
}
