package issuance

import (
	"context"
	"errors"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
)

// What a request was looked at for may be over when its credentials are made: whoever
// sends it slowly chooses how much later that is. Who ends a token, as for a lost
// phone, or has the register read anew, revokes the credentials that there are by
// then; those that came after are revoked here, and not handed out.

// errRegister says that the register changed; it is nobody's fault who asks.
type errRegister struct{}

func (errRegister) Error() string     { return "the register changed while the credential was made" }
func (errRegister) Unavailable() bool { return true }

// still asks that the token stands and that the register says what it said, once
// the credentials are durable.
func (h *Handler) still(ctx context.Context, token oauth.Token, o credential.Order, issued []credential.Issued) error {
	err, reason := h.Server.Standing(ctx, token), credential.ReasonError
	if err == nil {
		var now string
		if now, err = h.basis(ctx, o.Citizen); err == nil && now != "" && now != o.Basis {
			err, reason = errRegister{}, credential.ReasonData
		}
	}
	if !errors.Is(err, oauth.ErrGone) && !errors.Is(err, errRegister{}) {
		return err
	}
	for _, c := range issued {
		err = errors.Join(err, h.Issuer.RevokeFor(ctx, c.ID, reason))
	}
	return err
}
