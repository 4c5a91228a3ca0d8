package openid4vp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MaxResponse bounds an encrypted response.
const MaxResponse = 512 << 10

// Response is what a wallet answered: a vp_token, or an error (section 8.5).
type Response struct {
	VPToken          map[string][]string `json:"vp_token,omitempty"`
	State            string              `json:"state,omitempty"`
	Error            string              `json:"error,omitempty"`
	ErrorDescription string              `json:"error_description,omitempty"`
}

// The refusals of Open.
var (
	ErrEncryption = errors.New("response encryption")
	ErrState      = errors.New("state")
	ErrShape      = errors.New("vp_token shape")
)

var contentEncryption = []jose.ContentEncryption{jose.A256GCM, jose.A128GCM}

// Open decrypts a response (section 8.3): made to this request's key, without
// compression, and with this request's state. Only who read the request could
// make one, so a verifier may take the first that opens as the answer.
func (r Request) Open(jwe string) (Response, error) {
	if len(jwe) > MaxResponse {
		return Response{}, fmt.Errorf("%w: longer than %d bytes", ErrEncryption, MaxResponse)
	}
	object, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, contentEncryption)
	if err != nil {
		return Response{}, fmt.Errorf("%w: not a compact JWE with ECDH-ES and A128GCM or A256GCM", ErrEncryption)
	}
	if _, zip := object.Header.ExtraHeaders["zip"]; zip || object.Header.KeyID != r.Key.KeyID {
		return Response{}, fmt.Errorf("%w: compressed, or not made to the key of this request", ErrEncryption)
	}
	plain, err := object.Decrypt(r.Key.Key)
	if err != nil {
		return Response{}, fmt.Errorf("%w: does not decrypt", ErrEncryption)
	}
	var answer struct {
		Response
		VPToken json.RawMessage `json:"vp_token"`
	}
	if err := decode(plain, MaxResponse, &answer); err != nil {
		return Response{}, fmt.Errorf("%w: the content is no response: %w", ErrEncryption, err)
	}
	if err := r.CheckState(answer.State); err != nil {
		return Response{}, err
	}
	response := answer.Response
	if decode(answer.VPToken, MaxResponse, &response.VPToken) != nil {
		response.VPToken = nil // Evaluate names it
	}
	return response, nil
}

// CheckState compares a state with this request's.
func (r Request) CheckState(state string) error {
	if subtle.ConstantTimeCompare([]byte(state), []byte(r.State)) != 1 {
		return fmt.Errorf("%w: is not that of the request", ErrState)
	}
	return nil
}

// shape checks the vp_token against the query (section 8.1): only known ids,
// arrays that are not empty, one presentation unless multiple were asked for.
func (q Query) shape(token map[string][]string) error {
	if len(token) == 0 {
		return fmt.Errorf("%w: must be an object of arrays of strings, not empty", ErrShape)
	}
	for id, presentations := range token {
		c, ok := q.Credential(id)
		switch {
		case !ok || !q.asks(id):
			return fmt.Errorf("%w: an entry that was not asked for", ErrShape)
		case len(presentations) == 0:
			return fmt.Errorf("%w: no presentation under %s", ErrShape, id)
		case len(presentations) > 1 && !c.Multiple:
			return fmt.Errorf("%w: %d presentations under %s, one was asked for", ErrShape, len(presentations), id)
		case len(presentations) > maxCredentials:
			return fmt.Errorf("%w: too many presentations under %s", ErrShape, id)
		}
	}
	return nil
}

// Encrypt is the wallet's end: it takes the first key it can use, with that
// key's alg, and echoes its kid (section 8.3).
func (a Authorization) Encrypt(response Response) (string, error) {
	key, err := a.encryptionKey()
	if err != nil {
		return "", err
	}
	enc := jose.A128GCM // the default where none is named (section 5.1)
	if slices.Contains(a.encValues, string(jose.A256GCM)) {
		enc = jose.A256GCM
	} else if len(a.encValues) > 0 && !slices.Contains(a.encValues, string(jose.A128GCM)) {
		return "", fmt.Errorf("%w: no content encryption in common", ErrEncryption)
	}
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEncryption, err)
	}
	response.State = a.State
	body, err := json.Marshal(response)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEncryption, err)
	}
	object, err := encrypter.Encrypt(body)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEncryption, err)
	}
	return object.CompactSerialize()
}

func (a Authorization) encryptionKey() (jose.JSONWebKey, error) {
	for _, key := range a.keys.Keys {
		public, ok := key.Key.(*ecdsa.PublicKey)
		if ok && public.Curve == elliptic.P256() && key.Algorithm == string(jose.ECDH_ES) && key.Use != "sig" {
			return key, nil
		}
	}
	return jose.JSONWebKey{}, fmt.Errorf("%w: no P-256 key for ECDH-ES in client_metadata", ErrEncryption)
}
