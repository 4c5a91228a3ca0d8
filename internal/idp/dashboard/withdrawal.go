package dashboard

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// withdrawOptions asks a passkey to sign a withdrawal. It is beside the button that
// needs the session alone, for who wants the provider to need nobody's word.
func (h *Handler) withdrawOptions(w http.ResponseWriter, r *http.Request, s account.Session) error {
	v, err := h.one(r, s)
	if err != nil {
		return err
	}
	if !v.Withdrawable {
		return errOver
	}
	challenge, err := h.Ledger.WithdrawalToSign(r.Context(), v.Grant, s.Citizen)
	if err != nil {
		return fmt.Errorf("withdrawal to sign: %w", err)
	}
	return options(w)(h.Accounts.AssertionOptions(r.Context(), s.Citizen, challenge))
}

func (h *Handler) withdrawFinish(w http.ResponseWriter, r *http.Request, s account.Session) error {
	credential, err := credentialIn(w, r)
	if err != nil {
		return err
	}
	signed, err := account.Assertion(credential)
	if err != nil {
		return err
	}
	id := consent.GrantID(r.PathValue("id"))
	_, err = h.Ledger.WithdrawSigned(r.Context(), id, s.Citizen, signed)
	_, bent := errors.AsType[*approval.CheckError](err)
	_, foreign := errors.AsType[*consent.CheckError](err)
	switch {
	case bent, foreign, errors.Is(err, account.ErrNotFound): // another's signature, another's passkey
		return fmt.Errorf("withdraw by passkey: %w: %v", account.ErrAssertion, err) //nolint:errorlint // what it was is for the log
	case err != nil:
		return fmt.Errorf("withdraw by passkey: %w", err)
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": "/me/consents/" + string(id) + "/withdrawal"})
	return nil
}

// withdrawal is the citizen's own signed withdrawal, to hand to the provider.
func (h *Handler) withdrawal(w http.ResponseWriter, r *http.Request, s account.Session) error {
	signed, err := h.Ledger.SignedWithdrawal(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen)
	if err != nil {
		return fmt.Errorf("signed withdrawal: %w", err)
	}
	return download(w, "mydata-withdrawal.json", consent.WithdrawalType, signed)
}
