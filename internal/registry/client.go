package registry

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// AuthMethod is token_endpoint_auth_method (RFC 7591, 2).
type AuthMethod string

// The methods there are.
const (
	AuthNone          AuthMethod = "none"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
	AuthSecretBasic   AuthMethod = "client_secret_basic"
	// AuthAttestation is by a wallet provider's word for the instance.
	AuthAttestation AuthMethod = "attest_jwt_client_auth"
)

// The roles a client may have beside asking for tokens.
const (
	RoleIntrospect = "introspect" // may ask about tokens (RFC 7662)
)

// Client is one registered client.
type Client struct {
	ID           string
	Agency       string            // its agency's id, or ""
	Name         map[string]string // language -> name, "" is the fallback
	URI          string
	RedirectURIs []string
	AuthMethod   AuthMethod
	JWKS         jose.JSONWebKeySet
	JWKSURI      string `json:",omitempty"` // where its keys are, instead (KeySets)
	SecretHash   string
	Scopes       []string
	GrantTypes   []string
	Roles        []string
	// DPoP: access tokens are always bound to a key.
	DPoP bool
	// PAR: authorization requests must be pushed.
	PAR bool
	// SignedRequest: pushed requests must be signed request objects.
	SignedRequest bool
	// Introspect: has RoleIntrospect.
	Introspect bool
	// Profile is the set of rules it is registered for, by name; "" is plain OpenID Connect.
	Profile Profile `json:",omitempty"`
	// DPoPNonce: its proofs must carry a nonce of the hub's (RFC 9449, 8 and 9).
	DPoPNonce bool `json:",omitempty"`
	// AuthAlg and ObjectAlg are the one algorithm of its client assertions and of its
	// request objects; "": any that its keys have.
	AuthAlg   string `json:",omitempty"`
	ObjectAlg string `json:",omitempty"`
	// IDTokenAlg is the algorithm of its id_tokens and logout tokens, RS256; "": ES256.
	IDTokenAlg string `json:",omitempty"`
	// Dynamic: it registered itself (RFC 7591).
	Dynamic bool `json:",omitempty"`
	// Registered is when it did.
	Registered time.Time `json:",omitzero"`
	// Place is where a kiosk stands: language -> place, "" is the fallback.
	Place map[string]string
	// PostLogoutRedirectURIs are where a browser may go after a logout.
	PostLogoutRedirectURIs []string
	// BackchannelLogoutURI takes logout tokens; "" where none are wanted.
	BackchannelLogoutURI string
	// IntrospectionSigned: answers about tokens are signed, whatever it accepts.
	IntrospectionSigned bool
}

// Sector is the audience of its pairwise subjects: its agency, never the host
// of a redirect URI.
func (c Client) Sector() string {
	if c.Agency != "" {
		return c.Agency
	}
	return c.ID
}

// DisplayName is its name in a language, or else any.
func (c Client) DisplayName(lang string) string {
	for _, l := range []string{lang, "", "en", "ko"} {
		if name := c.Name[l]; name != "" {
			return name
		}
	}
	return c.ID
}

// MayRedirect compares byte for byte.
func (c Client) MayRedirect(uri string) bool { return slices.Contains(c.RedirectURIs, uri) }

// MayGrant says whether the client registered a grant type.
func (c Client) MayGrant(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

// SignedBy is the algorithm of its id_tokens and logout tokens.
func (c Client) SignedBy() string { return cmp.Or(c.IDTokenAlg, es256) }

// CheckSecret compares in constant time.
func (c Client) CheckSecret(secret string) bool {
	return c.SecretHash != "" && subtle.ConstantTimeCompare([]byte(hashSecret(secret)), []byte(c.SecretHash)) == 1
}

// hashSecret needs no salt and no stretching: the secret is 32 random bytes of ours.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte("mydata/client-secret/v1\x00" + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
