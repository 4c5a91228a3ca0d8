package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	jose "github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/did"
)

const policyVersion = "mydata-trust-policy/1"

// policyFile is what --trust-policy names: whom to believe, for each type (vct).
type policyFile struct {
	Types   map[string]believed `json:"types"`
	Version string              `json:"schema_version"`
}

// believed are the issuers of one type. What is not named is not believed.
type believed struct {
	// Roots is a PEM file of trust anchors, beside the policy; Names are those of
	// which a certificate below them has to bear one.
	Roots string   `json:"roots"`
	Names []string `json:"names"`
	// Issuers are values of iss whose published keys are believed.
	Issuers       []string `json:"issuers"`
	DIDs          []string `json:"dids"`
	WithoutStatus bool     `json:"without_status"`
}

// policy is whom this verifier believes: the trust folder's roots for these types,
// and what the file of --trust-policy adds. Below the same roots stand agencies, each
// with documents of its own: the resident card is the hub's alone.
func (c config) policy(types ...string) (credential.Policy, error) {
	roots, err := keys.ReadRoots(filepath.Join(c.Trust, "issuer-ca.pem"))
	if err != nil {
		return credential.Policy{}, fmt.Errorf("trust folder (written by `idp trust export`): %w", err)
	}
	hub, err := readHub(filepath.Join(c.Trust, "hub.json"))
	if err != nil {
		return credential.Policy{}, fmt.Errorf("trust folder (written by `idp trust export`): %w", err)
	}
	p := credential.Policy{Roots: map[string]*x509.CertPool{},
		Certificates: map[string]credential.Certificate{credential.VCTResidentCard: {Names: []string{hub}}},
		Issuers:      map[string][]string{}, DIDs: map[string][]string{}, WithoutStatus: map[string]bool{}}
	if p.Keys, err = readKeyHistory(c); err != nil {
		return p, err
	}
	for _, vct := range types {
		p.Roots[vct] = roots
	}
	if c.TrustPolicy == "" {
		return p, nil
	}
	file, err := readPolicy(c.TrustPolicy)
	for vct, b := range file.Types {
		if err == nil {
			err = b.into(&p, vct, filepath.Dir(c.TrustPolicy), c.Development)
		}
	}
	if err != nil {
		return credential.Policy{}, fmt.Errorf("trust-policy: %w", err)
	}
	return p, nil
}

// readHub is the hub's name, which the certificate of its cards bears.
func readHub(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var hub struct {
		Issuer string `json:"issuer"`
	}
	if err := jose.Unmarshal(text, &hub); err != nil || hub.Issuer == "" {
		return "", errors.Join(fmt.Errorf("%s: it does not name the hub", path), err)
	}
	return hub.Issuer, nil
}

func readPolicy(path string) (policyFile, error) {
	var file policyFile
	text, err := os.ReadFile(path)
	if err != nil {
		return file, err
	}
	if err := jose.Unmarshal(text, &map[string]any{}); err != nil { // it refuses what is named twice
		return file, fmt.Errorf("%s: %w", path, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	if file.Version != policyVersion || len(file.Types) == 0 {
		return file, fmt.Errorf("%s: want schema_version %s, and types", path, policyVersion)
	}
	return file, nil
}

// into adds what is believed of a type, each name by itself: what no issuer can
// have stops the service at its start.
func (b believed) into(p *credential.Policy, vct, dir string, development bool) error {
	fail := func(err error) error { return fmt.Errorf("type %q: %w", vct, err) }
	if strings.Contains(vct+strings.Join(slices.Concat(b.Names, b.Issuers, b.DIDs), ""), "*") {
		return fail(errors.New("no wildcards: name each type and each issuer"))
	}
	if vct == "" || b.Roots == "" && len(b.Issuers)+len(b.DIDs) == 0 {
		return fail(errors.New("name roots, issuers or dids"))
	}
	if len(b.Names) > 0 && b.Roots == "" {
		return fail(errors.New("names are those of certificates: name their roots too"))
	}
	if b.Roots != "" {
		if p.Roots[vct] != nil {
			return fail(errors.New("its roots are the trust folder's"))
		}
		if !filepath.IsAbs(b.Roots) {
			b.Roots = filepath.Join(dir, b.Roots)
		}
		roots, err := keys.ReadRoots(b.Roots)
		if err != nil {
			return fail(err)
		}
		p.Roots[vct], p.Certificates[vct] = roots, credential.Certificate{Names: b.Names}
	}
	for _, issuer := range b.Issuers {
		if _, err := credential.MetadataURL(issuer, development); err != nil {
			return fail(fmt.Errorf("issuer %q: %w", issuer, err))
		}
	}
	for _, id := range b.DIDs {
		if err := checkDID(id, development); err != nil {
			return fail(fmt.Errorf("DID %q: %w", id, err))
		}
	}
	p.Issuers[vct], p.DIDs[vct], p.WithoutStatus[vct] = b.Issuers, b.DIDs, b.WithoutStatus
	return nil
}

// checkDID asks that a DID can be resolved; of a did:web only that it has an
// address, as nobody is asked before a credential of his comes.
func checkDID(id string, development bool) error {
	if method, _, err := did.Split(id); err == nil && method == "web" {
		_, err = did.WebURL(id, development)
		return err
	}
	document, err := new(did.Resolver).Resolve(context.Background(), id) // it holds its key itself
	if err == nil && len(document.AssertionMethod) == 0 {
		err = errors.New("its key is not for signatures")
	}
	return err
}
