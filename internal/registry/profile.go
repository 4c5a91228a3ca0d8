package registry

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// Profile is the set of rules that a client is registered for.
type Profile string

// The profiles there are.
const (
	ProfilePlain Profile = ""      // OpenID Connect Core 1.0
	ProfileFAPI2 Profile = "fapi2" // FAPI 2.0 Security Profile Final
	ProfileHAIP  Profile = "haip"  // OpenID4VC HAIP 1.0 Final, on FAPI 2.0
)

// The signature algorithms that clients may use.
const (
	es256 = string(jose.ES256)
	ps256 = string(jose.PS256)
	eddsa = string(jose.EdDSA)
	rs256 = string(jose.RS256)
)

// The lengths of RSA keys: at least that of FAPI 2.0, 5.4.1, and none that takes long
// to check.
const (
	minRSA = 2048
	maxRSA = 4096
)

// High says that FAPI 2.0 binds this client.
func (c Client) High() bool { return c.Profile == ProfileFAPI2 || c.Profile == ProfileHAIP }

// Strict is the client as its profile wants it, whatever its row says: a high
// profile has its requests pushed and its tokens bound. ok is false for a profile
// or an authentication that does not exist, which nothing may be given to.
func (c Client) Strict() (_ Client, ok bool) {
	switch c.Profile {
	case ProfilePlain:
	case ProfileFAPI2, ProfileHAIP:
		if !c.Profile.authenticates(c.AuthMethod) {
			return Client{}, false
		}
		c.PAR, c.DPoP, c.IDTokenAlg = true, true, ""
	default:
		return Client{}, false
	}
	if c.Dynamic { // who registered itself is nobody's agency
		c.Agency, c.Roles, c.Introspect = "", nil, false
	}
	return c, true
}

// authenticates says whether clients of the profile may authenticate so (FAPI 2.0,
// 5.3.2.1: private_key_jwt; the other, mutual TLS, is not done here).
func (p Profile) authenticates(m AuthMethod) bool {
	return m == AuthPrivateKeyJWT || p == ProfileHAIP && m == AuthAttestation
}

// Algorithms are those by which a registered key may sign for this client; none for
// a key that may not sign. chosen is the one algorithm the client registered for the
// purpose, or "". RS256 has to be asked for, by the key's alg or for the purpose, and
// is refused to high profiles (FAPI 2.0, 5.4.1).
func (c Client) Algorithms(key jose.JSONWebKey, chosen string) []jose.SignatureAlgorithm {
	var can []string
	switch k := key.Key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			can = []string{es256}
		}
	case ed25519.PublicKey:
		can = []string{eddsa}
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n >= minRSA && n <= maxRSA {
			can = []string{ps256, rs256}
		}
	}
	var out []jose.SignatureAlgorithm
	for _, alg := range can {
		asked := key.Algorithm == alg || chosen == alg
		switch {
		case key.Algorithm != "" && key.Algorithm != alg, chosen != "" && chosen != alg:
		case alg == rs256 && (c.High() || !asked):
		default:
			out = append(out, jose.SignatureAlgorithm(alg))
		}
	}
	return out
}

// stated is what a registration says in so many words, beside what it leaves out.
type stated struct {
	DPoP *bool `json:"dpop_bound_access_tokens"`
	PAR  *bool `json:"require_pushed_authorization_requests"`
}

// profiled holds the metadata to its profile: what the profile implies need not be
// said, and what contradicts it is refused by the member's name.
func (m *metadata) profiled(data []byte) error {
	switch m.Profile {
	case ProfilePlain:
		return nil
	case ProfileFAPI2, ProfileHAIP:
	default:
		return bad("profile", "%.40q is not one of fapi2, haip", m.Profile)
	}
	var s stated
	if err := json.Unmarshal(data, &s); err != nil {
		return bad("metadata", "not the JSON of RFC 7591: %v", err)
	}
	switch {
	case !m.Profile.authenticates(m.AuthMethod):
		return bad("token_endpoint_auth_method", "profile %s wants a confidential client that authenticates by private_key_jwt, not %q (FAPI 2.0, 5.3.2.1)", m.Profile, m.AuthMethod)
	case s.PAR != nil && !*s.PAR:
		return bad("require_pushed_authorization_requests", "false contradicts profile %s (FAPI 2.0, 5.3.2.2)", m.Profile)
	case s.DPoP != nil && !*s.DPoP:
		return bad("dpop_bound_access_tokens", "false contradicts profile %s (FAPI 2.0, 5.3.2.1)", m.Profile)
	}
	m.PAR, m.DPoP = true, true
	return nil
}

