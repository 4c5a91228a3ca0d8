package oauth

import (
	"bytes"
	"context"
	"crypto/x509"
	stdjson "encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// WalletProvider is one whose word for a wallet counts: the roots of its
// certificates, and the wallets it may speak for. A wallet listed here is a
// client without a registration of its own.
type WalletProvider struct {
	Name    string
	Roots   []*x509.Certificate
	Clients []WalletClient
}

// WalletClient is a wallet of a provider: one client_id, shared by all instances.
type WalletClient struct {
	ID           string
	Name         string
	RedirectURIs []string
}

// WalletTrust is the operator's list of whom to trust about wallets. Nobody is
// on it by default.
type WalletTrust struct {
	Providers []WalletProvider
	// KeyAttestations says of credential configurations what is asked of keys.
	KeyAttestations map[string]*openid4vci.KeyAttestations
	// Status is Config.WalletStatus; the list's reader sets it.
	Status func(ctx context.Context, status []byte, root *x509.Certificate) error
}

// maxTrust bounds the list.
const maxTrust = 1 << 20

// trustList is the list as a file: roots are named as PEM files beside it.
type trustList struct {
	Providers []struct {
		Name    string `json:"name"`
		Roots   string `json:"roots"`
		KeyOnly bool   `json:"keys_only"`
		Clients []struct {
			ID           string   `json:"client_id"`
			Name         string   `json:"client_name"`
			RedirectURIs []string `json:"redirect_uris"`
		} `json:"clients"`
	} `json:"wallet_providers"`
	Keys map[string]struct {
		Optional           bool     `json:"optional"`
		KeyStorage         []string `json:"key_storage"`
		UserAuthentication []string `json:"user_authentication"`
	} `json:"key_attestations"`
}

// ParseWalletTrust reads the list, whole or not at all: a member it does not
// know, an empty root file, or one client_id of two providers is refused, lest
// an operator believe in what does not hold. read opens a file beside the list.
func ParseWalletTrust(data []byte, read func(name string) ([]byte, error)) (WalletTrust, error) {
	var list trustList
	if len(data) > maxTrust {
		return WalletTrust{}, fmt.Errorf("wallet providers: over %d bytes", maxTrust)
	}
	if err := decodeStrict(data, &list); err != nil {
		return WalletTrust{}, fmt.Errorf("wallet providers: %w", err)
	}
	var trust WalletTrust
	var roots []*x509.Certificate
	seen := map[string]bool{}
	for i, entry := range list.Providers {
		p := WalletProvider{Name: entry.Name}
		if p.Name == "" || entry.Roots == "" || entry.KeyOnly == (len(entry.Clients) > 0) {
			return WalletTrust{}, fmt.Errorf("wallet providers: entry %d: needs name, roots, and either clients or keys_only", i)
		}
		text, err := read(entry.Roots)
		if err != nil {
			return WalletTrust{}, fmt.Errorf("wallet providers: %s: %w", p.Name, err)
		}
		if p.Roots, err = parseRoots(text); err != nil {
			return WalletTrust{}, fmt.Errorf("wallet providers: %s: %w", p.Name, err)
		}
		roots = append(roots, p.Roots...)
		for _, c := range entry.Clients {
			w := WalletClient{ID: c.ID, Name: c.Name, RedirectURIs: c.RedirectURIs}
			if seen[c.ID] {
				return WalletTrust{}, fmt.Errorf("wallet providers: %s: client_id %q is listed twice", p.Name, c.ID)
			}
			if err := registry.CheckWallet(w.client(nil)); err != nil {
				return WalletTrust{}, fmt.Errorf("wallet providers: %s: %w", p.Name, err)
			}
			seen[c.ID] = true
			p.Clients = append(p.Clients, w)
		}
		if !entry.KeyOnly {
			trust.Providers = append(trust.Providers, p)
		}
	}
	for config, k := range list.Keys {
		if len(roots) == 0 {
			return WalletTrust{}, fmt.Errorf("wallet providers: key_attestations for %s, yet nobody is trusted", config)
		}
		if trust.KeyAttestations == nil {
			trust.KeyAttestations = map[string]*openid4vci.KeyAttestations{}
		}
		trust.KeyAttestations[config] = &openid4vci.KeyAttestations{
			Roots: roots, Required: !k.Optional, KeyStorage: k.KeyStorage, UserAuthentication: k.UserAuthentication,
		}
	}
	return trust, nil
}

func parseRoots(text []byte) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a root file holds a %s", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if !cert.IsCA {
			return nil, errors.New("a root is no certificate authority")
		}
		roots = append(roots, cert)
	}
	if len(roots) == 0 {
		return nil, errors.New("no root certificate")
	}
	return roots, nil
}

// decodeStrict refuses members that it does not know, and those given twice.
func decodeStrict(data []byte, v any) error {
	var once map[string]json.RawMessage
	if err := json.Unmarshal(data, &once); err != nil { // go-jose's refuses doubles
		return err
	}
	d := stdjson.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// client is the wallet as a client of this server: held to HAIP 1.0 (pushed
// requests, tokens bound to a key), for credentials alone.
func (w WalletClient) client(scopes []string) registry.Client {
	name := map[string]string{}
	if w.Name != "" {
		name[""] = w.Name
	}
	return registry.Client{
		ID: w.ID, Name: name, RedirectURIs: w.RedirectURIs, AuthMethod: registry.AuthAttestation, Scopes: scopes,
		GrantTypes: []string{registry.GrantCode, registry.GrantRefresh, registry.GrantPreAuthorized},
		DPoP:       true, PAR: true, Profile: registry.ProfileHAIP,
	}
}

// walletClients finds the wallets of trusted providers where no client is
// registered by that id: a registration is narrower, and goes first.
type walletClients struct {
	Clients
	providers []WalletProvider
	scopes    []string
}

// Client implements Clients.
func (w walletClients) Client(ctx context.Context, id string) (registry.Client, error) {
	c, err := w.Clients.Client(ctx, id)
	if !errors.Is(err, registry.ErrUnknown) {
		return c, err
	}
	for _, p := range w.providers {
		for _, wallet := range p.Clients {
			if wallet.ID == id {
				return wallet.client(w.scopes), nil
			}
		}
	}
	return c, err
}

// walletRoots are the roots that may vouch for a client: those of the provider
// that lists it, so that none speaks for another's wallet.
func (s *Server) walletRoots(client string) []*x509.Certificate {
	for _, p := range s.WalletProviders {
		if slices.ContainsFunc(p.Clients, func(w WalletClient) bool { return w.ID == client }) {
			return p.Roots
		}
	}
	return nil
}
