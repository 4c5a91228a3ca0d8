package issuance

import (
	"context"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// Offer makes a credential offer for a citizen and returns its link, by
// reference, which is short enough for a QR code, with the transaction code
// that has to reach the citizen another way. grant is "authorization_code" or
// "pre-authorized_code".
func (h *Handler) Offer(ctx context.Context, citizen, config, grant string, txCode bool) (link, code string, err error) {
	o, code, err := h.makeOffer(ctx, citizen, config, grant, txCode)
	if err != nil {
		return "", "", err
	}
	return openid4vci.OfferURI(h.URL + "/credential-offer/" + o.ID), code, nil
}

// OfferByValue is Offer with the offer inside the link (4.1.2).
func (h *Handler) OfferByValue(ctx context.Context, citizen, config, grant string, txCode bool) (link, code string, err error) {
	o, code, err := h.makeOffer(ctx, citizen, config, grant, txCode)
	if err != nil {
		return "", "", err
	}
	link, err = h.message(o).URI()
	return link, code, err
}

func (h *Handler) makeOffer(ctx context.Context, citizen, config, grant string, txCode bool) (credential.Offer, string, error) {
	if _, ok := kindOf(config); !ok {
		return credential.Offer{}, "", fmt.Errorf("offer: %w: %q", credential.ErrConfig, config)
	}
	return h.Offers.Make(ctx, citizen, config, grant, txCode)
}

// message is the offer as a wallet reads it (4.1.1). There is no issuer_state:
// whoever logs in gets his own card, so there is nothing to carry.
func (h *Handler) message(o credential.Offer) openid4vci.Offer {
	m := openid4vci.Offer{CredentialIssuer: h.URL, CredentialConfigurationIDs: []string{o.Config}}
	if o.Grant == credential.GrantAuthorizationCode {
		m.Grants = &openid4vci.Grants{AuthorizationCode: &openid4vci.AuthorizationCodeGrant{}}
		return m
	}
	grant := &openid4vci.PreAuthorizedCodeGrant{PreAuthorizedCode: h.Offers.Code(o)}
	if o.TxCode != nil {
		grant.TxCode = &openid4vci.TxCode{InputMode: "numeric", Length: 6}
	}
	m.Grants = &openid4vci.Grants{PreAuthorizedCode: grant}
	return m
}

// Redeem spends a pre-authorized code: an oauth.PreAuthorized.
func (h *Handler) Redeem(ctx context.Context, code, txCode, _ string) (oauth.PreAuthorizedGrant, error) {
	o, err := h.Offers.Redeem(ctx, code, txCode)
	for _, known := range []struct{ ours, theirs error }{
		{credential.ErrOffer, oauth.ErrInvalidCode},
		{credential.ErrTxCodeExhausted, oauth.ErrInvalidCode},
		{credential.ErrTxCode, oauth.ErrTxCode},
		{credential.ErrTxCodeMissing, oauth.ErrTxCodeMissing},
		{credential.ErrTxCodeUnexpected, oauth.ErrTxCodeUnexpected},
	} {
		if errors.Is(err, known.ours) {
			return oauth.PreAuthorizedGrant{}, known.theirs
		}
	}
	if err != nil {
		return oauth.PreAuthorizedGrant{}, err
	}
	k, ok := kindOf(o.Config)
	if !ok { // it was taken out of what is given since
		return oauth.PreAuthorizedGrant{}, oauth.ErrInvalidCode
	}
	return oauth.PreAuthorizedGrant{Citizen: o.Citizen, Scopes: []string{k.scope}, Ref: o.Config}, nil
}
