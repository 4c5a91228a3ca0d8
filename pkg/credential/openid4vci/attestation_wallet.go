package openid4vci

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// AttestationDraft is the number of draft-ietf-oauth-attestation-based-client-auth
// that is spoken here. OpenID4VCI 1.0 pins draft-07; both are served, for they
// differ in what is compared alone: -07 wants iss in both tokens, which -11 has
// dropped, so it is not asked for, but what is there must be right; -07 knows
// nbf, which is obeyed; -07 has no combined mode.
const AttestationDraft = 11

// The names of attestation-based client authentication (draft, 4, 5.1, 6 and 8).
const (
	WalletAttestationTyp = "oauth-client-attestation+jwt"
	AttestationPoPTyp    = "oauth-client-attestation-pop+jwt"

	AttestationHeader    = "OAuth-Client-Attestation"
	AttestationPoPHeader = "OAuth-Client-Attestation-PoP"
	ChallengeHeader      = "OAuth-Client-Attestation-Challenge"
)

// maxWalletAttestation is how old an attestation may be, and how long it may
// still live: the wallet provider's word is for days, not for years.
const maxWalletAttestation = 31 * 24 * time.Hour

// WalletAttestation is a wallet provider's word for an instance of its wallet
// (OpenID4VCI 1.0, appendix E; draft, 4), with a key of that instance.
type WalletAttestation struct {
	Subject string // the client_id, shared by all instances
	Issuer  string // "" where the provider left it out
	Key     jose.JSONWebKey
	JKT     string // the key's thumbprint
	Expires time.Time
	Root    *x509.Certificate // that it led to
	Name    string            // wallet_name
	Status  json.RawMessage   // a status claim, unread
}

// ReadWalletAttestation checks an attestation (draft, 7.1): typ, algorithm,
// chain to a root, signature, claims and times. Errors are *AttestationError.
func ReadWalletAttestation(compact string, roots []*x509.Certificate, now time.Time) (WalletAttestation, error) {
	var a WalletAttestation
	open, err := openAttestation(compact, WalletAttestationTyp, roots, now)
	if err != nil {
		return a, err
	}
	var c struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Expires  *float64 `json:"exp"`
		IssuedAt *float64 `json:"iat"`
		NotFrom  *float64 `json:"nbf"`
		Cnf      struct {
			JWK json.RawMessage `json:"jwk"`
		} `json:"cnf"`
		Name   string          `json:"wallet_name"`
		Status json.RawMessage `json:"status"`
	}
	if err := decode(open.payload, &c); err != nil {
		return a, refuseAttestation("claims", "%v", err)
	}
	if c.Subject == "" || len(c.Subject) > 512 {
		return a, refuseAttestation("sub", "missing or too long")
	}
	if len(c.Cnf.JWK) == 0 {
		return a, refuseAttestation("cnf", "must hold the instance's key as jwk")
	}
	a = WalletAttestation{Subject: c.Subject, Issuer: c.Issuer, Root: open.root, Name: c.Name, Status: c.Status}
	if a.Key, err = attestedKey(c.Cnf.JWK); err != nil {
		return a, err
	}
	print, err := a.Key.Thumbprint(crypto.SHA256)
	if err != nil {
		return a, refuseAttestation("cnf", "its key has no thumbprint")
	}
	a.JKT = base64.RawURLEncoding.EncodeToString(print)
	a.Expires, err = attestationTimes(c.IssuedAt, c.NotFrom, c.Expires, maxWalletAttestation, now)
	return a, err
}

