package approval

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
)

// The checks by name, in the order of WebAuthn Level 3, 7.2.
const (
	CheckFormat      = "format"
	CheckType        = "type"
	CheckChallenge   = "challenge"
	CheckOrigin      = "origin"
	CheckCrossOrigin = "crossOrigin"
	CheckRPIDHash    = "rpIdHash"
	CheckUP          = "UP"
	CheckUV          = "UV"
	CheckSignature   = "signature"
)

// CheckError is a refusal that names the failed check.
type CheckError struct{ Check, Cause string }

func (e *CheckError) Error() string { return "approval: " + e.Check + ": " + e.Cause }

func refuse(check, format string, args ...any) error {
	return &CheckError{Check: check, Cause: fmt.Sprintf(format, args...)}
}

// RelyingParty is where a passkey may be used: its RP ID (a host name) and the
// one exact origin of the page.
type RelyingParty struct {
	ID     string `json:"id"`
	Origin string `json:"origin"`
}

// Assertion is a WebAuthn assertion as kept for evidence.
type Assertion struct {
	CredentialID      Bytes `json:"credential_id"`
	AuthenticatorData Bytes `json:"authenticator_data"`
	ClientDataJSON    Bytes `json:"client_data_json"`
	Signature         Bytes `json:"signature"`
}

// Sizes beyond which an assertion is not read at all.
const (
	maxCredentialID      = 1023 // WebAuthn Level 3, 4 "Credential ID"
	maxAuthenticatorData = 4096
	maxClientData        = 4096
	maxSignature         = 1024
)

// Challenge binds an approval to the digests of the terms, in order, and to a
// fresh nonce.
func Challenge(digests [][32]byte, nonce [32]byte) [32]byte {
	inner := sha256.New()
	for _, d := range digests {
		inner.Write(d[:])
	}
	outer := sha256.New()
	outer.Write([]byte("mydata/approval/v1\x00"))
	outer.Write(inner.Sum(nil))
	outer.Write(nonce[:])
	return [32]byte(outer.Sum(nil))
}

// Verify checks an assertion as WebAuthn Level 3, 7.2 does, with the options
// that this product always sets: user verification required, one origin, never
// inside another origin's frame. The caller has looked the key up by the
// credential id and the history.
func (rp RelyingParty) Verify(a Assertion, key jose.JSONWebKey, challenge [32]byte) error {
	if rp.ID == "" || rp.Origin == "" {
		return refuse(CheckOrigin, "no relying party is configured")
	}
	if len(a.CredentialID) == 0 || len(a.CredentialID) > maxCredentialID {
		return refuse(CheckFormat, "credential id of %d bytes", len(a.CredentialID))
	}
	if err := rp.checkClientData(a.ClientDataJSON, challenge); err != nil {
		return err
	}
	if err := rp.checkAuthenticatorData(a.AuthenticatorData); err != nil {
		return err
	}
	return checkSignature(a, key)
}

type clientData struct {
	Type        string  `json:"type"`
	Challenge   string  `json:"challenge"`
	Origin      string  `json:"origin"`
	CrossOrigin *bool   `json:"crossOrigin"`
	TopOrigin   *string `json:"topOrigin"`
}

// parseClientData reads the JSON of WebAuthn Level 3, 5.8.1. Members that it
// does not know are allowed there; a duplicate is not.
func parseClientData(raw []byte) (clientData, error) {
	var c clientData
	if len(raw) == 0 || len(raw) > maxClientData {
		return c, refuse(CheckFormat, "client data of %d bytes", len(raw))
	}
	if !utf8.Valid(raw) {
		return c, refuse(CheckFormat, "client data is not UTF-8")
	}
	if raw[0] != '{' {
		return c, refuse(CheckFormat, "client data is not a JSON object")
	}
	if err := jcs.Unmarshal(raw, &c); err != nil {
		return c, refuse(CheckFormat, "client data: %v", err)
	}
	return c, nil
}

