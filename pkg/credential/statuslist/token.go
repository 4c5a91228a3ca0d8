package statuslist

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/json"
)

// skew is how far in the future the iat of a token may lie.
const skew = time.Minute

// Token is what a Status List Token says (draft, 5.1).
type Token struct {
	URI      string // sub
	IssuedAt time.Time
	Expires  time.Time     // zero: none
	TTL      time.Duration // zero: none
	List     *List
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

type claims struct {
	Subject    string `json:"sub"`
	IssuedAt   *int64 `json:"iat"`
	Expires    *int64 `json:"exp,omitempty"`
	NotBefore  *int64 `json:"nbf,omitempty"`
	TTL        *int64 `json:"ttl,omitempty"`
	StatusList struct {
		Bits int    `json:"bits"`
		List string `json:"lst"`
	} `json:"status_list"`
}

// Sign makes the JWT.
func Sign(key Key, t Token) (string, error) {
	options := (&jose.SignerOptions{}).WithType(Type)
	if len(key.X5C) > 0 {
		chain := make([]string, len(key.X5C))
		for i, der := range key.X5C {
			chain[i] = base64.StdEncoding.EncodeToString(der)
		}
		options.WithHeader("x5c", chain)
	}
	if key.KeyID != "" && len(key.X5C) == 0 { // one name for a key
		options.WithHeader("kid", key.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key.Signer)}, options)
	if err != nil {
		return "", fmt.Errorf("sign status list: %w", err)
	}
	iat := t.IssuedAt.Unix()
	c := claims{Subject: t.URI, IssuedAt: &iat}
	if !t.Expires.IsZero() {
		exp := t.Expires.Unix()
		c.Expires = &exp
	}
	if ttl := int64(t.TTL / time.Second); ttl > 0 {
		c.TTL = &ttl
	}
	c.StatusList.Bits = t.List.Bits()
	if c.StatusList.List, err = t.List.Encode(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("sign status list: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign status list: %w", err)
	}
	return jws.CompactSerialize()
}

// Verify reads a Status List Token fetched from uri: signature by a key that
// trust vouches for, type, subject, times and list (draft, 8.3).
func Verify(jwt, uri string, now time.Time, trust Trust) (Token, error) {
	token, _, _, err := verify(jwt, uri, now, trust)
	return token, err
}

func verify(jwt, uri string, now time.Time, trust Trust) (Token, [][]byte, crypto.PublicKey, error) {
	fail := func(err error) (Token, [][]byte, crypto.PublicKey, error) { return Token{}, nil, nil, err }
	if len(jwt) > MaxToken {
		return fail(fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxToken))
	}
	jws, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	chain, err := readHeader(jwt)
	if err != nil {
		return fail(err)
	}
	if trust == nil {
		return fail(fmt.Errorf("%w: nobody is", ErrUntrusted))
	}
	key, err := trust(chain)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrUntrusted, err))
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return fail(fmt.Errorf("%w: signature: %w", ErrUntrusted, err))
	}
	token, err := readClaims(payload, uri, now)
	return token, chain, key, err
}

func readHeader(jwt string) (chain [][]byte, err error) {
	head, _, _ := strings.Cut(jwt, ".")
	data, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	var header struct {
		Type string   `json:"typ"`
		X5C  []string `json:"x5c"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if header.Type != Type {
		return nil, fmt.Errorf("%w: typ is not %s", ErrMalformed, Type)
	}
	for _, c := range header.X5C {
		der, err := base64.StdEncoding.DecodeString(c)
		if err != nil {
			return nil, fmt.Errorf("%w: x5c: %w", ErrMalformed, err)
		}
		chain = append(chain, der)
	}
	return chain, nil
}

func readClaims(payload []byte, uri string, now time.Time) (Token, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Token{}, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	switch {
	case c.Subject != uri:
		return Token{}, fmt.Errorf("%w: sub is another list", ErrMalformed)
	case c.IssuedAt == nil:
		return Token{}, fmt.Errorf("%w: no iat", ErrMalformed)
	case time.Unix(*c.IssuedAt, 0).After(now.Add(skew)):
		return Token{}, fmt.Errorf("%w: issued in the future", ErrMalformed)
	case c.NotBefore != nil && time.Unix(*c.NotBefore, 0).After(now.Add(skew)):
		return Token{}, fmt.Errorf("%w: not valid yet", ErrMalformed)
	case c.Expires != nil && !now.Before(time.Unix(*c.Expires, 0)):
		return Token{}, ErrExpired
	case c.TTL != nil && (*c.TTL <= 0 || *c.TTL > 1<<31):
		return Token{}, fmt.Errorf("%w: ttl", ErrMalformed)
	}
	t := Token{URI: c.Subject, IssuedAt: time.Unix(*c.IssuedAt, 0)}
	if c.Expires != nil {
		t.Expires = time.Unix(*c.Expires, 0)
	}
	if c.TTL != nil {
		t.TTL = time.Duration(*c.TTL) * time.Second
	}
	var err error
	t.List, err = Decode(c.StatusList.Bits, c.StatusList.List)
	return t, err
}
