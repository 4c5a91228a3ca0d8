package issuance_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const foreignWallet = "https://wallet.example/app"

// attestedHub is a hub that trusts one wallet provider, and asks for attested
// keys; the wallet is registered nowhere.
func attestedHub(t *testing.T, change ...func(*wallet.Config)) (*hub, *wallettest.Provider) {
	t.Helper()
	p := wallettest.NewProvider(t, "provider.example")
	h := newHub(t, func(c *oauth.Config) {
		c.WalletProviders = []oauth.WalletProvider{{Name: "Example wallets", Roots: []*x509.Certificate{p.Authority.Certificate},
			Clients: []oauth.WalletClient{{ID: foreignWallet, Name: "Foreign wallet", RedirectURIs: []string{"http://localhost:8084/callback"}}}}}
	})
	h.Clients = h.authorization.Clients
	h.KeyAttestations = map[string]*openid4vci.KeyAttestations{credential.ConfigResidentCard: {
		Roots: []*x509.Certificate{p.Authority.Certificate}, Required: true,
		KeyStorage: []string{"iso_18045_high", "iso_18045_moderate"}, UserAuthentication: []string{"iso_18045_high"},
	}}
	c := wallet.Config{ClientID: foreignWallet, RedirectURI: "http://localhost:8084/callback", Issuers: h.roots, Development: true, Attester: p}
	for _, f := range change {
		f(&c)
	}
	h.wallet = wallet.New(c)
	return h, p
}

// A wallet of a trusted provider, which nobody registered, pushes its request,
// gets its tokens and its card by attestations alone.
//
//clause:issuer E: a wallet that nobody registered, from PAR to its card, by attestations
func TestAForeignWalletByAttestation(t *testing.T) {
	for name, change := range map[string]func(*wallet.Config){
		"it takes a proof of possession, and a jwt with a key attestation": func(*wallet.Config) {},
		"it takes the DPoP proof for the proof of possession":              func(c *wallet.Config) { c.CombinedProof = true },
		"it takes a key attestation alone":                                 func(c *wallet.Config) { c.AttestationAlone = true },
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := attestedHub(t, change)
			link, _, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantAuthorizationCode, false)
			must(t, err)
			offered, err := h.wallet.ReadOffer(t.Context(), link)
			must(t, err)
			address, _, err := h.wallet.Begin(t.Context(), offered)
			must(t, err)
			cards, err := h.wallet.Finish(t.Context(), h.browse(t, address, ""))
			if err != nil || len(cards) != 1 {
				t.Fatalf("%d cards, %v", len(cards), err)
			}
			issued, err := h.Issuer.Of(t.Context(), "kim")
			if err != nil || len(issued) != 1 || issued[0].Device != "Foreign wallet" {
				t.Errorf("%+v, %v", issued, err)
			}
		})
	}
	t.Run("it takes a pre-authorized code from an attested wallet", func(t *testing.T) {
		h, _ := attestedHub(t)
		link, tx, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
		must(t, err)
		offered, err := h.wallet.ReadOffer(t.Context(), link)
		must(t, err)
		cards, err := h.wallet.Accept(t.Context(), offered, tx)
		if err != nil || len(cards) != 1 {
			t.Fatalf("%d cards, %v", len(cards), err)
		}
	})
	t.Run("it gives nothing to the wallet of a provider that nobody trusts", func(t *testing.T) {
		h, _ := attestedHub(t, func(c *wallet.Config) { c.Attester = wallettest.NewProvider(t, "provider.example") })
		link, _, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantAuthorizationCode, false)
		must(t, err)
		offered, err := h.wallet.ReadOffer(t.Context(), link)
		must(t, err)
		_, _, err = h.wallet.Begin(t.Context(), offered)
		if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Code != "invalid_client_attestation" {
			t.Errorf("%v", err)
		}
	})
}

