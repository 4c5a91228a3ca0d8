package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/service"
)

func newKeygenCommand() *cobra.Command {
	var verifier, origin string
	var documents map[string]string
	var rotate bool
	byDate := make([]bool, len(rotations))
	var wait, overlap time.Duration
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make the keys and certificates that are missing (offline)",
		Long: "Make the hub's keys, its certification authority, the log's key, the verifier's\n" +
			"certificate and two development officers, each only where it is missing.",
		Args: cobra.NoArgs,
	}
	load := settings(cmd, "issuer")
	cmd.Flags().StringVar(&verifier, "verifier-url", "", "also make a key and certificate for the verifier at this URL")
	cmd.Flags().StringToStringVar(&documents, "documents", nil, "FOLDER=URL: also make a key and certificate for the documents of an agency that issues them at URL, in FOLDER below the data folder")
	cmd.Flags().StringVar(&origin, "log-origin", "", "name of a new log's key (default the issuer's host and /log)")
	cmd.Flags().BoolVar(&rotate, "rotate-log", false, "make the log's next key and the change that both keys sign, and nothing else")
	for i, r := range rotations {
		cmd.Flags().BoolVar(&byDate[i], "rotate-"+string(r.purpose), false, "make the next key that signs "+r.signs+", and nothing else")
	}
	cmd.MarkFlagsMutuallyExclusive(rotationFlags()...) // each is "nothing else"
	cmd.Flags().DurationVar(&wait, "active-in", 7*24*time.Hour, "with --rotate-log: when both keys begin to sign; with another --rotate-…: when the next one does")
	cmd.Flags().DurationVar(&overlap, "overlap", 30*24*time.Hour, "with --rotate-log: how long both sign, before the old one ends")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if rotate {
			return rotateLog(cmd, wait, overlap)
		}
		for i, r := range rotations {
			if byDate[i] {
				return rotateByDate(cmd, r, wait)
			}
		}
		c, err := load()
		if err != nil {
			return err
		}
		dir := dataDir(cmd)
		issuer, err := namedIssuer(cmd, &c, dir)
		if err != nil {
			return err
		}
		if verifier != "" {
			if _, err := service.Origin("verifier-url", verifier); err != nil {
				return err
			}
		}
		if origin, err = namedLog(origin, issuer.Host+"/log", dir); err != nil {
			return err
		}
		if err := keys.Generate(dir, keys.Options{Issuer: c.Issuer, LogOrigin: origin, Verifier: verifier, Documents: documents, RS256: true}); err != nil {
			return err
		}
		return show(cmd, map[string]string{"data": dir}, func(w io.Writer) {
			fmt.Fprintln(w, "keys are in place under", dir)
		})
	}
	return cmd
}

// namedIssuer is the address whose keys are made: where nobody says one, that of the
// certificate that is there, which would be made anew for another hub otherwise. It is
// checked before the log is named after it, for good.
func namedIssuer(cmd *cobra.Command, c *config, dir string) (*url.URL, error) {
	if _, told := os.LookupEnv(program.Variable("issuer")); !told && !cmd.Flags().Changed("issuer") {
		there, err := keys.IssuerOf(dir)
		if err != nil {
			return nil, err
		}
		if there != "" {
			c.Issuer = there
		}
	}
	return service.Origin("issuer", c.Issuer)
}

// namedLog is the name of the log whose key is made; the key that is there has one for good.
func namedLog(wanted, usual, dir string) (string, error) {
	if wanted == "" {
		return usual, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "keys", "log.vkey"))
	if errors.Is(err, os.ErrNotExist) {
		return wanted, nil
	}
	if err != nil {
		return "", err
	}
	if name, _, _ := strings.Cut(string(text), "+"); name != wanted {
		return "", fmt.Errorf("log-origin %q: the log's key is there and bears the name %s for good: for a new log move keys/log* aside (docs/operations.md, Restore a backup)", wanted, name)
	}
	return wanted, nil
}
