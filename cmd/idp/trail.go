package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/trail"
)

func newTrailCommand() *cobra.Command {
	var since time.Duration
	var limit int
	cmd := &cobra.Command{
		Use:   "trail",
		Short: "List what the operator did, by whom and to whom",
		Long: "Every command that changes something of the running service is kept before it\n" +
			"is begun and when it has ended, here and as entries of the public log, which say\n" +
			"what was done, not by or to whom. The outcome \"unknown\" is that of an act that\n" +
			"was broken off. `idp audit --database` compares this list with the log.",
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().DurationVar(&since, "since", 0, "only what began in this last stretch of time, such as 24h")
	cmd.Flags().IntVar(&limit, "limit", 1000, "only the newest so many, at most 10000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		var from time.Time
		if since > 0 {
			from = time.Now().Add(-since)
		}
		acts, err := client.Trail(cmd.Context(), from, limit)
		if err != nil {
			return err
		}
		return show(cmd, map[string][]trail.Act{"acts": acts}, func(w io.Writer) {
			for _, a := range acts {
				who := fmt.Sprint("uid ", a.By.UID)
				if a.By.Login != nil && *a.By.Login != a.By.UID {
					who += fmt.Sprintf(" (login %d)", *a.By.Login)
				}
				whom := strings.TrimSpace(fmt.Sprint(a.Target.Kind, " ", a.Target.ID)) // nobody, in an act about all
				fmt.Fprintf(w, "%s  %s  %-9s  %s: %s\n", a.At.Format(time.RFC3339), who, a.What, whom, a.Outcome)
			}
		})
	}
	return cmd
}
