package keys

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// nextKey is the file of a purpose's n-th key, from the second on; beside it is the
// time from which it signs, without which it does not count.
const (
	nextKey   = "keys/%s-%d.pem"
	nextChain = "keys/%s-%d-chain.pem"
	nextFrom  = "keys/%s-%d.from"
)

func firstKey(p Purpose) string   { return "keys/" + string(p) + ".pem" }
func firstChain(p Purpose) string { return "keys/" + string(p) + "-chain.pem" }

// TokenOverlap is how long a key is published after another took its place: longer
// than any token lives that it signed.
const TokenOverlap = 24 * time.Hour

// dated is one of the keys of a purpose, which change by date.
type dated struct {
	signer crypto.Signer // nil: the private half of a retired key was destroyed
	public crypto.PublicKey
	kid    string
	chain  [][]byte  // of a certified purpose
	from   time.Time // zero for the first
}

// series are the keys of such a purpose, in the order in which they follow one
// another.
type series []dated

// kindOf is what the keys of a purpose are.
func kindOf(p Purpose) kind {
	if p == IDToken {
		return rsaKey
	}
	return p256
}

// loadSeries reads the keys of a purpose. Of IDToken there may be none.
func loadSeries(dir string, p Purpose) (all series, err error) {
	if p == IDToken {
		first, err := missing(filepath.Join(dir, firstKey(p)))
		second, err2 := missing(filepath.Join(dir, fmt.Sprintf(nextFrom, p, 2)))
		if err := errors.Join(err, err2); err != nil || first && second {
			return nil, err
		}
	}
	for n := 1; ; n++ {
		file, err := seriesFiles(dir, p, n)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		k, err := file.load(dir, p)
		if err != nil {
			return nil, err
		}
		if last := len(all) - 1; last >= 0 && !all[last].from.Before(k.from) {
			return nil, fmt.Errorf("%s: it would sign before the key that it follows", file.key)
		}
		all = append(all, k)
	}
	now := time.Now()
	for i, k := range all {
		if k.signer == nil && i >= all.signing(now) {
			return nil, fmt.Errorf("the private key %s is missing, and it signs or will sign", k.kid)
		}
	}
	return all, nil
}

// filed is where a key of a series is kept, and from when it signs.
type filed struct {
	key, chain string
	from       time.Time
}

// seriesFiles names the files of the n-th key.
func seriesFiles(dir string, p Purpose, n int) (filed, error) {
	if n == 1 {
		return filed{key: firstKey(p), chain: firstChain(p)}, nil
	}
	file := fmt.Sprintf(nextFrom, p, n)
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return filed{}, err
	}
	from, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return filed{}, fmt.Errorf("%s: %w", file, err)
	}
	return filed{fmt.Sprintf(nextKey, p, n), fmt.Sprintf(nextChain, p, n), from}, nil
}

func (f filed) load(dir string, p Purpose) (k dated, err error) {
	k.from = f.from
	if k.public, err = readPublic(filepath.Join(dir, f.key), kindOf(p)); err != nil {
		return k, err
	}
	if k.kid, err = thumbprint(k.public); err != nil {
		return k, err
	}
	if signer, err := readSigner(filepath.Join(dir, f.key), kindOf(p)); err == nil {
		k.signer = signer
	}
	if p.certified() {
		k.chain, err = readChain(filepath.Join(dir, f.chain), k.public)
	}
	return k, err
}

// signing is the place of the key that signs at a time.
func (s series) signing(now time.Time) int {
	for i := len(s) - 1; i > 0; i-- {
		if !now.Before(s[i].from) {
			return i
		}
	}
	return 0
}

// at is the key that signs at a time.
func (s series) at(now time.Time) dated { return s[s.signing(now)] }

// published are the public keys that sign at a time, that will, and that did not
// long ago.
func (s series) published(now time.Time) (all []jose.JSONWebKey) {
	for i, k := range s {
		if i+1 < len(s) && !now.Before(s[i+1].from.Add(TokenOverlap)) {
			continue
		}
		all = append(all, k.jwk())
	}
	return all
}

// certifiedUntil is how long there is a key to sign by whose certificate holds, with those
// that take over before the one before ends.
func (s series) certifiedUntil(now time.Time) (until time.Time) {
	for _, k := range s[s.signing(now):] {
		leaf, err := x509.ParseCertificate(k.chain[0])
		if err != nil || !until.IsZero() && !k.from.Before(until) {
			break
		}
		until = leaf.NotAfter
	}
	return until
}

