package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/govmydata/mydata/internal/oauth"
)

// loadWalletTrust reads whom the operator trusts about wallets. Without a list
// nobody is; a list that cannot be read stops the start.
func loadWalletTrust(path string) (oauth.WalletTrust, error) {
	if path == "" {
		return oauth.WalletTrust{}, nil
	}
	data, err := os.ReadFile(path) //nolint:gosec // G304: the operator names it
	if err != nil {
		return oauth.WalletTrust{}, fmt.Errorf("wallet-providers: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return oauth.WalletTrust{}, fmt.Errorf("wallet-providers: %w", err)
	}
	defer root.Close()
	return oauth.ParseWalletTrust(data, root.ReadFile)
}