func (rp RelyingParty) checkClientData(raw []byte, challenge [32]byte) error {
	c, err := parseClientData(raw)
	if err != nil {
		return err
	}
	if c.Type != "webauthn.get" {
		return refuse(CheckType, "%q is not webauthn.get", c.Type)
	}
	want := base64.RawURLEncoding.EncodeToString(challenge[:])
	if subtle.ConstantTimeCompare([]byte(c.Challenge), []byte(want)) != 1 {
		return refuse(CheckChallenge, "the passkey signed something else")
	}
	if c.Origin != rp.Origin {
		return refuse(CheckOrigin, "%q is not %q", c.Origin, rp.Origin)
	}
	if c.CrossOrigin != nil && *c.CrossOrigin || c.TopOrigin != nil {
		return refuse(CheckCrossOrigin, "signed inside another origin's frame")
	}
	return nil
}

// Flags of WebAuthn Level 3, 6.1.
const (
	flagUP byte = 1 << 0
	flagUV byte = 1 << 2
	flagBE byte = 1 << 3
	flagBS byte = 1 << 4
	flagAT byte = 1 << 6
	flagED byte = 1 << 7
)

type authenticatorData struct {
	RPIDHash [32]byte
	Flags    byte
}

// parseAuthenticatorData reads WebAuthn Level 3, 6.1 for an assertion: 37 bytes,
// and extension outputs only when the flag announces them. Extensions are
// signed but mean nothing here, so their CBOR is not opened.
func parseAuthenticatorData(raw []byte) (authenticatorData, error) {
	var d authenticatorData
	if len(raw) < 37 || len(raw) > maxAuthenticatorData {
		return d, refuse(CheckFormat, "authenticator data of %d bytes", len(raw))
	}
	copy(d.RPIDHash[:], raw)
	d.Flags = raw[32]
	extensions := raw[37:]
	switch {
	case d.Flags&flagAT != 0:
		return d, refuse(CheckFormat, "attested credential data in an assertion")
	case d.Flags&flagED == 0 && len(extensions) > 0:
		return d, refuse(CheckFormat, "%d unannounced bytes", len(extensions))
	case d.Flags&flagED != 0 && (len(extensions) == 0 || extensions[0]>>5 != 5):
		return d, refuse(CheckFormat, "announced extensions are not a CBOR map")
	case d.Flags&flagBS != 0 && d.Flags&flagBE == 0:
		return d, refuse(CheckFormat, "backed up but not eligible for it")
	}
	return d, nil
}

func (rp RelyingParty) checkAuthenticatorData(raw []byte) error {
	d, err := parseAuthenticatorData(raw)
	if err != nil {
		return err
	}
	want := sha256.Sum256([]byte(rp.ID))
	if !bytes.Equal(d.RPIDHash[:], want[:]) {
		return refuse(CheckRPIDHash, "not for %q", rp.ID)
	}
	if d.Flags&flagUP == 0 {
		return refuse(CheckUP, "nobody was present")
	}
	if d.Flags&flagUV == 0 {
		return refuse(CheckUV, "the user was not verified")
	}
	return nil
}

// checkSignature verifies over authenticatorData || SHA-256(clientDataJSON)
// with ES256, EdDSA or RS256, decided by the key alone.
func checkSignature(a Assertion, key jose.JSONWebKey) error {
	if len(a.Signature) == 0 || len(a.Signature) > maxSignature {
		return refuse(CheckSignature, "signature of %d bytes", len(a.Signature))
	}
	client := sha256.Sum256(a.ClientDataJSON)
	signed := append(bytes.Clone(a.AuthenticatorData), client[:]...)
	digest := sha256.Sum256(signed)
	good := false
	switch public := key.Key.(type) {
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return refuse(CheckSignature, "the key is not on P-256")
		}
		good = ecdsa.VerifyASN1(public, digest[:], a.Signature)
	case ed25519.PublicKey:
		good = len(public) == ed25519.PublicKeySize && ed25519.Verify(public, signed, a.Signature)
	case *rsa.PublicKey:
		if public.N == nil || public.N.BitLen() < 2048 {
			return refuse(CheckSignature, "the RSA key is shorter than 2048 bits")
		}
		good = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], a.Signature) == nil
	default:
		return refuse(CheckSignature, "a key of type %T cannot sign approvals", key.Key)
	}
	if !good {
		return refuse(CheckSignature, "it does not verify with the passkey's key")
	}
	return nil
}
