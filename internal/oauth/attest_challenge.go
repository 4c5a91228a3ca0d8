package oauth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// challengeLife is how long a challenge is good. Within it a wallet may use one
// in several proofs (draft, 6): it says that a proof is fresh; that a proof is
// not shown twice is what its jti is spent for.
const challengeLife = 5 * time.Minute

// makeChallenge is a time and 16 random bytes under a MAC: nothing is kept for it.
func (s *Server) makeChallenge() string {
	text := binary.BigEndian.AppendUint64(nil, uint64(s.now().Unix())) //nolint:gosec // G115: bits
	random := make([]byte, 16)
	rand.Read(random)
	text = append(text, random...)
	return base64.RawURLEncoding.EncodeToString(append(text, s.challengeMAC(text)...))
}

func (s *Server) challengeMAC(text []byte) []byte {
	mac := hmac.New(sha256.New, s.challengeKey)
	mac.Write(text)
	return mac.Sum(nil)[:16]
}

func (s *Server) freshChallenge(challenge string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(raw) != 8+16+16 || !hmac.Equal(raw[24:], s.challengeMAC(raw[:24])) {
		return false
	}
	age := s.now().Sub(time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)) //nolint:gosec // G115: our own bits
	return age <= challengeLife && age >= -skew
}

// offerChallenge hands out a challenge with an answer to who authenticates by
// attestation (draft, 6.1 and 6.2), so that the next request needs no further
// round.
func (s *Server) offerChallenge(w http.ResponseWriter, r *http.Request) {
	if len(s.WalletProviders) > 0 && attested(r.Header) {
		w.Header().Set(openid4vci.ChallengeHeader, s.makeChallenge())
	}
}

// attestationChallenge is the challenge endpoint (draft, 6.3).
func (s *Server) attestationChallenge(w http.ResponseWriter, _ *http.Request) {
	s.nonce(w, registry.Client{})
	writeJSON(w, http.StatusOK, map[string]string{"attestation_challenge": s.makeChallenge()})
}
