package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/consent"
)

// Pairwise is the citizen's identifier in a sector (OpenID Connect Core 1.0,
// 8.1): the agency's id, or the client's where there is no agency. It is a MAC
// under the hub's secret and is kept in a row for the way back.
func (a *Accounts) Pairwise(ctx context.Context, citizen, sector string) (string, error) {
	if sector == "" {
		return "", errors.New("pairwise: no sector")
	}
	sub := base64.RawURLEncoding.EncodeToString(tagged(a.secret, "pairwise", sector, citizen))
	sub, err := a.store.Pseudonym(ctx, sector, citizen, sub)
	if err != nil {
		return "", fmt.Errorf("pairwise: %w", err)
	}
	return sub, nil
}

// CitizenBySub is the way back from a pseudonym, within its sector only.
func (a *Accounts) CitizenBySub(ctx context.Context, sector, sub string) (string, error) {
	citizen, err := a.store.PseudonymOf(ctx, sector, sub)
	if errors.Is(err, ErrNotFound) {
		return "", fmt.Errorf("pseudonym: %w: %w", err, consent.ErrNobody)
	}
	if err != nil {
		return "", fmt.Errorf("pseudonym: %w", err)
	}
	return citizen, nil
}

// Salt is a salt of the citizen's log entries, derived from the citizen's own
// key: the same label gives the same salt until the key is erased.
func (a *Accounts) Salt(ctx context.Context, citizen, label string) ([32]byte, error) {
	row, err := a.store.Citizen(ctx, citizen)
	if err != nil {
		return [32]byte{}, fmt.Errorf("salt: %w", err)
	}
	return saltOf(row.Key, label), nil
}

func saltOf(key []byte, label string) [32]byte {
	return [32]byte(tagged(key, "salt", label))
}

// tagged is HMAC-SHA-256 over a domain tag and length-prefixed parts, so that no
// two lists of parts meet.
func tagged(key []byte, what string, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("mydata/" + what + "/v1\x00"))
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
