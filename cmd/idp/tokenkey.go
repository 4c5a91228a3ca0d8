package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/keys"
)

// leastWait is how long a key of tokens is published before it signs: twice as long
// as our keys may be kept without asking.
const leastWait = 10 * time.Minute

// rotateByDate is idp keygen --rotate-token and --rotate-idtoken.
func rotateByDate(c *cobra.Command, p keys.Purpose, wait time.Duration) error {
	if wait < leastWait {
		return errors.New("keygen: who keeps our keys has to read the next one first: --active-in is at least 10m, and time to start each replica anew")
	}
	from := time.Now().Add(wait).UTC().Truncate(time.Second)
	kid, err := keys.Rotate(dataDir(c), p, from)
	if err != nil {
		return fmt.Errorf("keygen: %w", err)
	}
	out := map[string]string{"kid": kid, "active": from.Format(time.RFC3339), "retired": from.Add(keys.TokenOverlap).Format(time.RFC3339)}
	return show(c, out, func(w io.Writer) {
		fmt.Fprintf(w, "the next key is made, %s; it signs %s from %s on\n", kid, map[keys.Purpose]string{keys.Token: "tokens", keys.IDToken: "id_tokens by RS256"}[p], out["active"])
		fmt.Fprintln(w, "now: start the hub, each of its replicas, anew before then; the old key is published until", out["retired"])
	})
}
