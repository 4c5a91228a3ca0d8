package issuance

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// interval is how many seconds a wallet should wait before it asks again.
const interval = 60

// defers says whether an operator has to allow this kind first.
func (h *Handler) defers(config string) bool {
	return h.Deferrals != nil && slices.Contains(h.Deferred, config)
}

func waiting(d credential.Deferral) openid4vci.CredentialResponse {
	return openid4vci.CredentialResponse{TransactionID: d.ID, Interval: interval}
}

// deferred answers a Deferred Credential Request (OpenID4VCI 1.0, 9).
func (h *Handler) deferred(w http.ResponseWriter, r *http.Request) {
	in, err := h.read(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	request, err := openid4vci.ParseDeferredRequest(in.body)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	seal, err := h.sealing(in, request.CredentialResponseEncryption)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	d, message, status, err := h.collected(r.Context(), h.TokenFrom(r.Context()), request.TransactionID)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	h.answer(w, r, status, message, seal)
	if status == http.StatusOK {
		// The last write: until it is done, who lost the answer may ask again, and
		// gets credentials of the same records.
		if err := h.Deferrals.Delivered(r.Context(), d.ID); err != nil {
			h.Logger.WarnContext(r.Context(), "deferred issuance delivered, and not noted", "err", err)
		}
	}
}

// collected decides what became of a deferred issuance.
func (h *Handler) collected(ctx context.Context, token oauth.Token, id string) (credential.Deferral, openid4vci.CredentialResponse, int, error) {
	refused := func(err error) (credential.Deferral, openid4vci.CredentialResponse, int, error) {
		return credential.Deferral{}, openid4vci.CredentialResponse{}, 0, err
	}
	d, err := h.Deferrals.Find(ctx, token.Citizen, token.ClientID, id)
	if errors.Is(err, credential.ErrDeferral) {
		err = openid4vci.Refuse(openid4vci.InvalidTransactionID, "transaction_id", "unknown here, or its credentials were fetched")
	}
	if err != nil {
		return refused(err)
	}
	k, known := kindOf(d.Config)
	switch {
	case !known:
		return refused(openid4vci.Refuse(openid4vci.CredentialRequestDenied, "credential_configuration_id", "no longer given"))
	case !granted(token, k) && !scoped(token, k):
		return refused(errScope)
	case d.State == credential.DeferralWaiting:
		return d, waiting(d), http.StatusAccepted, nil
	case d.State == credential.DeferralRefused:
		return refused(openid4vci.Refuse(openid4vci.CredentialRequestDenied, "decision", "the issuer refused; its page tells the person why"))
	}
	order, err := h.order(ctx, k, d.Citizen, d.Holders)
	if err != nil {
		return refused(err)
	}
	order.Device, order.Deferral = d.Device, &d
	message, err := h.issue(ctx, order, token)
	if errors.Is(err, credential.ErrDeferral) { // ended meanwhile, as for a lost phone
		err = openid4vci.Refuse(openid4vci.InvalidTransactionID, "transaction_id", "unknown here, or its credentials were fetched")
	}
	if err != nil {
		return refused(err)
	}
	return d, message, http.StatusOK, nil
}