// history are all of them, for what a client may show again after a long time.
func (s series) history() (all []jose.JSONWebKey) {
	for _, k := range s {
		all = append(all, k.jwk())
	}
	return all
}

func (k dated) jwk() jose.JSONWebKey {
	alg := jose.ES256
	if rsaKey.is(k.public) {
		alg = jose.RS256
	}
	return jose.JSONWebKey{Key: k.public, KeyID: k.kid, Algorithm: string(alg), Use: "sig"}
}

// TokenSigner is the key that signs tokens at a time, and its kid.
func (r *Ring) TokenSigner(now time.Time) (crypto.Signer, string) {
	k := r.series[Token].at(now)
	return k.signer, k.kid
}

// IDTokenSigner is the key that signs id_tokens by RS256 at a time; nil where none
// was made.
func (r *Ring) IDTokenSigner(now time.Time) (crypto.Signer, string) {
	all := r.series[IDToken]
	if len(all) == 0 {
		return nil, ""
	}
	k := all.at(now)
	return k.signer, k.kid
}

// Vouchers are the keys of records whose private halves are here, oldest first: each
// of them says which keys are the hub's, to whoever trusts it.
func (r *Ring) Vouchers() iter.Seq2[crypto.Signer, string] {
	return func(yield func(crypto.Signer, string) bool) {
		for _, k := range r.series[Record] {
			if k.signer != nil && !yield(k.signer, k.kid) {
				return
			}
		}
	}
}

// TokenKeys are what a token may be verified by at a time, and what is published.
func (r *Ring) TokenKeys(now time.Time) []jose.JSONWebKey { return r.series[Token].published(now) }

// IDTokenHistory are all keys that ever signed id_tokens, each with its algorithm.
func (r *Ring) IDTokenHistory() []jose.JSONWebKey {
	return append(r.series[Token].history(), r.series[IDToken].history()...)
}

// Rotate makes the key of a purpose that signs from then on, with a certificate like
// that of the key before where the purpose has one, and answers its kid. Each replica
// publishes it from its next start; from, until it signs, must leave time for that and
// for whoever keeps our keys a while.
func Rotate(dir string, p Purpose, from time.Time) (string, error) {
	all, err := loadSeries(dir, p)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", errors.New("there is no key yet that another could follow: idp keygen makes the first")
	}
	from = from.UTC().Truncate(time.Second)
	last := all[len(all)-1]
	if !last.from.Before(from) {
		return "", errors.New("a key that signs later is there already")
	}
	made, err := kindOf(p).generate()
	if err != nil {
		return "", err
	}
	kid, err := thumbprint(made.Public())
	if err != nil {
		return "", err
	}
	text, err := keyPEM(made)
	if err != nil {
		return "", err
	}
	n := len(all) + 1
	if err := anew(filepath.Join(dir, fmt.Sprintf(nextKey, p, n)), text, 0o600); err != nil {
		return "", err
	}
	if p.certified() {
		chain, err := follow(dir, last.chain, made.Public(), from)
		if err != nil {
			return "", err
		}
		if err := anew(filepath.Join(dir, fmt.Sprintf(nextChain, p, n)), chainPEM(chain...), 0o644); err != nil {
			return "", err
		}
	}
	return kid, write(filepath.Join(dir, fmt.Sprintf(nextFrom, p, n)), []byte(from.Format(time.RFC3339)+"\n"), 0o644)
}

// anew writes a file also where one was left by a rotation that ended half way.
func anew(file string, data []byte, mode fs.FileMode) error {
	gone, err := missing(file)
	if err == nil && !gone {
		err = os.Remove(file)
	}
	if err != nil {
		return err
	}
	return write(file, data, mode)
}

// follow certifies a key as the one before it, which is to sign from then on.
func follow(dir string, before [][]byte, key crypto.PublicKey, from time.Time) ([][]byte, error) {
	ca, err := LoadHub(dir)
	if err != nil {
		return nil, err
	}
	old, err := x509.ParseCertificate(before[0])
	if err != nil {
		return nil, err
	}
	if len(old.URIs) != 1 {
		return nil, errors.New("the certificate before does not say whose it is")
	}
	chain, err := ca.Issue(Certificate{Key: key, Name: old.Subject.CommonName, URI: old.URIs[0].String()})
	if err != nil {
		return nil, err
	}
	if leaf, err := x509.ParseCertificate(chain[0]); err != nil || !from.Before(leaf.NotAfter) {
		return nil, errors.Join(err, fmt.Errorf("its certificate ends before the key would sign, %s", from.Format(time.RFC3339)))
	}
	return chain, nil
}
