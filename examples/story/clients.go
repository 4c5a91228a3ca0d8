package main

import (
	"crypto"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

const sha256Hash = crypto.SHA256

// prepareAgencies lets the government CA certify the agencies, and writes what the
// operator will tell the hub of them.
func (s *stage) prepareAgencies() error {
	ca, err := openCA(s.path("agencies"), s.now())
	if err != nil {
		return err
	}
	var all []listed
	for _, o := range s.offices() {
		a, err := ca.openAgency(s.path("agencies", o.folder), o.entry.Issuer, o.entry.Name["en"], s.now())
		if err != nil {
			return err
		}
		o.entry.JWKS = a.encryptionKeys()
		all = append(all, listed{a, o})
	}
	if err := s.prepareCatalogue(all); err != nil {
		return err
	}
	return s.prepareClients(all)
}

// listed is an agency with what it says of itself.
type listed struct {
	*agency
	office
}

// prepareClients writes the clients' metadata (RFC 7591): the agencies that ask for
// data, which sign their requests, and the wallet, which has no key that a hub
// could know beforehand. A provider asks the hub for no token; it needs none.
func (s *stage) prepareClients(all []listed) error {
	clients := map[string]map[string]any{
		"demo-wallet": {
			"client_id":                             "demo-wallet",
			"client_name":                           "Demo wallet",
			"client_name#ko":                        "데모 지갑",
			"client_uri":                            s.wallet.url(),
			"redirect_uris":                         []string{s.wallet.url() + "/callback"},
			"grant_types":                           []string{"authorization_code", "urn:ietf:params:oauth:grant-type:pre-authorized_code"},
			"token_endpoint_auth_method":            "none",
			"scope":                                 "resident_card",
			"dpop_bound_access_tokens":              true,
			"require_pushed_authorization_requests": true,
		},
	}
	for _, a := range all {
		if a.asks != nil {
			clients[a.folder] = a.client(*a.asks)
		}
	}
	for name, metadata := range clients {
		if err := writeJSON(filepath.Join(s.path("clients"), name+".json"), metadata, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// client is what sdk.Consumer.Registration says.
func (a listed) client(at service) map[string]any {
	return map[string]any{
		"client_id":                             a.folder,
		"client_name":                           a.entry.Name["en"],
		"client_name#ko":                        a.entry.Name["ko"],
		"client_uri":                            at.url(),
		"agency":                                a.id,
		"redirect_uris":                         []string{at.url() + "/callback"},
		"grant_types":                           []string{"authorization_code", "refresh_token"},
		"token_endpoint_auth_method":            "private_key_jwt",
		"jwks":                                  jose.JSONWebKeySet{Keys: []jose.JSONWebKey{named(a.key.Public(), "sig", string(jose.ES256))}},
		"scope":                                 "openid",
		"dpop_bound_access_tokens":              true,
		"require_pushed_authorization_requests": true,
		"require_signed_request_object":         true,
	}
}
