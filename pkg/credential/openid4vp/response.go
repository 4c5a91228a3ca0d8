package openid4vp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"

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
	if r.Mode() != DirectPostJWT {
		return Response{}, fmt.Errorf("%w: this request asked for none", ErrEncryption)
	}
	plain, err := open(jwe, r.Key)
	if err != nil {
		return Response{}, fmt.Errorf("%w: %w", ErrEncryption, err)
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

// OpenForm reads the body of a POST to response_uri in either mode (sections 8.2
// and 8.3.1): each parameter once; what was asked for encrypted comes encrypted,
// save a wallet's error, which may come in plain.
func (r Request) OpenForm(form url.Values) (Response, error) {
	for name, values := range form {
		if len(values) != 1 {
			return Response{}, fmt.Errorf("%w: %.40q is there twice", ErrEncryption, name)
		}
	}
	if form.Has("error") && !form.Has("response") && !form.Has("vp_token") {
		return Response{Error: form.Get("error"), ErrorDescription: form.Get("error_description"), State: form.Get("state")}, r.CheckState(form.Get("state"))
	}
	if r.Mode() == DirectPostJWT {
		return r.Open(form.Get("response"))
	}
	if form.Has("response") {
		return Response{}, fmt.Errorf("%w: this request asked for none", ErrEncryption)
	}
	if err := r.CheckState(form.Get("state")); err != nil {
		return Response{}, err
	}
	var response Response
	if decode([]byte(form.Get("vp_token")), MaxResponse, &response.VPToken) != nil {
		response.VPToken = nil // Evaluate names it
	}
	return response, nil
}

// open decrypts a compact JWE made to one key by its kid, with ECDH-ES and GCM;
// whatever says zip is not looked into.
func open(jwe string, key jose.JSONWebKey) ([]byte, error) {
	if len(jwe) > MaxResponse {
		return nil, fmt.Errorf("longer than %d bytes", MaxResponse)
	}
	object, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, contentEncryption)
	if err != nil {
		return nil, errors.New("not a compact JWE with ECDH-ES and A128GCM or A256GCM")
	}
	if _, zip := object.Header.ExtraHeaders["zip"]; zip || object.Header.KeyID != key.KeyID {
		return nil, errors.New("compressed, or not made to the key of this request")
	}
	plain, err := object.Decrypt(key.Key)
	if err != nil {
		return nil, errors.New("does not decrypt")
	}
	return plain, nil
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

// Answer is the wallet's end: the form to post, in the mode that was asked for.
func (a Authorization) Answer(response Response) (url.Values, error) {
	if a.Mode == DirectPostJWT {
		jwe, err := a.Encrypt(response)
		return url.Values{"response": {jwe}}, err
	}
	form := url.Values{}
	if a.State != "" {
		form.Set("state", a.State)
	}
	if response.Error != "" {
		form.Set("error", response.Error)
		if response.ErrorDescription != "" {
			form.Set("error_description", response.ErrorDescription)
		}
		return form, nil
	}
	token, err := json.Marshal(response.VPToken)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShape, err)
	}
	form.Set("vp_token", string(token))
	return form, nil
}

// Encrypt takes the first key it can use, with that key's alg, and echoes its
// kid (section 8.3).
func (a Authorization) Encrypt(response Response) (string, error) {
	key, err := a.encryptionKey()
	if err != nil {
		return "", err
	}
	enc, err := choose(a.encValues)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrEncryption, err)
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
	for _, key := range a.keys {
		if ecdhES(key) {
			return key, nil
		}
	}
	return jose.JSONWebKey{}, fmt.Errorf("%w: no P-256 key for ECDH-ES in client_metadata", ErrEncryption)
}
