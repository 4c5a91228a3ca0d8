package consent

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"time"
)

// CallJWT is the typ by which an agency authenticates a call that has a body of
// another form than a JWS of its own: a poll for signals (RFC 8936, 3).
const CallJWT = "mydata-call+jwt"

// callLife is how old a call may be.
const callLife = time.Minute

// CallClaims says who calls what. Body is the SHA-256 of the request's body, so
// that nobody sends another one with them.
type CallClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"` // the endpoint's URL
	IssuedAt int64  `json:"iat"`
	ID       string `json:"jti"`
	Body     string `json:"body"`
}

// SignCall makes the authentication of a call.
func SignCall(c CallClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(CallJWT, c, key, chain)
}

// DigestOfBody is what CallClaims.Body says of a body.
func DigestOfBody(body []byte) string {
	sum := sha256.Sum256(body)
	return Encode(sum[:])
}

// OpenCall checks who calls an endpoint with a body, now. That a call is not
// repeated is its caller's check, by ID until the time that it answers.
func OpenCall(compact, endpoint string, body []byte, roots *x509.CertPool, now time.Time) (CallClaims, time.Time, error) {
	var c CallClaims
	if err := openAs(compact, CallJWT, "call", roots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return CallClaims{}, time.Time{}, err
	}
	at := time.Unix(c.IssuedAt, 0)
	switch {
	case c.Audience != endpoint:
		return CallClaims{}, time.Time{}, refuse("call", "aud is not this endpoint")
	case at.After(now.Add(clockSkew)) || at.Before(now.Add(-callLife)):
		return CallClaims{}, time.Time{}, refuse("call", "iat is not from now")
	case c.ID == "" || len(c.ID) > 128:
		return CallClaims{}, time.Time{}, refuse("call", "jti is missing or too long")
	case c.Body != DigestOfBody(body):
		return CallClaims{}, time.Time{}, refuse("call", "it was signed for another body")
	}
	return c, at.Add(callLife + clockSkew), nil
}
