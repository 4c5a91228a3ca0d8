package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
)

//clause:as the list of wallet providers: empty by default, whole or not at all; a registered wallet
func TestLoadWalletTrust(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "trust")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	root := string(wallettest.NewAuthority(t).PEM())
	write(filepath.Join(dir, "root.pem"), root)
	write(filepath.Join(inside, "root.pem"), root)
	list := filepath.Join(inside, "providers.json")
	good := `{"wallet_providers":[{"name":"One","roots":"root.pem","clients":[{"client_id":"https://w.example/app","redirect_uris":["https://w.example/cb"]}]}],
		"key_attestations":{"resident_card":{"key_storage":["iso_18045_high"]}}}`
	t.Run("it trusts nobody without a list", func(t *testing.T) {
		if trust, err := loadWalletTrust("", false); err != nil || len(trust.Providers)+len(trust.KeyAttestations) > 0 {
			t.Errorf("%+v, %v", trust, err)
		}
	})
	t.Run("it reads a list with the roots beside it, and looks status lists up", func(t *testing.T) {
		write(list, good)
		trust, err := loadWalletTrust(list, false)
		if err != nil || len(trust.Providers) != 1 || trust.Status == nil || trust.KeyAttestations["resident_card"].Status == nil {
			t.Errorf("%+v, %v", trust, err)
		}
	})
	for name, text := range map[string]string{
		"it refuses a root outside of the list's folder": strings.Replace(good, "root.pem", "../root.pem", 1),
		"it refuses a root that is not there":            strings.Replace(good, "root.pem", "other.pem", 1),
		"it refuses a list that cannot be read":          good[:50],
	} {
		t.Run(name, func(t *testing.T) {
			write(list, text)
			if trust, err := loadWalletTrust(list, false); err == nil || len(trust.Providers) > 0 {
				t.Errorf("%+v, %v", trust, err)
			}
		})
	}
	t.Run("it refuses a list that is not there", func(t *testing.T) {
		if _, err := loadWalletTrust(filepath.Join(dir, "gone.json"), false); err == nil {
			t.Error("taken")
		}
	})
}
