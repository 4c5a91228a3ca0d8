package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// presence is what one request has shown of the instance that sends it. The
// library hands a request on in pieces: what belongs to it as a whole is kept
// here, in its context.
type presence struct {
	request  *http.Request
	instance string      // thumbprint of the attested key
	proof    *dpop.Proof // the DPoP proof that served as proof of possession
}

type presenceKey struct{}

// withPresence begins one.
func withPresence(r *http.Request) *http.Request {
	p := &presence{}
	r = r.WithContext(context.WithValue(r.Context(), presenceKey{}, p))
	p.request = r
	return r
}

func presenceOf(ctx context.Context) *presence {
	p, _ := ctx.Value(presenceKey{}).(*presence)
	return p
}

// attested says that a request means to authenticate by attestation.
func attested(h http.Header) bool {
	return len(h.Values(openid4vci.AttestationHeader)) > 0 || len(h.Values(openid4vci.AttestationPoPHeader)) > 0
}

// instanceOf is the attested instance that sent the request that ctx belongs to;
// "" for a client that authenticates otherwise.
func instanceOf(ctx context.Context) string {
	if p := presenceOf(ctx); p != nil {
		return p.instance
	}
	return ""
}

// sameInstance refuses what is bound to an instance of a client to every other,
// and what is bound to none to all (attestation draft, 10.3 and 10.4).
func sameInstance(ctx context.Context, bound, what string) error {
	if instanceOf(ctx) != bound {
		return refuse("invalid_grant", what+": of another instance of this client")
	}
	return nil
}

func badAttestation(description string, cause error) *Refusal {
	return &Refusal{Code: "invalid_client_attestation", Description: description, Err: cause}
}

// attestationRefusal is draft, 7.4.
func attestationRefusal(field string, err error) *Refusal {
	var why *openid4vci.AttestationError
	if !errors.As(err, &why) {
		return internal(err)
	}
	if why.Stale {
		return &Refusal{Code: "use_fresh_attestation", Description: field + " " + why.Check + ": " + why.Cause}
	}
	return badAttestation(field+" "+why.Check+": "+why.Cause, nil)
}

// authenticateByAttestation says which client a request is from by a wallet
// provider's word for its instance (draft, 7): the word is checked first, then
// that the instance holds the key, at last that the client is one of this
// provider's. clientID is the parameter, if there was one.
func (s *Server) authenticateByAttestation(ctx context.Context, p *presence, clientID string) (registry.Client, *Refusal) {
	if len(s.WalletProviders) == 0 {
		return registry.Client{}, badAttestation("trust: no wallet provider is trusted here", nil)
	}
	words := p.request.Header.Values(openid4vci.AttestationHeader)
	if len(words) != 1 {
		return registry.Client{}, badAttestation("attestation: exactly one "+openid4vci.AttestationHeader+" is needed", nil)
	}
	a, err := openid4vci.ReadWalletAttestation(words[0], s.walletRoots(openid4vci.AttestationSubject(words[0])), s.now())
	if err != nil {
		return registry.Client{}, attestationRefusal("attestation", err)
	}
	if clientID != "" && clientID != a.Subject {
		return registry.Client{}, badAttestation("sub: is not client_id", nil)
	}
	if len(a.Status) > 0 && (s.WalletStatus == nil || s.WalletStatus(ctx, a.Status, a.Root) != nil) {
		return registry.Client{}, badAttestation("status: cannot be confirmed", nil)
	}
	client, refusal := s.client(ctx, a.Subject)
	if refusal != nil {
		return registry.Client{}, refusal
	}
	if client.AuthMethod != registry.AuthAttestation {
		return registry.Client{}, refuse("invalid_client", "attestation: this client is not registered for it")
	}
	if refusal := s.possesses(ctx, client, p, a); refusal != nil {
		return registry.Client{}, refusal
	}
	p.instance = a.JKT
	return client, nil
}