//clause:issuer 12.2.4: `key_attestations_required` of a configuration, off by default
func TestKeyAttestationMetadata(t *testing.T) {
	h, _ := attestedHub(t)
	types := func() map[string]openid4vci.ProofType {
		return h.Metadata().CredentialConfigurationsSupported[credential.ConfigResidentCard].ProofTypesSupported
	}
	t.Run("it says of both proof types which levels will do", func(t *testing.T) {
		for _, kind := range []string{"jwt", "attestation"} {
			text, err := json.Marshal(types()[kind])
			must(t, err)
			want := `{"proof_signing_alg_values_supported":["ES256"],"key_attestations_required":{"key_storage":["iso_18045_high","iso_18045_moderate"],"user_authentication":["iso_18045_high"]}}`
			if string(text) != want {
				t.Errorf("%s: %s", kind, text)
			}
		}
	})
	t.Run("it knows the configurations that attestations are asked for", func(t *testing.T) {
		must(t, h.CheckKeyAttestations())
		h.KeyAttestations["resident_crad"] = h.KeyAttestations[credential.ConfigResidentCard]
		if err := h.CheckKeyAttestations(); err == nil || !strings.Contains(err.Error(), "resident_crad") {
			t.Error(err)
		}
	})
	t.Run("it says nothing where no attestation is required", func(t *testing.T) {
		h.KeyAttestations = nil
		if all := types(); len(all) != 1 || all["jwt"].KeyAttestationsRequired != nil {
			t.Errorf("%+v", all)
		}
	})
}

// keyCase is one hostile key attestation.
type keyCase struct {
	name   string
	header func(map[string]any)
	claims func(map[string]any)
	bend   func(p *wallettest.Provider)
	code   string
	check  string // what error_description begins with, after the code's own check
}

