package main

import (
	"crypto"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

const sha256Hash = crypto.SHA256

// prepareAgencies lets the government CA certify both agencies, and writes what
// the operator will tell the hub of them.
func (s *stage) prepareAgencies() error {
	ca, err := openCA(s.path("agencies"), s.now())
	if err != nil {
		return err
	}
	insurer, err := ca.openAgency(s.path("agencies", "health-insurance"), insurerID, "Health Insurance Service (demo)", s.now())
	if err != nil {
		return err
	}
	licence, err := ca.openAgency(s.path("agencies", "driving-licence"), licenceID, "Driving Licence Agency (demo)", s.now())
	if err != nil {
		return err
	}
	if err := s.prepareCatalogue(insurer, licence); err != nil {
		return err
	}
	return s.prepareClients(licence)
}

// prepareClients writes the clients' metadata (RFC 7591): the agency that asks
// for data, which signs its requests, and the wallet, which has no key that a
// hub could know beforehand. A provider asks the hub for no token; it needs none.
func (s *stage) prepareClients(licence *agency) error {
	clients := map[string]map[string]any{
		"driving-licence": {
			"client_id":                             "driving-licence",
			"client_name":                           "Driving Licence Agency (demo)",
			"client_name#ko":                        "운전면허시험장 (데모)",
			"client_uri":                            s.licence.url(),
			"agency":                                licence.id,
			"redirect_uris":                         []string{s.licence.url() + "/callback"},
			"grant_types":                           []string{"authorization_code", "refresh_token"},
			"token_endpoint_auth_method":            "private_key_jwt",
			"jwks":                                  jose.JSONWebKeySet{Keys: []jose.JSONWebKey{named(licence.key.Public(), "sig", string(jose.ES256))}},
			"scope":                                 "openid",
			"dpop_bound_access_tokens":              true,
			"require_pushed_authorization_requests": true,
			"require_signed_request_object":         true,
		},
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
	for name, metadata := range clients {
		if err := writeJSON(filepath.Join(s.path("clients"), name+".json"), metadata, 0o644); err != nil {
			return err
		}
	}
	return nil
}
