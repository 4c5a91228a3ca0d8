package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/keys"
)

// leastWait is how long a key is published before it signs: twice as long as our keys
// may be kept without asking.
const leastWait = 10 * time.Minute

// rotation is a key that changes by date: what it signs, and who has to hear of the
// next one before that does.
type rotation struct {
	purpose      keys.Purpose
	signs, tells string
}

// What nobody but who asks /jwks keeps needs no more than time.
const (
	tellAgencies  = "then hand agencies, auditors and verifiers a new trust folder (idp trust export), or have each run idp trust rekey: from then on they refuse what they have no key of"
	tellVerifiers = "then write the file of idp log keys anew for verifiers that have one: from then on they refuse what is not in it"
)

var rotations = []rotation{
	{keys.Token, "tokens", tellAgencies},
	{keys.IDToken, "id_tokens by RS256", ""},
	{keys.Record, "records, promises, signals and catalogues", tellAgencies},
	{keys.Issuer, "credentials", tellVerifiers},
	{keys.Status, "status lists", tellVerifiers},
}

func rotationFlags() []string {
	all := []string{"rotate-log"}
	for _, r := range rotations {
		all = append(all, "rotate-"+string(r.purpose))
	}
	return all
}

// rotateByDate is idp keygen --rotate-token and its like.
func rotateByDate(c *cobra.Command, r rotation, wait time.Duration) error {
	if wait < leastWait {
		return errors.New("keygen: who keeps our keys has to read the next one first: --active-in is at least 10m, and time to start each replica anew")
	}
	from := time.Now().Add(wait).UTC().Truncate(time.Second)
	kid, err := keys.Rotate(dataDir(c), r.purpose, from)
	if err != nil {
		return fmt.Errorf("keygen: %w", err)
	}
	out := map[string]string{"kid": kid, "active": from.Format(time.RFC3339)}
	if r.purpose == keys.Token || r.purpose == keys.IDToken {
		out["retired"] = from.Add(keys.TokenOverlap).Format(time.RFC3339)
	}
	return show(c, out, func(w io.Writer) {
		fmt.Fprintf(w, "the next key is made, %s; it signs %s from %s on\n", kid, r.signs, out["active"])
		fmt.Fprint(w, "now: start the hub, each of its replicas, anew before then")
		if until := out["retired"]; until != "" {
			fmt.Fprint(w, "; the old key is published until ", until)
		}
		fmt.Fprintln(w)
		if r.tells != "" {
			fmt.Fprintln(w, r.tells)
		}
	})
}
