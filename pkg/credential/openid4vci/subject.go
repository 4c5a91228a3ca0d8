package openid4vci

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// DetailType is the type of authorization_details by which a wallet names a
// credential (section 5.1.1). Where the issuer's metadata has
// authorization_servers, locations holds the issuer's identifier.
const DetailType = "openid_credential"

// Detail is one such element, in a request, a token response and a token.
type Detail struct {
	Type                      string   `json:"type"`
	CredentialConfigurationID string   `json:"credential_configuration_id"`
	Locations                 []string `json:"locations,omitempty"`
	// CredentialIdentifiers are in a token response and in a token alone: by them
	// the wallet asks the issuer (section 6.2).
	CredentialIdentifiers []string `json:"credential_identifiers,omitempty"`
}

// ParseDetail reads an element of an authorization request that asks for one
// credential of the issuer that locations names (section 5.1.1). A member that is
// not known makes no element invalid; claims, which say what the wallet would like
// to have of it, are looked at for their form alone, for a credential is given
// whole, each claim to be disclosed by itself.
func ParseDetail(body []byte) (Detail, error) {
	var d Detail
	var wishes struct {
		Claims *[]json.RawMessage `json:"claims"`
	}
	if err := errors.Join(decode(body, &d), decode(body, &wishes)); err != nil {
		return Detail{}, refuse(InvalidCredentialRequest, "json", "%v", err)
	}
	if wishes.Claims != nil && len(*wishes.Claims) == 0 {
		return Detail{}, refuse(InvalidCredentialRequest, "claims", "an empty list")
	}
	d.CredentialIdentifiers = nil // a response's alone
	switch {
	case d.Type != DetailType:
		return Detail{}, refuse(InvalidCredentialRequest, "type", "it is not %s", DetailType)
	case d.CredentialConfigurationID == "":
		return Detail{}, refuse(InvalidCredentialRequest, "credential_configuration_id", "missing")
	case len(d.Locations) != 1 || d.Locations[0] == "":
		return Detail{}, refuse(InvalidCredentialRequest, "locations", "name one credential issuer")
	}
	return d, nil
}

// Subject is whom an authorization server lets an issuer elsewhere issue for:
// the person's pseudonym there, and the resident identifier where the catalogue
// entitles the issuer. The wallet, whose token this is in, must not read it.
type Subject struct {
	Sub        string `json:"sub"`
	ResidentID string `json:"resident_id,omitempty"`
}

// SubjectClaim is the access token's claim that holds a sealed Subject.
const SubjectClaim = "mydata_subject"

// subjectTyp keeps other JWEs to the same key apart (RFC 8725, 3.11).
const subjectTyp = "mydata-subject+jwe"

// SealSubject encrypts a subject to the issuer's key of the catalogue.
func SealSubject(s Subject, key jose.JSONWebKey) (string, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("seal subject: %w", err)
	}
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID},
		(&jose.EncrypterOptions{}).WithType(subjectTyp))
	if err != nil {
		return "", fmt.Errorf("seal subject: %w", err)
	}
	object, err := enc.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("seal subject: %w", err)
	}
	return object.CompactSerialize()
}

// OpenSubject decrypts what SealSubject made; key is the private half, or a
// jose.OpaqueKeyDecrypter.
func OpenSubject(jwe string, key any) (Subject, error) {
	var s Subject
	if len(jwe) > MaxMessage {
		return s, refuse(InvalidCredentialRequest, "subject", "longer than %d bytes", MaxMessage)
	}
	object, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return s, refuse(InvalidCredentialRequest, "subject", "not a JWE of ECDH-ES and A256GCM")
	}
	_, zipped := object.Header.ExtraHeaders["zip"]
	if typ, _ := object.Header.ExtraHeaders[jose.HeaderType].(string); typ != subjectTyp || zipped {
		return s, refuse(InvalidCredentialRequest, "subject", "typ is not %s, or it is compressed", subjectTyp)
	}
	plain, err := object.Decrypt(key)
	if err != nil {
		return s, refuse(InvalidCredentialRequest, "subject", "not for this key")
	}
	if err := decode(plain, &s); err != nil || s.Sub == "" {
		return Subject{}, refuse(InvalidCredentialRequest, "subject", "it names nobody")
	}
	return s, nil
}
