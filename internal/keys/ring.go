package keys

import (
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Purpose is what a key signs.
type Purpose string

// The purposes.
const (
	Token  Purpose = "token"
	Record Purpose = "record"
	Issuer Purpose = "issuer"
	Status Purpose = "status"
	// IDToken: id_tokens and logout tokens by RS256, and nothing else.
	IDToken Purpose = "idtoken"
)

var purposes = []Purpose{Token, IDToken, Record, Issuer, Status}

// certified purposes have a certificate under the hub's CA for each key.
func (p Purpose) certified() bool { return p == Issuer || p == Status }

// Ring is the hub's keys.
type Ring struct {
	dir    string
	ca     *x509.Certificate
	caKey  crypto.Signer
	secret []byte
	log    []logKeyOf // the first key, then each that followed
	series map[Purpose]series
}

// Load reads the keys that Generate made. dir is the data directory.
func Load(dir string) (*Ring, error) {
	r := &Ring{dir: dir, series: map[Purpose]series{}}
	for _, p := range purposes {
		var err error
		if r.series[p], err = loadSeries(dir, p); err != nil {
			return nil, fmt.Errorf("key %s: %w", p, err)
		}
	}
	return r, errors.Join(r.loadCAs(), r.loadLog(), r.loadSecret())
}

func (r *Ring) loadCAs() (err error) {
	if r.ca, err = readCertificate(filepath.Join(r.dir, hubCA)); err != nil {
		return err
	}
	r.caKey, err = readKey(filepath.Join(r.dir, hubCAKey))
	return err
}

func (r *Ring) loadSecret() error {
	text, err := readPrivate(filepath.Join(r.dir, secretFile))
	if err != nil {
		return err
	}
	r.secret, err = base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err == nil && len(r.secret) != 32 {
		err = fmt.Errorf("%s: not 32 bytes", secretFile)
	}
	return err
}

// Signer is the key that signs for a purpose now, its kid (RFC 7638 thumbprint) and,
// for issuer and status, its x5c chain: leaf first, without the CA. Asking for a
// purpose that there is no key of is a programmer's mistake.
func (r *Ring) Signer(p Purpose) (crypto.Signer, string, [][]byte) {
	k := r.series[p].at(time.Now())
	return k.signer, k.kid, k.chain
}

// JWKS are the public keys that sign tokens and records: the hub's word to agencies,
// which pin them. A record is kept for years, and so is each key that signed any. The
// keys of RS256 are none of these.
func (r *Ring) JWKS() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: append(r.TokenKeys(time.Now()), r.series[Record].history()...)}
}

// JWKSAt is what the hub publishes at a time, those of RS256 too: keys come before
// they sign, and go a while after, but for those of records.
func (r *Ring) JWKSAt(now time.Time) jose.JSONWebKeySet {
	all := append(r.TokenKeys(now), r.series[Record].history()...)
	return jose.JSONWebKeySet{Keys: append(all, r.series[IDToken].published(now)...)}
}

// CA is the certificate under which the hub's issuer and verifier keys stand.
func (r *Ring) CA() *x509.Certificate { return r.ca }

// Ends are until when the hub can sign what it signs under certificates, by purpose,
// with the keys that follow; and of its CA, as "ca".
func (r *Ring) Ends(now time.Time) map[string]time.Time {
	ends := map[string]time.Time{"ca": r.ca.NotAfter}
	for _, p := range purposes {
		if p.certified() {
			ends[string(p)] = r.series[p].certifiedUntil(now)
		}
	}
	return ends
}

// Secret derives a 32-byte secret of its own for each use that names itself
// (RFC 5869). The same name gives the same secret.
func (r *Ring) Secret(name string) []byte {
	out, err := hkdf.Key(sha256.New, r.secret, nil, "mydata/"+name+"/v1", 32)
	if err != nil {
		panic("keys: " + err.Error())
	}
	return out
}

// Officers are the public keys of those who may order and approve, in order of their
// files' names. In a deployment the files hold no more than these.
func (r *Ring) Officers() ([]jose.JSONWebKey, error) {
	all, err := r.officersIn(officersDir)
	if err == nil && len(all) < 2 {
		err = fmt.Errorf("%s: %d keys, and every order takes two officers", officersDir, len(all))
	}
	return all, err
}

// FormerOfficers are the public keys of those who may not any more. What they signed
// stands: whoever reads it has to know them.
func (r *Ring) FormerOfficers() ([]jose.JSONWebKey, error) { return r.officersIn(formerDir) }

func (r *Ring) officersIn(folder string) ([]jose.JSONWebKey, error) {
	names, err := keyFiles(r.dir, folder)
	if err != nil {
		return nil, err
	}
	var out []jose.JSONWebKey
	for _, name := range names {
		public, err := readPublic(filepath.Join(r.dir, name), p256)
		if err != nil {
			return nil, err
		}
		kid, err := thumbprint(public)
		if err != nil {
			return nil, err
		}
		out = append(out, jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: string(jose.ES256), Use: "sig"})
	}
	return out, nil
}

// OfficerSigners are two officers' private keys, which only a development hub holds.
func (r *Ring) OfficerSigners() ([]crypto.Signer, error) {
	var out []crypto.Signer
	for _, name := range madeOfficers {
		signer, err := readKey(filepath.Join(r.dir, name))
		if err != nil {
			return nil, err
		}
		out = append(out, signer)
	}
	return out, nil
}

func thumbprint(public crypto.PublicKey) (string, error) {
	jwk := jose.JSONWebKey{Key: public}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
