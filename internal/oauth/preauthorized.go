package oauth

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/internal/registry"
)

// preAuthorized is the pre-authorized code grant (OpenID4VCI 1.0, 6.1), which
// the library does not know. A wallet may be anonymous.
func (s *Server) preAuthorized(w http.ResponseWriter, r *http.Request, form url.Values) {
	response, err := s.redeemPreAuthorized(r, form)
	if err != nil {
		s.writeRefusal(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, response)
}

func (s *Server) redeemPreAuthorized(r *http.Request, form url.Values) (*tokenResponse, error) {
	if s.PreAuthorized == nil {
		return nil, refuse("unsupported_grant_type", "no credentials are issued here")
	}
	ctx := r.Context()
	var client registry.Client
	if c := credentialsOf(r, form); c.basic || c.ClientID != "" || c.ClientAssertion != "" || attested(r.Header) {
		var refusal *Refusal
		if client, refusal = s.authenticate(ctx, c); refusal != nil {
			return nil, refusal
		}
		if !client.MayGrant(registry.GrantPreAuthorized) {
			return nil, refuse("unauthorized_client", "this client may not use the pre-authorized code grant")
		}
	}
	code := form.Get("pre-authorized_code")
	if code == "" {
		return nil, refuse("invalid_request", "pre-authorized_code is missing")
	}
	// What can be wrong with the request comes first: it does not cost the code.
	refs, err := s.detailsAtToken(ctx, client, s.IssuanceScopes, form)
	if err != nil {
		return nil, err
	}
	// The proof too.
	jkt, err := s.possession(r, client, "")
	if err != nil {
		return nil, err
	}
	given, err := s.spendCode(ctx, code, form.Get("tx_code"), client.ID)
	if err != nil {
		return nil, err
	}
	if _, err := s.detailsAtToken(ctx, client, given.Scopes, form); err != nil { // more than was offered
		return nil, err
	}
	g := Grant{
		ID: secret(), Client: client.ID, Citizen: given.Citizen, Scopes: given.Scopes, Ref: given.Ref, Refs: refs,
		JKT: jkt, Expires: s.now().Add(accessLife), Instance: instanceOf(ctx),
	}
	// A wallet without a registration has no sector: its subject is new each time.
	g.Subject = secret()
	if client.ID != "" {
		if g.Subject, err = s.Accounts.Pairwise(ctx, given.Citizen, client.Sector()); err != nil {
			return nil, err
		}
	}
	response, tokens, err := s.grant(ctx, client, g, g.Scopes, jkt, nil)
	if err != nil {
		return nil, err
	}
	return response, s.Store.PutGrant(ctx, g, tokens)
}

// credentialDetails is the one type that a pre-authorized code goes with
// (OpenID4VCI 1.0, 5.1.1).
const credentialDetails = "openid_credential"

// detailsAtToken reads the authorization_details of a token request with a
// pre-authorized code (OpenID4VCI 1.0, 6.1.1): what an offer was for stands in place
// of what the wallet is registered for, which may be nobody.
func (s *Server) detailsAtToken(ctx context.Context, client registry.Client, scopes []string, form url.Values) (map[string]string, error) {
	asked := form.Get("authorization_details")
	if asked == "" {
		return nil, nil
	}
	kind, _, refusal := elementsOf(stdjson.RawMessage(asked))
	if refusal != nil {
		return nil, refusal
	}
	if kind != credentialDetails {
		return nil, refuse("invalid_authorization_details", "a pre-authorized code is for credentials alone")
	}
	client.Scopes = scopes
	refs, err := s.validateDetails(ctx, client, params{Details: stdjson.RawMessage(asked)}, nil)
	if err != nil {
		return nil, err
	}
	// What is agreed to on another page was not agreed to by whoever took the offer.
	if s.stepped(refs) != nil && s.step(refs) != StepIssuance {
		return nil, refuse("invalid_authorization_details", "locations: a pre-authorized code is for the credentials of its own issuer")
	}
	return refs, nil
}

// spendCode takes a guess from the address before the codes are looked at; only
// right ones give it back.
func (s *Server) spendCode(ctx context.Context, code, txCode, client string) (PreAuthorizedGrant, error) {
	if err := s.Limits.Take(ctx, budgetTxCode, ""); err != nil {
		return PreAuthorizedGrant{}, err
	}
	given, err := s.PreAuthorized.Redeem(ctx, code, txCode, client)
	if err != nil {
		err = preAuthorizedRefusal(err)
	}
	if err == nil || refusalOf(err).ours() {
		s.Limits.Return(ctx, budgetTxCode, "")
	}
	return given, err
}

// preAuthorizedRefusal is OpenID4VCI 1.0, 6.3.
func preAuthorizedRefusal(err error) error {
	switch {
	case errors.Is(err, ErrInvalidCode):
		return refuse("invalid_grant", "pre-authorized_code: unknown, used or expired")
	case errors.Is(err, ErrTxCode):
		return refuse("invalid_grant", "tx_code: wrong")
	case errors.Is(err, ErrTxCodeMissing):
		return refuse("invalid_request", "tx_code: missing")
	case errors.Is(err, ErrTxCodeUnexpected):
		return refuse("invalid_request", "tx_code: not expected")
	}
	return err
}