// attestationTimes checks iat, nbf and exp; iat and nbf may be missing, exp
// where longest is set may not. What has run out is stale, not wrong.
func attestationTimes(iat, nbf, exp *float64, longest time.Duration, now time.Time) (time.Time, error) {
	expires, ends, errExp := numericDate(exp)
	issued, dated, errIat := numericDate(iat)
	from, begins, errNbf := numericDate(nbf)
	for _, err := range []error{errExp, errIat, errNbf} {
		if err != nil {
			return expires, err
		}
	}
	switch {
	case !ends && longest > 0:
		return expires, refuseAttestation("exp", "missing")
	case dated && issued.Sub(now) > clockSkew, begins && from.Sub(now) > clockSkew:
		return expires, refuseAttestation("iat", "it is from the future")
	case ends && !now.Before(expires):
		return expires, &AttestationError{Check: "exp", Cause: "it has expired", Stale: true}
	case ends && longest > 0 && expires.Sub(now) > longest:
		return expires, refuseAttestation("exp", "more than %s ahead", longest)
	case dated && longest > 0 && now.Sub(issued) > longest:
		return expires, &AttestationError{Check: "iat", Cause: "it is too old", Stale: true}
	}
	return expires, nil
}

// popAge is how old a proof of possession may be.
const popAge = 5 * time.Minute

// AttestationPoP is what a proof of possession says once it is checked. Its ID
// must be spent by who asked for it, until Until.
type AttestationPoP struct {
	ID        string
	Challenge string
	Until     time.Time
}

// ReadAttestationPoP checks a Client Attestation PoP JWT (draft, 7.2) against
// the attestation that it comes with; audience is the server's identifier. The
// challenge and the jti are the server's to judge. Errors are *AttestationError.
func ReadAttestationPoP(compact string, a WalletAttestation, audience string, now time.Time) (AttestationPoP, error) {
	if _, err := attestationHeader(compact, AttestationPoPTyp); err != nil {
		return AttestationPoP{}, err
	}
	key, err := p256(a.Key)
	if err != nil {
		return AttestationPoP{}, err
	}
	payload, err := verifyES256(compact, key)
	if err != nil {
		return AttestationPoP{}, err
	}
	var c struct {
		Issuer    *string         `json:"iss"`
		Audience  json.RawMessage `json:"aud"`
		ID        string          `json:"jti"`
		IssuedAt  *float64        `json:"iat"`
		NotFrom   *float64        `json:"nbf"`
		Expires   *float64        `json:"exp"` // of drafts before -06
		Challenge string          `json:"challenge"`
	}
	if err := decode(payload, &c); err != nil {
		return AttestationPoP{}, refuseAttestation("claims", "%v", err)
	}
	var aud string
	switch {
	case json.Unmarshal(c.Audience, &aud) != nil || aud != audience || aud == "":
		return AttestationPoP{}, refuseAttestation("aud", "must be this server's identifier, one string")
	case c.Issuer != nil && *c.Issuer != a.Subject:
		return AttestationPoP{}, refuseAttestation("iss", "is not the client")
	case c.ID == "" || len(c.ID) > 256:
		return AttestationPoP{}, refuseAttestation("jti", "missing or too long")
	case c.IssuedAt == nil:
		return AttestationPoP{}, refuseAttestation("iat", "missing")
	case len(c.Challenge) > 256:
		return AttestationPoP{}, refuseAttestation("challenge", "too long")
	}
	if _, err := attestationTimes(c.IssuedAt, c.NotFrom, c.Expires, 0, now); err != nil {
		return AttestationPoP{}, wrong(err)
	}
	issued := time.Unix(int64(*c.IssuedAt), 0)
	if now.Sub(issued) > popAge {
		return AttestationPoP{}, refuseAttestation("iat", "older than %s", popAge)
	}
	return AttestationPoP{ID: c.ID, Challenge: c.Challenge, Until: issued.Add(popAge + clockSkew)}, nil
}

// wrong is a refusal that no newer attestation would mend: a proof is made for
// each request.
func wrong(err error) error {
	if e, ok := err.(*AttestationError); ok { //nolint:errorlint // made above
		return refuseAttestation(e.Check, "%s", e.Cause)
	}
	return err
}

// AttestationSubject is who an attestation says it is of, before anything of it
// is checked: to find whose roots to check it by.
func AttestationSubject(compact string) string {
	if len(compact) > maxAttestation {
		return ""
	}
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return ""
	}
	var c struct {
		Subject string `json:"sub"`
	}
	if decode(signed.UnsafePayloadWithoutVerification(), &c) != nil {
		return ""
	}
	return c.Subject
}
