package dpop

import (
	"context"
	"crypto/ecdsa"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// MaxProof is how long a proof may be: a server's header fields have to have room
// for it.
const (
	MaxProof = 4096
	maxID    = 256
)

// Replay remembers proofs. Once durably notes key until the time given and
// returns nil the first time only; ErrReplayed on every later call before
// then, also from another replica. Any other error means unknown: the proof is
// refused. Safe for use by many at once.
type Replay interface {
	Once(ctx context.Context, key string, until time.Time) error
}

// ErrReplayed is what Replay answers for a proof it has seen.
var ErrReplayed = errors.New("dpop: proof used before")

// Policy is what a server asks of a proof.
type Policy struct {
	// Target is this endpoint's absolute URL as clients know it (htu). It is
	// configured, not taken from the request: a proxy may rewrite Host.
	Target string
	// AccessToken is the token that came with the request; its hash must be
	// in ath. Empty at the token endpoint.
	AccessToken string
	// JKT is the thumbprint the token is bound to; empty: any key.
	JKT string
	// Nonce says whether a nonce is one of ours and fresh; nil: none asked.
	Nonce func(ctx context.Context, nonce string) bool
	// Replay must be set.
	Replay Replay
	// Past and Future bound iat; 60 s and 10 s when zero.
	Past, Future time.Duration
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Algorithms are those that proofs may be signed by: of ES256, PS256, EdDSA and
	// RS256; ES256 alone when empty.
	Algorithms []jose.SignatureAlgorithm
}

// Proof is a proof that passed every check.
type Proof struct {
	Key      jose.JSONWebKey
	JKT      string
	ID       string
	IssuedAt time.Time
}

// Check makes the checks of RFC 9449, 4.3 on the request's DPoP field, in that
// order; the jti is spent last, so that a proof refused for another reason is
// not remembered. Its errors are *Error.
func Check(r *http.Request, p Policy) (Proof, error) {
	// "There is not more than one DPoP HTTP request header field."
	fields := r.Header.Values(Header)
	switch {
	case len(fields) == 0:
		return Proof{}, refuse("present", "the request has no DPoP field")
	case len(fields) > 1:
		return Proof{}, refuse("single", "the request has more than one DPoP field")
	}
	proof, c, err := p.open(fields[0])
	if err != nil {
		return Proof{}, err
	}
	if err := p.match(r, proof, c); err != nil {
		return Proof{}, err
	}
	return proof, p.spend(r.Context(), proof)
}

// open reads a proof and verifies its signature by the key it carries.
func (p Policy) open(field string) (Proof, claims, error) {
	// "The DPoP HTTP request header field value is a single and well-formed JWT."
	if len(field) > MaxProof {
		return Proof{}, claims{}, refuse("syntax", "the proof is too long")
	}
	if slices.Contains(p.algorithms(), jose.ES256) {
		if key, jkt, payload, ok := exact(field); ok {
			return read(key, jkt, payload)
		}
		if key, payload, ok := plain(field); ok {
			return read(key, "", payload)
		}
	}
	// "The alg JOSE Header Parameter indicates a registered asymmetric digital
	// signature algorithm, is not none, is supported by the application."
	signed, err := jose.ParseSignedCompact(field, p.algorithms())
	if err != nil {
		return Proof{}, claims{}, refuse("syntax", "the proof is not a JWT signed by an algorithm of this server")
	}
	header := signed.Signatures[0].Protected
	// "The typ JOSE Header Parameter has the value dpop+jwt."
	if header.ExtraHeaders[jose.HeaderType] != typ {
		return Proof{}, claims{}, refuse("typ", "the proof's typ is not dpop+jwt")
	}
	// "The jwk JOSE Header Parameter does not contain a private key."
	key := header.JSONWebKey
	if key == nil || !key.Valid() || !key.IsPublic() {
		return Proof{}, claims{}, refuse("jwk", "the proof carries no public key")
	}
	if !fits(header.Algorithm, *key) {
		return Proof{}, claims{}, refuse("jwk", "the proof's key is not one for its algorithm")
	}
	// "The JWT signature verifies with the public key contained in the jwk."
	payload, err := signed.Verify(key)
	if err != nil {
		return Proof{}, claims{}, refuse("signature", "the proof's signature is wrong")
	}
	return read(*key, "", payload)
}

// plain opens a proof whose header holds alg, jwk and typ as Maker writes them, and
// nothing else. Whatever else there is, good or not, is for go-jose.
func plain(field string) (key jose.JSONWebKey, payload []byte, ok bool) {
	text, _, _ := strings.Cut(field, ".")
	raw, ok := jws.OneSpelling(text)
	var header struct {
		Algorithm string          `json:"alg"`
		Key       jose.JSONWebKey `json:"jwk"`
		Type      string          `json:"typ"`
	}
	if !ok || jcs.Decode(raw, &header) != nil || header.Algorithm != string(jose.ES256) || header.Type != typ {
		return key, nil, false
	}
	public, ok := header.Key.Key.(*ecdsa.PublicKey)
	if !ok || len(header.Key.Certificates) > 0 {
		return key, nil, false
	}
	payload, ok = jws.Verify(field, public)
	return header.Key, payload, ok
}

// read takes the claims of a proof whose signature is good; no jkt: not known yet.
func read(key jose.JSONWebKey, jkt string, payload []byte) (Proof, claims, error) {
	var c claims
	if err := jcs.Unmarshal(payload, &c); err != nil {
		return Proof{}, claims{}, refuse("syntax", "the proof's claims cannot be read")
	}
	if jkt == "" {
		var err error
		if jkt, err = Thumbprint(key); err != nil {
			return Proof{}, claims{}, refuse("jwk", "the proof's key has no thumbprint")
		}
	}
	return Proof{Key: key, JKT: jkt, ID: c.ID, IssuedAt: time.Unix(c.IssuedAt, 0)}, c, nil
}

// match compares the claims with the request and the policy.
func (p Policy) match(r *http.Request, proof Proof, c claims) error {
	// "All required claims per Section 4.2 are contained in the JWT."
	if c.ID == "" || len(c.ID) > maxID {
		return refuse("jti", "the proof has no jti, or too long a one")
	}
	if c.Method != r.Method {
		return refuse("htm", "the proof is for another method")
	}
	want, err := normal(p.Target)
	if err != nil {
		return refuse("htu", "the server's own address is not configured")
	}
	if c.Target != want && c.Target != p.Target { // the same text has the same form
		if got, err := normal(c.Target); err != nil || got != want {
			return refuse("htu", "the proof is for another address")
		}
	}
	// "If the server provided a nonce value to the client, the nonce claim
	// matches the server-provided nonce value." Before iat: a client with a
	// wrong clock is helped by a nonce.
	if p.Nonce != nil && !p.Nonce(r.Context(), c.Nonce) {
		return refuse(CheckNonce, "the proof has no nonce of this server, or an old one")
	}
	if err := p.timely(proof.IssuedAt); err != nil {
		return err
	}
	// "If presented to a protected resource in conjunction with an access
	// token: ath equals the hash of that token; the key matches the token's."
	if p.AccessToken != "" && !same(c.Token, TokenHash(p.AccessToken)) {
		return refuse("ath", "the proof is not for this access token")
	}
	if p.JKT != "" && !same(p.JKT, proof.JKT) {
		return refuse("jkt", "the proof is by another key than the one expected")
	}
	return nil
}

// timely is the window of iat (RFC 9449, 11.1).
func (p Policy) timely(issued time.Time) error {
	now := p.now()
	if now.Sub(issued) > p.past() {
		return refuse("iat", "the proof is too old")
	}
	if issued.Sub(now) > p.future() {
		return refuse("iat", "the proof is from the future")
	}
	return nil
}

// spend notes the jti for as long as the proof could be shown again. The key
// is part of what is noted, so that nobody can spend another's jti.
func (p Policy) spend(ctx context.Context, proof Proof) error {
	if p.Replay == nil {
		return refuse("replay", "the server remembers no proofs")
	}
	until := proof.IssuedAt.Add(p.past() + p.future() + time.Second)
	err := p.Replay.Once(ctx, TokenHash(proof.JKT+"\x00"+proof.ID), until)
	if errors.Is(err, ErrReplayed) {
		return &Error{Check: "replay", Cause: "the proof was used before", err: err}
	}
	if err != nil {
		return &Error{Check: "replay", Cause: "the server cannot tell whether the proof is new", err: err}
	}
	return nil
}

func (p Policy) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

func (p Policy) past() time.Duration {
	if p.Past > 0 {
		return p.Past
	}
	return time.Minute
}

func (p Policy) future() time.Duration {
	if p.Future > 0 {
		return p.Future
	}
	return 10 * time.Second
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