// checkAlgorithms refuses algorithms that are not there or not for this profile.
func (m *metadata) checkAlgorithms() error {
	for field, alg := range map[string]string{
		"token_endpoint_auth_signing_alg": m.AuthAlg, "request_object_signing_alg": m.ObjectAlg,
	} {
		switch {
		case alg == "":
		case alg == rs256 && m.Profile != ProfilePlain:
			return bad(field, "RS256 contradicts profile %s (FAPI 2.0, 5.4.1)", m.Profile)
		case alg == rs256 && field == "request_object_signing_alg":
			return bad(field, "RS256 is for client assertions alone")
		case !slices.Contains([]string{es256, ps256, eddsa, rs256}, alg):
			return bad(field, "%.40q is not one of ES256, PS256, EdDSA, RS256", alg)
		}
	}
	if alg := m.idle(); alg != "" {
		return bad(alg, "none of the keys in jwks can sign so")
	}
	return m.checkIDToken()
}

// plain says whether neither FAPI 2.0 nor HAIP 1.0 binds the client: HAIP 1.0, 4
// binds whoever authenticates by attestation.
func (m *metadata) plain() bool {
	return m.Profile == ProfilePlain && m.AuthMethod != AuthAttestation
}

// checkIDToken: RS256, which OpenID Connect Core 1.0, 15.1 asks of every provider, is
// for plain clients alone (FAPI 2.0, 5.4.1).
func (m *metadata) checkIDToken() error {
	const field = "id_token_signed_response_alg"
	switch alg := m.IDTokenAlg; {
	case alg == es256 || alg == "":
		return nil
	case alg != rs256:
		return bad(field, "%.40q is not one of ES256, RS256", alg)
	case m.Profile != ProfilePlain:
		return bad(field, "RS256 contradicts profile %s (FAPI 2.0, 5.4.1)", m.Profile)
	case !m.plain():
		return bad(field, "RS256 contradicts %s (HAIP 1.0, 4)", AuthAttestation)
	}
	return nil
}

// idle names the member whose algorithm none of the keys has, if there is one.
func (m *metadata) idle() string {
	c := Client{Profile: m.Profile}
	for field, alg := range map[string]string{
		"token_endpoint_auth_signing_alg": m.AuthAlg, "request_object_signing_alg": m.ObjectAlg,
	} {
		if alg == "" || m.JWKS == nil {
			continue
		}
		able := func(key jose.JSONWebKey) bool { return len(c.Algorithms(key, alg)) > 0 }
		if !slices.ContainsFunc(m.JWKS.Keys, able) {
			return field
		}
	}
	return ""
}

// checkKey refuses a key by which the client could never sign.
func (m *metadata) checkKey(i int, key jose.JSONWebKey) error {
	c := Client{Profile: m.Profile}
	switch {
	case !key.Valid() || !key.IsPublic():
		return bad("jwks", "key %d is no public key", i)
	case key.Use != "" && key.Use != "sig":
		return bad("jwks", "key %d is not for signatures", i)
	case key.Algorithm == rs256 && m.Profile != ProfilePlain:
		return bad("jwks", "key %d is for RS256, which contradicts profile %s (FAPI 2.0, 5.4.1)", i, m.Profile)
	case len(c.Algorithms(key, "")) == 0:
		return bad("jwks", "key %d is neither on P-256 (ES256), nor Ed25519 (EdDSA), nor RSA of 2048 bits or more (PS256; RS256 where alg says so)", i)
	}
	return nil
}
