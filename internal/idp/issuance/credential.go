package issuance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/did"
)

// cardLife is how long a resident card is good for.
const cardLife = 365 * 24 * time.Hour

// credential answers a Credential Request (OpenID4VCI 1.0, 8).
func (h *Handler) credential(w http.ResponseWriter, r *http.Request) {
	body, err := readJSON(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	request, err := openid4vci.ParseCredentialRequest(body)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	token := h.TokenFrom(r.Context())
	if err := permitted(request, token); err != nil {
		h.refuse(w, r, err)
		return
	}
	keys, err := openid4vci.VerifyProofs(r.Context(), request.Proofs, openid4vci.ProofPolicy{
		Issuer: h.URL, ClientID: token.ClientID, Nonce: h.spend, KeyByID: did.Key, Now: h.Now,
		KeyAttestations: h.KeyAttestations[request.CredentialConfigurationID],
	})
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	basis, err := h.basis(r.Context(), token.Citizen) // before the entry is read: a change in between is found
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	resident, err := h.Residents.Resident(r.Context(), token.Citizen)
	if errors.Is(err, account.ErrNotFound) {
		err = &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "resident", Description: "this person is not in the register"}
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	compact, issued, err := h.issue(r.Context(), credential.Order{
		Citizen: token.Citizen, Config: credential.ConfigResidentCard, VCT: credential.VCTResidentCard,
		Claims: residentCard(resident, h.Now()), Holder: keys[0], Device: h.device(r.Context(), token.ClientID), Life: cardLife,
		Basis: basis,
	})
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, openid4vci.CredentialResponse{
		Credentials: []openid4vci.IssuedCredential{{Credential: compact}}, NotificationID: issued.ID,
	})
}

// budgetCredential is how many cards one citizen gets.
const budgetCredential = "credential"

// issue charges the citizen for a card before it is made, since each takes a
// place in a status list for good.
func (h *Handler) issue(ctx context.Context, o credential.Order) (string, credential.Issued, error) {
	if h.Limits == nil {
		return h.Issuer.Issue(ctx, o)
	}
	if err := h.Limits.Take(ctx, budgetCredential, o.Citizen); err != nil {
		return "", credential.Issued{}, err
	}
	compact, issued, err := h.Issuer.Issue(ctx, o)
	if err != nil {
		h.Limits.Return(ctx, budgetCredential, o.Citizen)
	}
	return compact, issued, err
}

// device is what the citizen will see as the credential's place.
func (h *Handler) device(ctx context.Context, client string) string {
	if h.Clients == nil || client == "" {
		return client
	}
	c, err := h.Clients.Client(ctx, client)
	if err != nil {
		return client
	}
	return c.DisplayName("")
}

// permitted tells whether the access token is good for what is asked. No token
// of ours carries credential identifiers (6.2), so none can be known.
func permitted(request openid4vci.CredentialRequest, token oauth.Token) error {
	switch {
	case token.Citizen == "":
		return errScope
	case request.CredentialIdentifier != "":
		return &openid4vci.Error{Code: openid4vci.UnknownCredentialIdentifier, Check: "credential_identifier",
			Description: "the token response named none: use credential_configuration_id"}
	case request.CredentialConfigurationID != credential.ConfigResidentCard:
		return &openid4vci.Error{Code: openid4vci.UnknownCredentialConfiguration, Check: "credential_configuration_id",
			Description: "not offered by this issuer"}
	case !slices.Contains(token.Scopes, credential.ScopeResidentCard):
		return errScope
	}
	return nil
}

func (h *Handler) spend(ctx context.Context, nonce string) error {
	err := h.Nonces.Spend(ctx, nonce)
	if errors.Is(err, credential.ErrNonce) {
		return openid4vci.ErrNonce
	}
	return err
}

// residentCard is what the card says. An address that the register does not
// have is left out, so that its absence is no claim.
func residentCard(r account.Resident, now time.Time) map[string]any {
	card := map[string]any{
		"name": r.NameKo, "family_name": r.FamilyName, "given_name": r.GivenName, "birthdate": r.BirthDate,
		"resident_number": r.ResidentNumber, "age_over_19": adult(r.BirthDate, now),
	}
	if r.Address != "" {
		card["address"] = map[string]any{"formatted": r.Address} // OpenID Connect Core 1.0, 5.1.1
	}
	return card
}

// adult tells whether nineteen years have passed, by the calendar of Korea.
func adult(birthdate string, now time.Time) bool {
	born, err := time.ParseInLocation(time.DateOnly, birthdate, korea)
	return err == nil && !born.AddDate(19, 0, 0).After(now.In(korea))
}

var korea = time.FixedZone("KST", 9*60*60)

// notification (OpenID4VCI 1.0, 11).
func (h *Handler) notification(w http.ResponseWriter, r *http.Request) {
	body, err := readJSON(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	n, err := openid4vci.ParseNotification(body)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	err = h.Issuer.Notified(r.Context(), h.TokenFrom(r.Context()).Citizen, n.NotificationID, n.Event)
	if errors.Is(err, credential.ErrUnknown) {
		err = &openid4vci.Error{Code: openid4vci.InvalidNotificationID, Check: "notification_id", Description: "no such notification_id"}
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	noStore(w)
	w.WriteHeader(http.StatusNoContent)
}

// readJSON reads a body that says it is JSON.
func readJSON(r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, errMedia
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, openid4vci.MaxMessage+1))
	if _, large := errors.AsType[*http.MaxBytesError](err); large || len(body) > openid4vci.MaxMessage {
		return nil, errLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	return body, nil
}
