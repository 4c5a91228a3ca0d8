package issuance

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/did"
)

// batchSize is how many copies a wallet may ask for at once.
const batchSize = 10

// credential answers a Credential Request (OpenID4VCI 1.0, 8).
func (h *Handler) credential(w http.ResponseWriter, r *http.Request) {
	message, status, seal, err := h.requested(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	h.answer(w, r, status, message, seal)
}

// requested does what a Credential Request asks, in the order in which it is
// refused: who may ask for it, the proofs, the person.
func (h *Handler) requested(r *http.Request) (message openid4vci.CredentialResponse, status int, seal *openid4vci.Encryption, err error) {
	in, err := h.read(r)
	if err != nil {
		return message, 0, nil, err
	}
	request, err := openid4vci.ParseSealableRequest(in.body)
	if err != nil {
		return message, 0, nil, err
	}
	if seal, err = h.sealing(in, request.CredentialResponseEncryption); err != nil {
		return message, 0, nil, err
	}
	token := h.TokenFrom(r.Context())
	k, err := h.permitted(request, token)
	if err != nil {
		return message, 0, nil, err
	}
	keys, err := openid4vci.VerifyProofs(r.Context(), request.Proofs, openid4vci.ProofPolicy{
		Issuer: h.URL, ClientID: token.ClientID, Batch: batchSize, Nonce: h.spend, KeyByID: did.Key, Now: h.Now,
		KeyAttestations: h.KeyAttestations[k.config],
	})
	if err != nil {
		return message, 0, nil, err
	}
	order, err := h.order(r.Context(), k, token.Citizen, keys)
	if err != nil {
		return message, 0, nil, err
	}
	order.Device = h.device(r.Context(), token.ClientID)
	message, status, err = h.issueOrDefer(r.Context(), order, token)
	return message, status, seal, err
}

// order for a person as the register knows him now.
func (h *Handler) order(ctx context.Context, k kind, citizen string, keys []jose.JSONWebKey) (credential.Order, error) {
	basis, err := h.basis(ctx, citizen) // before the entry is read: a change in between is found
	if err != nil {
		return credential.Order{}, err
	}
	resident, err := h.Residents.Resident(ctx, citizen)
	if errors.Is(err, account.ErrNotFound) {
		err = openid4vci.Refuse(openid4vci.CredentialRequestDenied, "resident", "this person is not in the register")
	}
	if err != nil {
		return credential.Order{}, err
	}
	return credential.Order{Citizen: citizen, Config: k.config, VCT: h.vct(k), Integrity: h.integrity(k),
		Claims: k.made(resident, h.Now()), Holders: keys, Life: k.life, Basis: basis}, nil
}

// budgetCredential is how many credentials one citizen gets.
const budgetCredential = "credential"

// charge takes n credentials from the citizen's budget before they are made, since
// each takes a place in a status list for good. back gives them back.
func (h *Handler) charge(ctx context.Context, citizen string, n int) (back func(), err error) {
	if h.Limits == nil {
		return func() {}, nil
	}
	taken := 0
	back = func() {
		for range taken {
			h.Limits.Return(ctx, budgetCredential, citizen)
		}
	}
	for ; taken < n; taken++ {
		if err := h.Limits.Take(ctx, budgetCredential, citizen); err != nil {
			back()
			return nil, err
		}
	}
	return back, nil
}

// issueOrDefer gives the copies, or a transaction_id where an operator has to
// allow this kind first.
func (h *Handler) issueOrDefer(ctx context.Context, o credential.Order, token oauth.Token) (openid4vci.CredentialResponse, int, error) {
	if h.defers(o.Config) { // what waits was paid for
		if d, err := h.Deferrals.Again(ctx, o, token.ClientID); !errors.Is(err, credential.ErrUnknown) {
			return waiting(d), http.StatusAccepted, err
		}
	}
	back, err := h.charge(ctx, o.Citizen, len(o.Holders))
	if err != nil {
		return openid4vci.CredentialResponse{}, 0, err
	}
	if h.defers(o.Config) {
		d, err := h.Deferrals.Begin(ctx, o, token.ClientID)
		if err != nil {
			back()
			return openid4vci.CredentialResponse{}, 0, err
		}
		return waiting(d), http.StatusAccepted, nil
	}
	message, err := h.issue(ctx, o, token)
	if err != nil {
		back()
	}
	return message, http.StatusOK, err
}

func (h *Handler) issue(ctx context.Context, o credential.Order, token oauth.Token) (openid4vci.CredentialResponse, error) {
	tokens, issued, err := h.Issuer.IssueBatch(ctx, o)
	if err == nil {
		err = h.still(ctx, token, o, issued)
	}
	if err != nil {
		return openid4vci.CredentialResponse{}, err
	}
	message := openid4vci.CredentialResponse{NotificationID: issued[0].Batch()}
	for _, text := range tokens {
		message.Credentials = append(message.Credentials, openid4vci.IssuedCredential{Credential: text})
	}
	return message, nil
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
	return cmp.Or(credential.DeviceOf(c.Name), client)
}

func (h *Handler) spend(ctx context.Context, nonce string) error {
	err := h.Nonces.Spend(ctx, nonce)
	if errors.Is(err, credential.ErrNonce) {
		return openid4vci.ErrNonce
	}
	return err
}

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
		err = openid4vci.Refuse(openid4vci.InvalidNotificationID, "notification_id", "no such notification_id")
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	noStore(w)
	w.WriteHeader(http.StatusNoContent)
}

// permitted tells which kind is asked for, and whether the access token is good for
// it. Where the token response named credential identifiers, these alone name it
// (8.2).
func (h *Handler) permitted(request openid4vci.CredentialRequest, token oauth.Token) (kind, error) {
	if token.Citizen == "" {
		return kind{}, errScope
	}
	if request.CredentialIdentifier != "" {
		return identified(request.CredentialIdentifier, token)
	}
	k, known := kindOf(request.CredentialConfigurationID)
	switch {
	case !known:
		return kind{}, openid4vci.Refuse(openid4vci.UnknownCredentialConfiguration, "credential_configuration_id", "not offered by this issuer")
	case granted(token, k):
		return kind{}, openid4vci.Refuse(openid4vci.InvalidCredentialRequest, "credential_configuration_id",
			"the token response named credential_identifiers: use one of them")
	case !scoped(token, k):
		return kind{}, errScope
	}
	return k, nil
}
