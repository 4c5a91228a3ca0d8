package statuslist

import (
	"crypto"
	"fmt"
	"math"
	"time"
)

const (
	// skew is how far in the future the iat of a token may lie.
	skew = time.Minute
	// maxChain bounds the certificates of a token; which of them count is asked
	// of Trust.
	maxChain = 8
	// lastTime is the end of the year 9999.
	lastTime = 253402300799
)

// Token is what a Status List Token says (draft, 5.1, 5.2).
type Token struct {
	URI      string // sub
	IssuedAt time.Time
	Expires  time.Time     // zero: none
	TTL      time.Duration // zero: none
	List     *List
	// Aggregation is where the issuer's lists are listed (draft, 9.2); none
	// when empty.
	Aggregation string
}

// Key signs a Status List Token. The signer holds a P-256 key.
type Key struct {
	Signer crypto.Signer
	KeyID  string
	X5C    [][]byte // DER, leaf first, without the trust anchor
}

// Trust decides whether the holder of a certificate chain (DER, leaf first)
// may speak about the status asked for, and returns its key. It is asked at
// every look-up, also when the list is in the cache.
type Trust func(chain [][]byte) (crypto.PublicKey, error)

// signed is a token whose signature was verified, and by whom it is.
type signed struct {
	token Token
	text  string // the token itself, where it is a JWT
	chain [][]byte
	key   crypto.PublicKey
}

// claims are those of a token, in whichever form.
type claims struct {
	subject            string
	iat, exp, nbf, ttl *float64
	aggregation        string
	list               func() (*List, error)
}

// moment asks how a token stands: now, or, for a historical one, at the time it
// was asked for (draft, 8.4).
type moment struct {
	now time.Time
	at  time.Time // zero: now
}

// read checks the claims in the order of draft, 8.3, and the list last, since
// it costs the most.
func (c claims) read(uri string, m moment) (Token, error) {
	for _, t := range []struct {
		name  string
		value *float64
	}{{"iat", c.iat}, {"exp", c.exp}, {"nbf", c.nbf}} {
		if t.value != nil && !(*t.value >= 0 && *t.value <= lastTime) {
			return Token{}, fmt.Errorf("%w: %s is no time", ErrMalformed, t.name)
		}
	}
	switch {
	case c.subject != uri:
		return Token{}, fmt.Errorf("%w: sub is another list", ErrMalformed)
	case c.iat == nil:
		return Token{}, fmt.Errorf("%w: no iat", ErrMalformed)
	case instant(c.iat).After(m.now.Add(skew)):
		return Token{}, fmt.Errorf("%w: issued in the future", ErrMalformed)
	case c.nbf != nil && instant(c.nbf).After(m.now.Add(skew)):
		return Token{}, fmt.Errorf("%w: not valid yet", ErrMalformed)
	case c.ttl != nil && !(*c.ttl > 0 && *c.ttl <= math.MaxInt32):
		return Token{}, fmt.Errorf("%w: ttl", ErrMalformed)
	}
	t := Token{URI: c.subject, IssuedAt: instant(c.iat), Aggregation: c.aggregation}
	if c.exp != nil {
		t.Expires = instant(c.exp)
	}
	if c.ttl != nil {
		t.TTL = time.Duration(*c.ttl * float64(time.Second))
	}
	if err := t.standsAt(m); err != nil {
		return Token{}, err
	}
	var err error
	t.List, err = c.list()
	return t, err
}

// standsAt refuses a token that expired, or that does not speak of the time that
// was asked for: a static host ignores the query (draft, 8.4).
func (t Token) standsAt(m moment) error {
	switch {
	case m.at.IsZero() && !t.Expires.IsZero() && !m.now.Before(t.Expires):
		return ErrExpired
	case m.at.IsZero():
		return nil
	case t.Expires.IsZero() || m.at.Before(t.IssuedAt) || !m.at.Before(t.Expires):
		return fmt.Errorf("%w: another time is answered", ErrNoHistory)
	}
	return nil
}

func instant(seconds *float64) time.Time {
	whole, part := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}

// trusted asks trust for the key of a chain.
func trusted(trust Trust, chain [][]byte) (crypto.PublicKey, error) {
	if len(chain) > maxChain {
		return nil, fmt.Errorf("%w: %d certificates", ErrMalformed, len(chain))
	}
	if trust == nil {
		return nil, fmt.Errorf("%w: nobody is", ErrUntrusted)
	}
	key, err := trust(chain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return key, nil
}

// verify reads a token in the form that its media type names.
func verify(body []byte, media, uri string, m moment, trust Trust) (signed, error) {
	switch {
	case len(body) > MaxToken:
		return signed{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxToken)
	case media == MediaTypeCWT:
		return verifyCWT(body, uri, m, trust)
	}
	return verifyJWT(string(body), uri, m, trust)
}

// Verify reads a Status List Token in JWT form fetched from uri: signature by a
// key that trust vouches for, type, subject, times and list (draft, 8.3).
func Verify(jwt, uri string, now time.Time, trust Trust) (Token, error) {
	s, err := verify([]byte(jwt), MediaType, uri, moment{now: now}, trust)
	return s.token, err
}

// VerifyCWT is Verify for the CWT form.
func VerifyCWT(cwt []byte, uri string, now time.Time, trust Trust) (Token, error) {
	s, err := verify(cwt, MediaTypeCWT, uri, moment{now: now}, trust)
	return s.token, err
}
