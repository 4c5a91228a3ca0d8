package irmago

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

const callback = "https://wallet.example/callback"

// register makes the stranger's wallet a client by the operator's command: it
// can keep no secret and proves no possession.
func register(t *testing.T, s *stage.Stage) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "client.json")
	metadata, err := json.Marshal(map[string]any{
		"client_id": "yivi-wallet", "client_name": "A stranger's wallet", "redirect_uris": []string{callback},
		"grant_types":                []string{"authorization_code", "urn:ietf:params:oauth:grant-type:pre-authorized_code"},
		"token_endpoint_auth_method": "none", "bearer_access_tokens": true, "scope": "resident_card", "require_pushed_authorization_requests": true,
	})
	must(t, err)
	must(t, os.WriteFile(file, metadata, 0o600))
	out, err := s.Command(t.Context(), "idp", "client", "add", "--data", s.Data(), "--metadata", file)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

//clause:strangers OpenID4VCI 1.0, OpenID4VP 1.0: irmago's wallet takes a card by pre-authorized code after a wrong transaction code, shows it, and learns of its revocation; what it does wrong by authorization code it is told by name
func TestAStrangersWallet(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	register(t, s)
	ctx := t.Context()
	letter, err := s.Letter(ctx, "resident-02", false)
	must(t, err)
	c := citizen.New(s.URL(stage.IDP), "resident-02")
	must(t, c.Enrol(ctx, letter.URL))
	p := newPhone(t, s.Path("trust"))

	t.Run("takes a card by pre-authorized code, after one wrong transaction code", func(t *testing.T) {
		link, code, err := c.Offer(ctx)
		must(t, err)
		cards, err := p.take(t, link, callback, &taking{txCodes: []string{"000000", strings.ReplaceAll(code, " ", "")}})
		must(t, err)
		if len(cards) != 1 || !strings.Contains(said(cards[0]), "name") {
			t.Errorf("it took %d cards: %+v", len(cards), cards)
		}
	})
	t.Run("comes by authorization code to the credential endpoint, and is told what it does wrong there", func(t *testing.T) {
		offer := "openid-credential-offer://?" + url.Values{"credential_offer": {`{"credential_issuer":"` + c.Hub +
			`","credential_configuration_ids":["resident_card_sd_jwt"],"grants":{"authorization_code":{}}}`}}.Encode()
		_, err := newPhone(t, s.Path("trust")).take(t, offer, callback, &taking{authorize: func(address string) (string, error) {
			back, err := c.Authorize(ctx, address)
			if err != nil {
				return "", err
			}
			return back.String(), nil
		}})
		// It asks by authorization_details, and then not by the identifiers that the
		// token response names (OpenID4VCI 1.0, 8.2).
		if err == nil || !strings.Contains(err.Error(), "credential_identifiers: use one of them") {
			t.Error(err)
		}
	})
	t.Run("shows it to the verifier", func(t *testing.T) {
		page, err := c.BeginProof(ctx, s.URL(stage.Verifier))
		must(t, err)
		must(t, p.show(t, citizen.ProofLink(page)))
	})
	t.Run("learns that it was revoked, and the verifier refuses it", func(t *testing.T) {
		cards, err := c.Credentials(ctx)
		must(t, err)
		for _, card := range cards {
			must(t, c.Revoke(ctx, card.ID))
		}
		eventually(t, func() bool {
			_, err := p.statuses.RefreshStatuses(ctx)
			cards, listed := p.cards.GetCredentialMetadataList()
			return err == nil && listed == nil && len(cards) == 1 && cards[0].Revoked
		})
	})
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came true")
		case <-time.After(200 * time.Millisecond):
		}
	}
}
