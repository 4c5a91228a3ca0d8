package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/consent"
)

// hubKeys is the hub's word on its own keys, by each of its keys of records.
func (e *engines) hubKeys(now time.Time) ([]byte, error) {
	said := consent.HubKeysClaims{
		Issuer: e.config.Issuer, IssuedAt: now.Unix(), Expires: now.Add(consent.HubKeysLife).Unix(), Keys: e.ring.JWKS(),
	}
	var all consent.HubKeys
	for signer, kid := range e.ring.Vouchers() {
		statement, err := consent.SignHubKeys(said, signer, kid)
		if err != nil {
			return nil, err
		}
		all.Statements = append(all.Statements, statement)
	}
	return all.Marshal()
}

// maxHubKeysFile is the longest that consent.ParseHubKeys reads.
const maxHubKeysFile = 1 << 20

func newTrustRekeyCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "rekey DIR",
		Short: "Take the hub's next keys into a trust folder, by the word of the keys that are there",
		Long: `Asks the hub that the folder names for its keys (GET /hub-keys), checks that a key
which the folder trusts vouches for them, now, and writes hub.json anew: keys that
the hub does not name any more go. Agencies, auditors and verifiers do this between
idp keygen --rotate-record or --rotate-token and its date; run twice it changes
nothing. The change of the log's key is idp log rekey.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := os.ReadFile(filepath.Join(args[0], consent.HubFile))
			if err != nil {
				return fmt.Errorf("trust rekey: %w", err)
			}
			before, err := consent.ParseHubTrust(text)
			if err != nil {
				return fmt.Errorf("trust rekey: %w", err)
			}
			if from == "" {
				from = strings.TrimSuffix(before.Issuer, "/") + "/hub-keys"
			}
			said, err := readHubKeys(c.Context(), from)
			if err != nil {
				return fmt.Errorf("trust rekey: %s: %w", from, err)
			}
			after, err := before.FollowKeys(said, time.Now())
			if errors.Is(err, consent.ErrNotVouched) {
				return fmt.Errorf("trust rekey: %w; have the operator hand you a new folder (idp trust export), and compare its fingerprint", err)
			}
			if err != nil {
				return fmt.Errorf("trust rekey: %w", err)
			}
			return writeHubKeys(c, args[0], before, after)
		},
	}
	c.Flags().StringVar(&from, "from", "", "address or file with the hub's word (default the hub's /hub-keys)")
	return c
}

func readHubKeys(ctx context.Context, from string) (consent.HubKeys, error) {
	text, err := os.ReadFile(from)
	if u, bad := url.Parse(from); bad == nil && (u.Scheme == "https" || u.Scheme == "http") {
		text, err = fetchHubKeys(ctx, from)
	}
	if err != nil {
		return consent.HubKeys{}, err
	}
	return consent.ParseHubKeys(text)
}

// fetchHubKeys asks without redirects: who answers has to be who was asked.
func fetchHubKeys(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxHubKeysFile+1)) // which is too long to be read
}

// writeHubKeys replaces hub.json, if anything changed, and says what did.
func writeHubKeys(c *cobra.Command, dir string, before, after consent.HubTrust) error {
	added, dropped := lacking(after, before), lacking(before, after)
	if len(added)+len(dropped) > 0 {
		text, err := after.Canonical()
		if err == nil {
			err = durable.Replace(filepath.Join(dir, consent.HubFile), append(text, '\n'))
		}
		if err != nil {
			return fmt.Errorf("trust rekey: %w", err)
		}
	}
	return show(c, map[string]any{"trust": dir, "added": added, "dropped": dropped}, func(w io.Writer) {
		for _, kid := range added {
			fmt.Fprintln(w, "added  ", kid)
		}
		for _, kid := range dropped {
			fmt.Fprintln(w, "dropped", kid)
		}
		if len(added)+len(dropped) == 0 {
			fmt.Fprintln(w, dir, "has the hub's keys already")
			return
		}
		fmt.Fprintln(w, "now: start what reads", dir, "anew")
	})
}

// lacking are the keys of one that another does not have.
func lacking(of, in consent.HubTrust) []string {
	kids := []string{}
	for _, key := range of.JWKS.Keys {
		if len(in.JWKS.Key(key.KeyID)) == 0 {
			kids = append(kids, key.KeyID)
		}
	}
	return kids
}
