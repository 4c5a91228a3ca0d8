package oauth_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/oauth"
)

//clause:as the list of wallet providers: empty by default, whole or not at all; a registered wallet
func TestParseWalletTrust(t *testing.T) {
	one, two := wallettest.NewAuthority(t), wallettest.NewAuthority(t)
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Leaf(t, wallettest.Key(t).Public(), "leaf", "https://x.example")[0]})
	files := map[string][]byte{
		"one.pem": one.PEM(), "both.pem": append(one.PEM(), two.PEM()...), "none.pem": []byte("nothing"), "leaf.pem": leaf,
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}), "bad.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}),
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return bytes.Clone(text), nil
		}
		return nil, errors.New("no such file")
	}
	entry := func(roots, client string) string {
		return `{"name":"One","roots":"` + roots + `","clients":[{"client_id":"` + client + `","client_name":"W","redirect_uris":["https://w.example/cb"]}]}`
	}
	trust, err := oauth.ParseWalletTrust([]byte(`{"wallet_providers":[`+entry("both.pem", "w")+`,{"name":"Keys","roots":"one.pem","keys_only":true}],
		"key_attestations":{"card":{"key_storage":["iso_18045_high"]},"other":{"optional":true}}}`), read)
	if err != nil || len(trust.Providers) != 1 || len(trust.Providers[0].Roots) != 2 || trust.Providers[0].Clients[0].RedirectURIs[0] != "https://w.example/cb" {
		t.Fatalf("%+v, %v", trust, err)
	}
	if k := trust.KeyAttestations["card"]; !k.Required || len(k.Roots) != 3 || k.KeyStorage[0] != "iso_18045_high" || trust.KeyAttestations["other"].Required {
		t.Errorf("%+v", trust.KeyAttestations)
	}
	for name, c := range map[string]struct{ text, why string }{
		"it refuses what is no JSON":                   {`{`, ""},
		"it refuses a member that it does not know":    {`{"providers":[]}`, "unknown field"},
		"it refuses a misspelt member of an entry":     {`{"wallet_providers":[` + entry("one.pem", "w") + `],"key_attestations":{"c":{"keystorage":["x"]}}}`, "unknown field"},
		"it refuses a member given twice":              {`{"wallet_providers":[],"wallet_providers":[]}`, ""},
		"it refuses a list that is too long":           {`{"x":"` + strings.Repeat("x", 1<<20) + `"}`, "over"},
		"it refuses no name":                           {`{"wallet_providers":[{"roots":"one.pem","keys_only":true}]}`, "entry 0"},
		"it refuses no roots":                          {`{"wallet_providers":[{"name":"One","keys_only":true}]}`, "entry 0"},
		"it refuses neither clients nor keys_only":     {`{"wallet_providers":[{"name":"One","roots":"one.pem"}]}`, "entry 0"},
		"it refuses clients beside keys_only":          {strings.Replace(`{"wallet_providers":[`+entry("one.pem", "w")+`]}`, `"name"`, `"keys_only":true,"name"`, 1), "entry 0"},
		"it refuses a file that is not there":          {`{"wallet_providers":[` + entry("gone.pem", "w") + `]}`, "no such file"},
		"it refuses a file without a root":             {`{"wallet_providers":[` + entry("none.pem", "w") + `]}`, "no root certificate"},
		"it refuses a leaf for a root":                 {`{"wallet_providers":[` + entry("leaf.pem", "w") + `]}`, "no certificate authority"},
		"it refuses a key for a root":                  {`{"wallet_providers":[` + entry("key.pem", "w") + `]}`, "PRIVATE KEY"},
		"it refuses a certificate that cannot be read": {`{"wallet_providers":[` + entry("bad.pem", "w") + `]}`, "x509"},
		"it refuses one wallet of two providers":       {`{"wallet_providers":[` + entry("one.pem", "w") + `,` + entry("both.pem", "w") + `]}`, "listed twice"},
		"it refuses a wallet without an id":            {`{"wallet_providers":[` + entry("one.pem", "") + `]}`, "client_id"},
		"it refuses a wallet's id with a space":        {`{"wallet_providers":[` + entry("one.pem", "w w") + `]}`, "client_id"},
		"it refuses a wallet without a redirect URI":   {strings.Replace(`{"wallet_providers":[`+entry("one.pem", "w")+`]}`, `"https://w.example/cb"`, ``, 1), "redirect_uris"},
		"it refuses a redirect URI of plain http":      {strings.Replace(`{"wallet_providers":[`+entry("one.pem", "w")+`]}`, `https://w`, `http://w`, 1), "redirect_uris"},
		"it refuses to ask for attestations of nobody": {`{"key_attestations":{"card":{}}}`, "nobody is trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			if trust, err := oauth.ParseWalletTrust([]byte(c.text), read); err == nil || !strings.Contains(err.Error(), c.why) || len(trust.Providers) > 0 {
				t.Errorf("%+v, %v; want …%s…", trust, err, c.why)
			}
		})
	}
}

// FuzzParseWalletTrust trusts whole lists alone, and wallets by what is listed.
//
//clause:as the list of wallet providers: empty by default, whole or not at all; a registered wallet
func FuzzParseWalletTrust(f *testing.F) {
	root := wallettest.NewAuthority(f).PEM()
	f.Add(`{"wallet_providers":[{"name":"One","roots":"one.pem","clients":[{"client_id":"w","redirect_uris":["https://w.example/cb"]}]}],"key_attestations":{"c":{"optional":true}}}`)
	f.Add(`{"wallet_providers":[{"name":"One","roots":"one.pem","keys_only":true}]}`)
	f.Add(`{"wallet_providers":null,"key_attestations":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		trust, err := oauth.ParseWalletTrust([]byte(text), func(string) ([]byte, error) { return root, nil })
		if err != nil && len(trust.Providers)+len(trust.KeyAttestations) > 0 {
			t.Errorf("half a list: %+v, %v", trust, err)
		}
		for _, p := range trust.Providers {
			if p.Name == "" || len(p.Roots) == 0 || len(p.Clients) == 0 {
				t.Errorf("%+v", p)
			}
			for _, c := range p.Clients {
				if c.ID == "" || len(c.RedirectURIs) == 0 {
					t.Errorf("%+v", c)
				}
			}
		}
	})
}