func keyCases(t *testing.T, p *wallettest.Provider) []keyCase {
	set := func(name string, v any) func(map[string]any) { return func(m map[string]any) { m[name] = v } }
	drop := func(name string) func(map[string]any) { return func(m map[string]any) { delete(m, name) } }
	stranger := wallettest.NewProvider(t, "stranger.example")
	other := wallettest.Key(t)
	anchor := wallettest.Base64(p.Authority.Certificate.Raw)
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	proof := "invalid_proof"
	return []keyCase{
		{name: "it refuses alg none", header: set("alg", "none"), code: proof, check: "alg"},
		{name: "it refuses a symmetric alg", header: set("alg", "HS256"), code: proof, check: "alg"},
		{name: "it refuses another alg", header: set("alg", "ES384"), code: proof, check: "alg"},
		{name: "it refuses another typ", header: set("typ", "keyattestation+jwt"), code: proof, check: "typ"},
		{name: "it refuses no typ", header: drop("typ"), code: proof, check: "typ"},
		{name: "it refuses the typ of the proof", header: set("typ", openid4vci.ProofTyp), code: proof, check: "typ"},
		{name: "it refuses a wallet attestation's typ", header: set("typ", openid4vci.WalletAttestationTyp), code: proof, check: "typ"},
		{name: "it refuses no x5c", header: drop("x5c"), code: proof, check: "x5c"},
		{name: "it refuses an empty x5c", header: set("x5c", []string{}), code: proof, check: "x5c"},
		{name: "it refuses the anchor in x5c", header: set("x5c", append(p.X5C(), anchor)), code: proof, check: "x5c"},
		{name: "it refuses a self-signed leaf", header: set("x5c", []string{anchor}), code: proof, check: "x5c"},
		{name: "it refuses a certificate beside the path", header: set("x5c", append(p.X5C(), stranger.X5C()...)), code: proof, check: "x5c"},
		{name: "it refuses what is no certificate", header: set("x5c", []string{"AAAA"}), code: proof, check: "x5c"},
		{name: "it refuses what is no base64", header: set("x5c", []string{"!"}), code: proof, check: "x5c"},
		{name: "it refuses a long chain", header: set("x5c", []string{"AA==", "AA==", "AA==", "AA==", "AA==", "AA=="}), code: proof, check: "x5c"},
		{name: "it refuses another's chain", header: set("x5c", stranger.X5C()), code: proof, check: "trust"},
		{name: "it refuses a key in the header", header: set("jwk", wallettest.PublicJWK(t, other.Public())), code: proof, check: "key"},
		{name: "it refuses a pointer to keys", header: set("jku", "https://evil.example/jwks"), code: proof, check: "key"},
		{name: "it refuses a pointer to certificates", header: set("x5u", "https://evil.example/x5c"), code: proof, check: "key"},
		{name: "it refuses a critical extension", header: set("crit", []string{"b64"}), code: proof, check: "crit"},
		{name: "it refuses the signature of another key", bend: func(p *wallettest.Provider) { p.SignWith = other }, code: proof, check: "signature"},
		{name: "it refuses no iat", claims: drop("iat"), code: proof, check: "iat"},
		{name: "it refuses iat of the future", claims: set("iat", at(time.Hour)), code: proof, check: "iat"},
		{name: "it refuses nbf of the future", claims: set("nbf", at(time.Hour)), code: proof, check: "iat"},
		{name: "it refuses what has expired", claims: set("exp", at(-time.Second)), code: proof, check: "exp"},
		{name: "it refuses exp as text", claims: set("exp", "soon"), code: proof, check: "claims"},
		{name: "it refuses a time that is none", claims: set("exp", 1e300), code: proof, check: "claims"},
		{name: "it refuses no keys", claims: drop("attested_keys"), code: proof, check: "attested_keys"},
		{name: "it refuses an empty list of keys", claims: set("attested_keys", []any{}), code: proof, check: "attested_keys"},
		{name: "it refuses too many keys", claims: set("attested_keys", make([]any, 65)), code: proof, check: "attested_keys"},
		{name: "it refuses a private key", claims: func(m map[string]any) {
			jwk := wallettest.PublicJWK(t, other.Public())
			jwk["d"] = jwk["x"]
			m["attested_keys"] = append(m["attested_keys"].([]any), jwk)
		}, code: proof, check: "private key"},
		{name: "it refuses a key twice", claims: func(m map[string]any) {
			m["attested_keys"] = append(m["attested_keys"].([]any), m["attested_keys"].([]any)...)
		}, code: proof, check: "attested_keys"},
		{name: "it refuses a symmetric key", claims: set("attested_keys", []any{map[string]any{"kty": "oct", "k": "AAAA"}}), code: proof, check: "private key"},
		{name: "it refuses what is no key", claims: set("attested_keys", []any{"key"}), code: proof, check: "key"},
		{name: "it refuses no key_storage", claims: drop("key_storage"), code: proof, check: "key_storage"},
		{name: "it refuses an empty key_storage", claims: set("key_storage", []string{}), code: proof, check: "key_storage"},
		{name: "it refuses a lower key_storage", claims: set("key_storage", []string{"iso_18045_basic"}), code: proof, check: "key_storage"},
		{name: "it refuses no user_authentication", claims: drop("user_authentication"), code: proof, check: "user_authentication"},
		{name: "it refuses a lower user_authentication", claims: set("user_authentication", []string{"iso_18045_moderate"}), code: proof, check: "user_authentication"},
		{name: "it refuses a level in capitals", claims: set("user_authentication", []string{"ISO_18045_HIGH"}), code: proof, check: "user_authentication"},
		{name: "it refuses a status that nobody looked at", claims: set("status", map[string]any{"status_list": map[string]any{"idx": 1, "uri": "https://x.example"}}), code: proof, check: "status"},
		{name: "it refuses a certification that is no URL", claims: set("certification", "gold"), code: proof, check: "certification"},
		{name: "it refuses what is too long", claims: set("x", strings.Repeat("x", 20<<10)), code: proof, check: "jwt"},
		{name: "it refuses no nonce", claims: drop("nonce"), code: "invalid_nonce", check: "nonce"},
		{name: "it refuses a nonce of its own", claims: set("nonce", "mine"), code: "invalid_nonce", check: "nonce"},
	}
}

