package citizen_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
)

// The hub as it is deployed, with a list of wallet providers: a wallet that
// nobody registered gets a mobile ID for attested keys, by attestation alone.
//
//clause:issuer E: a wallet that nobody registered, from PAR to its card, by attestations
func TestAForeignWallet(t *testing.T) {
	provider, stranger := wallettest.NewProvider(t, "provider.example"), wallettest.NewProvider(t, "stranger.example")
	const client, callback = "https://wallet.example/app", "http://localhost:9/callback"
	list := map[string]any{
		"wallet_providers": []any{map[string]any{"name": "Example", "roots": "roots.pem", "clients": []any{
			map[string]any{"client_id": client, "client_name": "Example Wallet", "redirect_uris": []string{callback}}}}},
		"key_attestations": map[string]any{"resident_card_sd_jwt": map[string]any{"key_storage": []string{"iso_18045_high"}}},
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"providers.json": text, "roots.pem": provider.Authority.PEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := stage.Run(t, stage.Options{Flags: map[string][]string{stage.IDP: {"--wallet-providers", filepath.Join(dir, "providers.json")}}})
	ctx := t.Context()
	letter, err := s.Letter(ctx, "resident-01", false)
	if err != nil {
		t.Fatal(err)
	}
	config, err := citizen.WalletConfig(s.Path("trust"), s.URL(stage.Wallet))
	if err != nil {
		t.Fatal(err)
	}
	c := citizen.New(s.URL(stage.IDP), "resident-01")
	if err := c.Enrol(ctx, letter.URL); err != nil {
		t.Fatal(err)
	}
	config.ClientID, config.RedirectURI = client, callback
	for _, take := range []struct {
		name  string
		bend  func(*wallet.Config)
		taken bool
	}{
		{"it takes a proof of possession and a key attestation in a jwt", func(c *wallet.Config) { c.Attester = provider }, true},
		{"it takes the DPoP proof, and a key attestation alone", func(c *wallet.Config) {
			c.Attester, c.CombinedProof, c.AttestationAlone = provider, true, true
		}, true},
		{"it refuses the wallet of a provider that nobody trusts", func(c *wallet.Config) { c.Attester = stranger }, false},
		{"it refuses the wallet's name alone", func(*wallet.Config) {}, false},
	} {
		t.Run(take.name, func(t *testing.T) {
			phone := config
			take.bend(&phone)
			card, err := c.ReceiveByLogin(ctx, wallet.New(phone))
			if (err == nil && card.Token != "") != take.taken {
				t.Errorf("%v", err)
			}
		})
	}
	credentials, err := c.Credentials(ctx)
	if err != nil || len(credentials) != 2 {
		t.Errorf("%d credentials, %v", len(credentials), err)
	}
}
