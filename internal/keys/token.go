package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// nextTokenKey is the file of the n-th key that signs tokens, from the second on;
// beside it is the time from which it signs, without which it does not count.
const (
	nextTokenKey  = "keys/token-%d.pem"
	nextTokenFrom = "keys/token-%d.from"
)

// TokenOverlap is how long a key is published after another took its place: longer
// than any token lives that it signed.
const TokenOverlap = 24 * time.Hour

// tokenKeyOf is one of the keys that sign tokens, in the order in which they follow
// one another.
type tokenKeyOf struct {
	signer crypto.Signer // nil: the private half of a retired key was destroyed
	public *ecdsa.PublicKey
	kid    string
	from   time.Time // zero for the first
}

// loadTokens reads the keys that sign tokens.
func (r *Ring) loadTokens() error {
	for n := 1; ; n++ {
		name, from, err := r.tokenFiles(n)
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		k := tokenKeyOf{from: from}
		if k.public, err = readPublic(filepath.Join(r.dir, name)); err != nil {
			return err
		}
		if k.kid, err = thumbprint(k.public); err != nil {
			return err
		}
		if signer, err := readKey(filepath.Join(r.dir, name)); err == nil {
			k.signer = signer
		}
		if last := len(r.tokens) - 1; last >= 0 && !r.tokens[last].from.Before(from) {
			return fmt.Errorf("%s: it would sign before the key that it follows", name)
		}
		r.tokens = append(r.tokens, k)
	}
	now := time.Now()
	for i, k := range r.tokens {
		if k.signer == nil && i >= r.signing(now) {
			return fmt.Errorf("the private key %s is missing, and it signs or will sign", k.kid)
		}
	}
	return nil
}

// tokenFiles names the n-th key, and says from when it signs.
func (r *Ring) tokenFiles(n int) (string, time.Time, error) {
	if n == 1 {
		return "keys/" + string(Token) + ".pem", time.Time{}, nil
	}
	file := fmt.Sprintf(nextTokenFrom, n)
	text, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		return "", time.Time{}, err
	}
	from, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Sprintf(nextTokenKey, n), from, nil
}

// signing is the place of the key that signs at a time.
func (r *Ring) signing(now time.Time) int {
	for i := len(r.tokens) - 1; i > 0; i-- {
		if !now.Before(r.tokens[i].from) {
			return i
		}
	}
	return 0
}

// TokenSigner is the key that signs tokens at a time, and its kid.
func (r *Ring) TokenSigner(now time.Time) (crypto.Signer, string) {
	k := r.tokens[r.signing(now)]
	return k.signer, k.kid
}

// TokenKeys are the public keys that sign tokens at a time, that will, and that
// did not long ago: what a token may be verified by, and what is published.
func (r *Ring) TokenKeys(now time.Time) (all []jose.JSONWebKey) {
	for i, k := range r.tokens {
		if i+1 < len(r.tokens) && !now.Before(r.tokens[i+1].from.Add(TokenOverlap)) {
			continue
		}
		all = append(all, k.jwk())
	}
	return all
}

// TokenHistory is all of them, for what a client may show again after a long time.
func (r *Ring) TokenHistory() (all []jose.JSONWebKey) {
	for _, k := range r.tokens {
		all = append(all, k.jwk())
	}
	return all
}

func (k tokenKeyOf) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.public, KeyID: k.kid, Algorithm: string(jose.ES256), Use: "sig"}
}

// RotateToken makes the key that signs tokens from then on, and answers its kid.
// Each replica publishes it from its next start; from, until it signs, must leave
// time for that and for whoever keeps our keys a while.
func RotateToken(dir string, from time.Time) (string, error) {
	r := &Ring{dir: dir}
	if err := r.loadTokens(); err != nil {
		return "", err
	}
	from = from.UTC().Truncate(time.Second)
	if !r.tokens[len(r.tokens)-1].from.Before(from) {
		return "", errors.New("a key that signs later is there already")
	}
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	text, err := keyPEM(made)
	if err != nil {
		return "", err
	}
	n := len(r.tokens) + 1
	file := filepath.Join(dir, fmt.Sprintf(nextTokenKey, n))
	if gone, err := missing(file); err != nil || !gone { // of a rotation that ended half way
		if err = errors.Join(err, os.Remove(file)); err != nil {
			return "", err
		}
	}
	if err := write(file, text, 0o600); err != nil {
		return "", err
	}
	kid, err := thumbprint(made.Public())
	if err != nil {
		return "", err
	}
	return kid, write(filepath.Join(dir, fmt.Sprintf(nextTokenFrom, n)), []byte(from.Format(time.RFC3339)+"\n"), 0o644)
}
