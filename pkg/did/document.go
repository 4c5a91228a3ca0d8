package did

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxDocument bounds a document, in bytes.
	maxDocument = 64 << 10
	// maxDID bounds a DID.
	maxDID     = 4 << 10
	maxMethods = 64
)

// Sentinels callers branch on.
var (
	ErrMalformed   = errors.New("malformed DID")
	ErrUnsupported = errors.New("DID method not supported")
	ErrNotFound    = errors.New("DID or key not found")
)

// Document is a DID document (DID Core, 5), as far as keys go.
type Document struct {
	Context            []string             `json:"@context,omitempty"`
	ID                 string               `json:"id"`
	VerificationMethod []VerificationMethod `json:"verificationMethod,omitempty"`
	Authentication     []string             `json:"authentication,omitempty"`
	AssertionMethod    []string             `json:"assertionMethod,omitempty"`
}

// VerificationMethod of type JsonWebKey.
type VerificationMethod struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Controller   string          `json:"controller"`
	PublicKeyJWK jose.JSONWebKey `json:"publicKeyJwk"`
}

// Relationship is what a key may be used for (DID Core, 5.3).
type Relationship string

// The relationships known here.
const (
	Authentication  Relationship = "authentication"
	AssertionMethod Relationship = "assertionMethod"
)

// New makes a document whose keys, named by their fragments, may authenticate
// and assert.
func New(id string, keys map[string]jose.JSONWebKey) (Document, error) {
	if _, _, err := Split(id); err != nil {
		return Document{}, err
	}
	d := Document{Context: []string{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"}, ID: id}
	for _, fragment := range sortedKeys(keys) {
		key := keys[fragment]
		if !key.Valid() || !key.IsPublic() {
			return Document{}, fmt.Errorf("%w: %s is not a public key", ErrMalformed, fragment)
		}
		name := id + "#" + fragment
		d.VerificationMethod = append(d.VerificationMethod,
			VerificationMethod{ID: name, Type: "JsonWebKey2020", Controller: id, PublicKeyJWK: key})
		d.Authentication = append(d.Authentication, name)
		d.AssertionMethod = append(d.AssertionMethod, name)
	}
	return d, nil
}

// Marshal writes the document in one way: names in order, no space (RFC 8785;
// there are texts alone), so that its digest is known to whoever knows the keys.
func (d Document) Marshal() ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("DID document: %w", err)
	}
	var value map[string]any // written with sorted names
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("DID document: %w", err)
	}
	return json.Marshal(value)
}

func sortedKeys(keys map[string]jose.JSONWebKey) []string {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Parse reads a document that has to be about id.
func Parse(data []byte, id string) (Document, error) {
	if len(data) > maxDocument {
		return Document{}, fmt.Errorf("%w: document longer than %d bytes", ErrMalformed, maxDocument)
	}
	var raw struct {
		ID                 string            `json:"id"`
		VerificationMethod []rawMethod       `json:"verificationMethod"`
		Authentication     []json.RawMessage `json:"authentication"`
		AssertionMethod    []json.RawMessage `json:"assertionMethod"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Document{}, fmt.Errorf("%w: document: %w", ErrMalformed, err)
	}
	if raw.ID != id {
		return Document{}, fmt.Errorf("%w: document about another DID", ErrMalformed)
	}
	if len(raw.VerificationMethod)+len(raw.Authentication)+len(raw.AssertionMethod) > maxMethods {
		return Document{}, fmt.Errorf("%w: too many keys", ErrMalformed)
	}
	d := Document{ID: id}
	for _, m := range raw.VerificationMethod {
		if err := d.add(m); err != nil {
			return Document{}, err
		}
	}
	var err error
	if d.Authentication, err = d.relations(raw.Authentication); err != nil {
		return Document{}, err
	}
	d.AssertionMethod, err = d.relations(raw.AssertionMethod)
	return d, err
}

type rawMethod struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	Controller   string          `json:"controller"`
	PublicKeyJWK json.RawMessage `json:"publicKeyJwk"`
}

// add skips methods that hold no JWK: others' key formats are not ours to
// judge, and a key that is not here cannot be found.
func (d *Document) add(m rawMethod) error {
	if m.PublicKeyJWK == nil {
		return nil
	}
	key, err := publicJWK(m.PublicKeyJWK)
	if err != nil {
		return err
	}
	d.VerificationMethod = append(d.VerificationMethod,
		VerificationMethod{ID: absolute(d.ID, m.ID), Type: m.Type, Controller: m.Controller, PublicKeyJWK: key})
	return nil
}

// relations are references or embedded methods (DID Core, 5.3).
func (d *Document) relations(raw []json.RawMessage) ([]string, error) {
	var names []string
	for _, entry := range raw {
		var name string
		if err := json.Unmarshal(entry, &name); err == nil {
			names = append(names, absolute(d.ID, name))
			continue
		}
		var m rawMethod
		if err := json.Unmarshal(entry, &m); err != nil {
			return nil, fmt.Errorf("%w: document: %w", ErrMalformed, err)
		}
		if err := d.add(m); err != nil {
			return nil, err
		}
		names = append(names, absolute(d.ID, m.ID))
	}
	return names, nil
}

func absolute(id, name string) string {
	if strings.HasPrefix(name, "#") {
		return id + name
	}
	return name
}

// Key is the key of that DID URL, if the document lists it for the use.
func (d Document) Key(url string, use Relationship) (jose.JSONWebKey, error) {
	listed := d.Authentication
	if use == AssertionMethod {
		listed = d.AssertionMethod
	}
	if !slices.Contains(listed, url) {
		return jose.JSONWebKey{}, fmt.Errorf("%w: no such key for %s", ErrNotFound, use)
	}
	for _, m := range d.VerificationMethod {
		if m.ID == url && m.Controller == d.ID {
			return m.PublicKeyJWK, nil
		}
	}
	return jose.JSONWebKey{}, fmt.Errorf("%w: no such key", ErrNotFound)
}

// Split a DID, without path, query and fragment, into method and identifier.
func Split(id string) (method, specific string, err error) {
	rest, ok := strings.CutPrefix(id, "did:")
	method, specific, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || method == "" || specific == "" || len(id) > maxDID || strings.ContainsAny(specific, "/?#") {
		return "", "", fmt.Errorf("%w: not of the form did:method:identifier", ErrMalformed)
	}
	return method, specific, nil
}

func publicJWK(data []byte) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(data); err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("%w: key: %w", ErrMalformed, err)
	}
	if !key.Valid() || !key.IsPublic() {
		return jose.JSONWebKey{}, fmt.Errorf("%w: not a public key", ErrMalformed)
	}
	return jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use}, nil
}
