package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Deaths is the office that closes the accounts of the dead; see death.Office.
type Deaths interface {
	Report(ctx context.Context, o approval.Case) (death.Ended, error)
}

// errRegister: the register that should be read is refused; the one before is
// used on.
var errRegister = errors.New("the register is refused, the one before is used on")

// ErrRegister wraps why a register is refused.
func ErrRegister(err error) error { return errors.Join(errRegister, err) }

// RegisterUpdate is what came of reading the register anew.
type RegisterUpdate struct {
	Residents int `json:"residents"`
	Changed   int `json:"changed"` // whose entry says something else
	Revoked   int `json:"revoked"` // credentials that said what it does not any more
}

// death carries out two officers' order.
func (h *Handler) death(w http.ResponseWriter, r *http.Request) (any, error) {
	var in approval.Case
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	var out death.Ended
	target := trail.Target{Kind: trail.Resident, ID: in.Resident}
	return &out, h.do(r, "death", target, func() (_ trail.Target, err error) {
		out, err = h.Deaths.Report(r.Context(), in)
		return target, err
	})
}

// register reads the residents' register anew, from where it always is.
func (h *Handler) register(_ http.ResponseWriter, r *http.Request) (any, error) {
	var out RegisterUpdate
	return &out, h.do(r, "register", trail.Target{}, func() (_ trail.Target, err error) {
		out, err = h.Register(r.Context())
		return trail.Target{}, err
	})
}

// Death sends an order that two officers signed.
func (c *Client) Death(ctx context.Context, o approval.Case) (death.Ended, error) {
	var out death.Ended
	return out, c.call(ctx, http.MethodPost, "/death", o, &out)
}

// UpdateRegister has the service read its register anew.
func (c *Client) UpdateRegister(ctx context.Context) (RegisterUpdate, error) {
	var out RegisterUpdate
	return out, c.call(ctx, http.MethodPost, "/register", struct{}{}, &out)
}
