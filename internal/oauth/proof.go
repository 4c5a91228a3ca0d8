package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// proofPolicy is what this server asks of all DPoP proofs at one of its endpoints.
func (s *Server) proofPolicy(path, jkt, accessToken string) dpop.Policy {
	p := dpop.Policy{
		Target: s.Issuer + path, JKT: jkt, AccessToken: accessToken, Replay: replay{s.Store}, Now: s.now,
		Algorithms: proofAlgorithms,
	}
	if s.RequireNonce {
		p.Nonce = s.knowsNonce
	}
	return p
}

// clientPolicy is what it asks of a client's.
func (s *Server) clientPolicy(c registry.Client, path, jkt, accessToken string) dpop.Policy {
	p := s.proofPolicy(path, jkt, accessToken)
	if s.wantsNonce(c) {
		p.Nonce = s.knowsNonce
	}
	return p
}

func (s *Server) knowsNonce(_ context.Context, nonce string) bool { return s.freshNonce(nonce) }

// replay keeps proofs in the rows that keep all that is used once.
type replay struct{ store Store }

func (r replay) Once(ctx context.Context, key string, until time.Time) error {
	err := r.store.Once(ctx, "dpop", key, until)
	if errors.Is(err, ErrUsed) {
		return dpop.ErrReplayed
	}
	return err
}

// nonceLife is how long a nonce is good (RFC 9449, 8): a nonce of this slot or
// of the one before.
const nonceLife = 2 * time.Minute

// makeNonce is a slot of time under a MAC: nothing is kept for it.
func (s *Server) makeNonce(slot int64) string {
	mac := hmac.New(sha256.New, s.nonceKey)
	text := binary.BigEndian.AppendUint64(nil, uint64(slot)) //nolint:gosec // G115: bits
	mac.Write(text)
	return base64.RawURLEncoding.EncodeToString(append(text, mac.Sum(nil)[:16]...))
}

func (s *Server) freshNonce(nonce string) bool {
	slot := s.now().Unix() / int64(nonceLife.Seconds())
	for _, good := range []string{s.makeNonce(slot), s.makeNonce(slot - 1)} {
		if hmac.Equal([]byte(nonce), []byte(good)) {
			return true
		}
	}
	return false
}

// wantsNonce says whether a client's proofs must carry a nonce: all, or those of a
// client that is registered so.
func (s *Server) wantsNonce(c registry.Client) bool { return s.RequireNonce || c.DPoPNonce }

// nonce hands out a nonce with an answer, where proofs need one (RFC 9449, 8.2).
func (s *Server) nonce(w http.ResponseWriter, c registry.Client) {
	if s.wantsNonce(c) {
		w.Header().Set(dpop.NonceHeader, s.currentNonce())
	}
}

// nonceKey is where leave leaves word for the answer's DPoP-Nonce.
type nonceKey struct{}

// leave hands out a nonce with the answer that the library will write.
func (s *Server) leave(ctx context.Context, c registry.Client) {
	if to, ok := ctx.Value(nonceKey{}).(*string); ok && s.wantsNonce(c) {
		*to = s.currentNonce()
	}
}

func (s *Server) currentNonce() string {
	return s.makeNonce(s.now().Unix() / int64(nonceLife.Seconds()))
}
