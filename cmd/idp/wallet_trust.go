package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// loadWalletTrust reads whom the operator trusts about wallets. Without a list
// nobody is; a list that cannot be read stops the start.
func loadWalletTrust(path string, development bool) (oauth.WalletTrust, error) {
	if path == "" {
		return oauth.WalletTrust{}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return oauth.WalletTrust{}, fmt.Errorf("wallet-providers: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return oauth.WalletTrust{}, fmt.Errorf("wallet-providers: %w", err)
	}
	defer root.Close()
	trust, err := oauth.ParseWalletTrust(data, root.ReadFile)
	trust.Status = openid4vci.AttestationStatus(&statuslist.Client{Development: development}, time.Now)
	for _, k := range trust.KeyAttestations {
		k.Status = trust.Status
	}
	return trust, err
}
