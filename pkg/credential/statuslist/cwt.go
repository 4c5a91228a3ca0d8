package statuslist

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// cwtClaims by their CWT claim keys (RFC 8392, 4; draft, 5.2).
type cwtClaims struct {
	Subject    string   `cbor:"2,keyasint"`
	Expires    *float64 `cbor:"4,keyasint,omitempty"`
	NotBefore  *float64 `cbor:"5,keyasint,omitempty"`
	IssuedAt   *float64 `cbor:"6,keyasint"`
	TTL        *uint64  `cbor:"65534,keyasint,omitempty"`
	StatusList cborList `cbor:"65533,keyasint"`
}

// cborList is a StatusList (draft, 4.3).
type cborList struct {
	Bits        int    `cbor:"bits"`
	List        []byte `cbor:"lst"`
	Aggregation string `cbor:"aggregation_uri,omitempty"`
}

// cborIn reads what others wrote: no name twice, nothing of unknown length, no
// tag, nothing deep or wide. cborOut writes the one deterministic spelling.
var cborIn, cborOut = modes()

func modes() (cbor.DecMode, cbor.EncMode) {
	in, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 8, MaxArrayElements: 64, MaxMapPairs: 64, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic("statuslist: " + err.Error()) // the options above are constant
	}
	out, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("statuslist: " + err.Error())
	}
	return in, out
}

// SignCWT makes the CWT: COSE_Sign1, tagged 18, without the CWT tag. All its
// headers are protected.
func SignCWT(key Key, t Token) ([]byte, error) {
	lst, err := t.List.Compress()
	if err != nil {
		return nil, err
	}
	list := map[string]any{"bits": t.List.Bits(), "lst": lst}
	if t.Aggregation != "" {
		list["aggregation_uri"] = t.Aggregation
	}
	claims := map[int64]any{2: t.URI, 6: t.IssuedAt.Unix(), 65533: list}
	if !t.Expires.IsZero() {
		claims[4] = t.Expires.Unix()
	}
	if ttl := int64(t.TTL / time.Second); ttl > 0 {
		claims[65534] = ttl
	}
	payload, err := cborOut.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("sign status list: %w", err)
	}
	signer, err := cose.NewSigner(cose.AlgorithmES256, key.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign status list: %w", err)
	}
	head := cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256, cose.HeaderLabelType: MediaTypeCWT}
	if key.KeyID != "" && len(key.X5C) == 0 { // one name for a key
		head[cose.HeaderLabelKeyID] = []byte(key.KeyID)
	}
	switch len(key.X5C) { // RFC 9360, 2
	case 0:
	case 1:
		head[cose.HeaderLabelX5Chain] = key.X5C[0]
	default:
		head[cose.HeaderLabelX5Chain] = key.X5C
	}
	cwt, err := cose.Sign1(rand.Reader, signer, cose.Headers{Protected: head}, payload, nil)
	if err != nil {
		return nil, fmt.Errorf("sign status list: %w", err)
	}
	return cwt, nil
}

func verifyCWT(cwt []byte, uri string, m moment, trust Trust) (s signed, err error) {
	var message cose.Sign1Message
	if err := message.UnmarshalCBOR(cwt); err != nil {
		return s, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	head := message.Headers.Protected
	switch alg, err := head.Algorithm(); {
	case err != nil || alg != cose.AlgorithmES256:
		return s, fmt.Errorf("%w: alg is not ES256", ErrMalformed)
	case head[cose.HeaderLabelType] != MediaTypeCWT:
		return s, fmt.Errorf("%w: type is not %s", ErrMalformed, MediaTypeCWT)
	case head[cose.HeaderLabelCritical] != nil:
		return s, fmt.Errorf("%w: crit: nothing beyond the draft is understood", ErrMalformed)
	}
	if s.chain, err = readX5Chain(message.Headers); err != nil {
		return s, err
	}
	if s.key, err = trusted(trust, s.chain); err != nil {
		return s, err
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, s.key)
	if err == nil {
		err = message.Verify(nil, verifier)
	}
	if err != nil {
		return s, fmt.Errorf("%w: signature: %w", ErrUntrusted, err)
	}
	var c cwtClaims
	if err := cborIn.Unmarshal(message.Payload, &c); err != nil {
		return s, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	all := claims{
		subject: c.Subject, iat: c.IssuedAt, exp: c.Expires, nbf: c.NotBefore, aggregation: c.StatusList.Aggregation,
		list: func() (*List, error) { return Decompress(c.StatusList.Bits, c.StatusList.List) },
	}
	if c.TTL != nil {
		ttl := float64(*c.TTL)
		all.ttl = &ttl
	}
	s.token, err = all.read(uri, m)
	return s, err
}

// readX5Chain takes the chain from one of the two headers (RFC 9360, 2): one
// certificate, or an array of them.
func readX5Chain(h cose.Headers) ([][]byte, error) {
	raw, unprotected := h.Protected[cose.HeaderLabelX5Chain], h.Unprotected[cose.HeaderLabelX5Chain]
	if raw != nil && unprotected != nil {
		return nil, fmt.Errorf("%w: x5chain twice", ErrMalformed)
	}
	if raw == nil {
		raw = unprotected
	}
	switch chain := raw.(type) {
	case nil:
		return nil, nil
	case []byte:
		return [][]byte{chain}, nil
	case []any:
		var all [][]byte
		for _, one := range chain {
			der, ok := one.([]byte)
			if !ok {
				return nil, fmt.Errorf("%w: x5chain", ErrMalformed)
			}
			all = append(all, der)
		}
		return all, nil
	}
	return nil, fmt.Errorf("%w: x5chain", ErrMalformed)
}