// Each hostile key attestation is refused by its own code, in both of its
// places, and nothing is issued.
//
//clause:issuer D.1, D.2; HAIP 1.0, 4.5.1: key attestations: typ, x5c, times, keys, levels, status
//clause:issuer F.1, F.3: a key attestation in a jwt proof, signed by an attested key, and alone; its c_nonce; the keys it attests
func TestKeyAttestationRefuses(t *testing.T) {
	h, p := attestedHub(t)
	for place, alone := range map[string]bool{"in a jwt": false, "alone": true} {
		h.wallet = wallet.New(wallet.Config{ClientID: foreignWallet, RedirectURI: "http://localhost:8084/callback",
			Issuers: h.roots, Development: true, Attester: p, AttestationAlone: alone})
		cases := keyCases(t, p)
		if !alone {
			other := wallettest.Key(t)
			cases = append(cases,
				keyCase{name: "it refuses no exp", claims: func(m map[string]any) { delete(m, "exp") }, code: "invalid_proof", check: "exp"},
				keyCase{name: "it refuses a proof by a key that is not attested", claims: func(m map[string]any) {
					m["attested_keys"] = []any{wallettest.PublicJWK(t, other.Public())}
				}, code: "invalid_proof", check: "the proof is not signed by an attested key"},
			)
		}
		for _, c := range cases {
			t.Run(place+"/"+c.name, func(t *testing.T) {
				p.KeyHeader, p.KeyClaims, p.SignWith = c.header, c.claims, nil
				if c.bend != nil {
					// The wallet is attested by the true key, its keys by another.
					c.bend(p)
					key := p.SignWith
					p.SignWith = nil
					p.KeySignWith = key
				}
				defer func() { p.KeyHeader, p.KeyClaims, p.KeySignWith = nil, nil, nil }()
				before, err := h.Issuer.Of(t.Context(), "kim")
				must(t, err)
				err = h.accept(t)
				refused, ok := errors.AsType[*wallet.Answer](err)
				if !ok || refused.Code != c.code || refused.Endpoint != "credential" || !strings.Contains(refused.Description, c.check) {
					t.Errorf("%v; want %s, %s", err, c.code, c.check)
				}
				if after, err := h.Issuer.Of(t.Context(), "kim"); err != nil || len(after) != len(before) {
					t.Errorf("%d issued, %v", len(after)-len(before), err)
				}
			})
		}
	}
	t.Run("it refuses a jwt without one", func(t *testing.T) {
		h.wallet = wallet.New(wallet.Config{ClientID: foreignWallet, Issuers: h.roots, Development: true, Attester: mute{p}})
		err := h.accept(t)
		if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Code != "invalid_proof" || !strings.Contains(refused.Description, "key attestation: missing") {
			t.Errorf("%v", err)
		}
	})
	t.Run("it takes none of the proof type attestation where none is asked for", func(t *testing.T) {
		h.wallet = wallet.New(wallet.Config{ClientID: foreignWallet, Issuers: h.roots, Development: true, Attester: p, AttestationAlone: true})
		link, tx, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
		must(t, err)
		offered, err := h.wallet.ReadOffer(t.Context(), link)
		must(t, err)
		asked := h.KeyAttestations
		h.KeyAttestations = nil
		defer func() { h.KeyAttestations = asked }()
		_, err = h.wallet.Accept(t.Context(), offered, tx)
		if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Code != "invalid_proof" || !strings.Contains(refused.Description, "proof type") {
			t.Errorf("%v", err)
		}
	})
}

// mute vouches for the wallet, and for none of its keys.
type mute struct{ *wallettest.Provider }

func (mute) AttestKeys(context.Context, []crypto.PublicKey, string) (string, error) { return "", nil }

// accept walks the short way to a card.
func (h *hub) accept(t *testing.T) error {
	t.Helper()
	link, tx, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
	must(t, err)
	offered, err := h.wallet.ReadOffer(t.Context(), link)
	must(t, err)
	_, err = h.wallet.Accept(t.Context(), offered, tx)
	return err
}