// possesses checks that the instance holds the attested key: by a proof of its
// own (draft, 7.2), or, where there is none, by the DPoP proof (7.3).
func (s *Server) possesses(ctx context.Context, c registry.Client, p *presence, a openid4vci.WalletAttestation) *Refusal {
	proofs := p.request.Header.Values(openid4vci.AttestationPoPHeader)
	switch {
	case len(proofs) > 1:
		return badAttestation("pop: exactly one "+openid4vci.AttestationPoPHeader+" is needed", nil)
	case len(proofs) == 0:
		return s.combined(c, p, a)
	}
	pop, err := openid4vci.ReadAttestationPoP(proofs[0], a, s.Issuer, s.now())
	if err != nil {
		return attestationRefusal("pop", err)
	}
	if !s.freshChallenge(pop.Challenge) {
		return refuse("use_attestation_challenge", "challenge: missing, unknown or too old; the answer brings a new one")
	}
	err = s.Store.Once(ctx, "attestation", hash("attestation", a.JKT+"\x00"+pop.ID), pop.Until)
	if errors.Is(err, ErrUsed) {
		return badAttestation("pop jti: it was used before", nil)
	}
	if err != nil {
		return internal(err)
	}
	return nil
}

// combined takes the DPoP proof for the proof of possession (draft, 5.2 and
// 7.3). It is checked whole, once; whoever needs it later finds it in presence.
func (s *Server) combined(c registry.Client, p *presence, a openid4vci.WalletAttestation) *Refusal {
	if len(p.request.Header.Values(dpop.Header)) == 0 {
		return badAttestation("pop: missing; neither "+openid4vci.AttestationPoPHeader+" nor a DPoP proof", nil)
	}
	proof, err := dpop.Check(p.request, s.clientPolicy(c, p.request.URL.EscapedPath(), a.JKT, ""))
	var why *dpop.Error
	if errors.As(err, &why) && why.Check == "jkt" {
		return badAttestation("pop: the DPoP proof is of another key than the attestation", err)
	}
	if err != nil {
		return refusalOf(err)
	}
	p.proof = &proof
	return nil
}

// prove checks the request's DPoP proof, once: one that has served to
// authenticate is not spent again.
func prove(r *http.Request, policy dpop.Policy) (dpop.Proof, error) {
	if p := presenceOf(r.Context()); p != nil && p.proof != nil {
		if policy.JKT != "" && policy.JKT != p.proof.JKT {
			return dpop.Proof{}, &Refusal{Code: "invalid_dpop_proof", Description: "key: not the key that this is bound to"}
		}
		return *p.proof, nil
	}
	return dpop.Check(r, policy)
}

// nameAttested gives the library, which wants one, the client_id that the
// attestation says; authenticate compares them, and refuses what is unreadable.
func nameAttested(r *http.Request) {
	if _, _, basic := r.BasicAuth(); basic || r.Form.Get("client_id") != "" {
		return
	}
	id := openid4vci.AttestationSubject(r.Header.Get(openid4vci.AttestationHeader))
	if id == "" {
		id = "unreadable"
	}
	r.Form.Set("client_id", id)
}

// attestationMetadata says so where wallets may authenticate by attestation:
// with a proof of its own, or with the DPoP proof (draft, 8). Introspection is for
// agencies.
func (s *Server) attestationMetadata(m *metadata) {
	if len(s.WalletProviders) == 0 {
		return
	}
	m.Challenge = s.Issuer + "/challenge"
	m.AttestationAlg, m.PoPAlg = []string{"ES256"}, []string{"ES256"}
	for _, methods := range []*[]oidc.AuthMethod{&m.TokenEndpointAuthMethodsSupported, &m.RevocationEndpointAuthMethodsSupported} {
		*methods = append(slices.Clone(*methods), oidc.AuthMethod(registry.AuthAttestation), methodCombined)
	}
}

// methodCombined is the DPoP combined mode's name as a method; a client is
// registered for attestation, and may use either.
const methodCombined = oidc.AuthMethod("attest_jwt_client_auth_dpop")
