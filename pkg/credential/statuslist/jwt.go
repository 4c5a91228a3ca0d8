package statuslist

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/json"
)

type jwtClaims struct {
	Subject    string   `json:"sub"`
	IssuedAt   *float64 `json:"iat"`
	Expires    *float64 `json:"exp,omitempty"`
	NotBefore  *float64 `json:"nbf,omitempty"`
	TTL        *float64 `json:"ttl,omitempty"`
	StatusList struct {
		Bits        int    `json:"bits"`
		List        string `json:"lst"`
		Aggregation string `json:"aggregation_uri,omitempty"`
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
	// Whole seconds, so that no reader meets a fraction.
	claims := map[string]any{"sub": t.URI, "iat": t.IssuedAt.Unix()}
	if !t.Expires.IsZero() {
		claims["exp"] = t.Expires.Unix()
	}
	if ttl := int64(t.TTL / time.Second); ttl > 0 {
		claims["ttl"] = ttl
	}
	lst, err := t.List.Encode()
	if err != nil {
		return "", err
	}
	list := map[string]any{"bits": t.List.Bits(), "lst": lst}
	if t.Aggregation != "" {
		list["aggregation_uri"] = t.Aggregation
	}
	claims["status_list"] = list
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign status list: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign status list: %w", err)
	}
	return jws.CompactSerialize()
}

func verifyJWT(jwt, uri string, m moment, trust Trust) (s signed, err error) {
	jws, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if s.chain, err = readHeader(jwt); err != nil {
		return s, err
	}
	if s.key, err = trusted(trust, s.chain); err != nil {
		return s, err
	}
	payload, err := jws.Verify(s.key)
	if err != nil {
		return s, fmt.Errorf("%w: signature: %w", ErrUntrusted, err)
	}
	var c jwtClaims
	if err := json.Unmarshal(payload, &c); err != nil { // a name twice, too
		return s, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	s.text = jwt
	s.token, err = claims{
		subject: c.Subject, iat: c.IssuedAt, exp: c.Expires, nbf: c.NotBefore, ttl: c.TTL, aggregation: c.StatusList.Aggregation,
		list: func() (*List, error) { return Decode(c.StatusList.Bits, c.StatusList.List) },
	}.read(uri, m)
	return s, err
}

func readHeader(jwt string) (chain [][]byte, err error) {
	head, _, _ := strings.Cut(jwt, ".")
	data, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	var header struct {
		Type     string   `json:"typ"`
		X5C      []string `json:"x5c"`
		Critical []string `json:"crit"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if header.Type != Type {
		return nil, fmt.Errorf("%w: typ is not %s", ErrMalformed, Type)
	}
	if header.Critical != nil {
		return nil, fmt.Errorf("%w: crit: nothing beyond the draft is understood", ErrMalformed)
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
