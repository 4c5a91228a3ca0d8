package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// NonceLife is how long a c_nonce can be shown.
const NonceLife = 5 * time.Minute

// ErrNonce says that a nonce is not ours, spent or too old.
var ErrNonce = errors.New("nonce not live")

// Nonces makes c_nonces (OpenID4VCI 1.0, 7) without storing them, so that
// nobody can fill a table by asking, and keeps those that were spent.
type Nonces struct {
	Store  OfferStore
	Secret []byte // at least 32 bytes, stable over restarts
	Now    func() time.Time
}

const nonceMAC = 16

// Make a nonce: its expiry, 128 random bits, and a tag.
func (n *Nonces) Make() string {
	b := make([]byte, 24, 24+sha256.Size)
	binary.BigEndian.PutUint64(b, uint64(n.Now().Add(NonceLife).UnixMilli()))
	rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(n.tag(b))
}

func (n *Nonces) tag(b []byte) []byte {
	h := hmac.New(sha256.New, n.Secret)
	io.WriteString(h, "mydata/c_nonce/v1\x00")
	h.Write(b)
	return append(b, h.Sum(nil)[:nonceMAC]...)
}

// Spend a nonce, once, whatever runs at the same time; ErrNonce otherwise.
func (n *Nonces) Spend(ctx context.Context, nonce string) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != 24+nonceMAC || !hmac.Equal(b, n.tag(b[:24:24])) {
		return ErrNonce
	}
	expires, now := time.UnixMilli(int64(binary.BigEndian.Uint64(b))), n.Now() //nolint:gosec // G115: the bits that New wrote, under a MAC
	// One of a clock that was ahead would live longer than it may.
	if !now.Before(expires) || expires.Sub(now) > NonceLife+skew {
		return ErrNonce
	}
	// Only what was decoded is compared: line breaks in the text do not make
	// another nonce.
	err = n.Store.SpendNonce(ctx, base64.RawURLEncoding.EncodeToString(b), expires, now)
	if errors.Is(err, ErrConflict) {
		return ErrNonce
	}
	return err
}
