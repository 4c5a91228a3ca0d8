package admin

import (
	"context"
	"net/http"

	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Erasure is the office that erases persons; see erasure.Office.
type Erasure interface {
	Erase(ctx context.Context, o approval.Case) (erasure.Erased, error)
	Hold(ctx context.Context, resident, reason string) error
	Lift(ctx context.Context, resident string) error
	Missing(ctx context.Context) ([]string, error)
	Settle(ctx context.Context, missing, by string) error
}

// erase carries out two officers' order. The trail keeps the order's digest, not
// whom it was about.
func (h *Handler) erase(w http.ResponseWriter, r *http.Request) (any, error) {
	var in approval.Case
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	var out erasure.Erased
	target := trail.Target{Kind: trail.Erasure, ID: approval.Erasure.Name(in)}
	return &out, h.do(r, "erase", target, func() (_ trail.Target, err error) {
		out, err = h.Erasure.Erase(r.Context(), in)
		return target, err
	})
}

// HoldRequest keeps everything of a resident, or, with Lift, no longer.
type HoldRequest struct {
	Resident string `json:"resident"`
	Reason   string `json:"reason,omitempty"`
	Lift     bool   `json:"lift,omitempty"`
}

func (h *Handler) hold(w http.ResponseWriter, r *http.Request) (any, error) {
	var in HoldRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	target := trail.Target{Kind: trail.Resident, ID: in.Resident}
	what, act := "hold", func() (trail.Target, error) { return target, h.Erasure.Hold(r.Context(), in.Resident, in.Reason) }
	if in.Lift {
		what, act = "lift", func() (trail.Target, error) { return target, h.Erasure.Lift(r.Context(), in.Resident) }
	}
	return map[string]bool{"held": !in.Lift}, h.do(r, what, target, act)
}

// Erase sends an order that two officers signed.
func (c *Client) Erase(ctx context.Context, o approval.Case) (erasure.Erased, error) {
	var out erasure.Erased
	return out, c.call(ctx, http.MethodPost, "/erase", o, &out)
}

// Hold sets or lifts a legal hold.
func (c *Client) Hold(ctx context.Context, in HoldRequest) error {
	var out map[string]bool
	return c.call(ctx, http.MethodPost, "/hold", in, &out)
}

// missingErasures lists the orders that a restore undid; reading is no act.
func (h *Handler) missingErasures(_ http.ResponseWriter, r *http.Request) (any, error) {
	missing, err := h.Erasure.Missing(r.Context())
	return map[string][]string{"missing": missing}, err
}

// SettleRequest names a missing order, and the one that was carried out for the
// same person since the restore.
type SettleRequest struct {
	Order string `json:"order"`
	By    string `json:"by"`
}

func (h *Handler) settle(w http.ResponseWriter, r *http.Request) (any, error) {
	var in SettleRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	target := trail.Target{Kind: trail.Erasure, ID: in.By} // the missing one names nobody who is known here
	return struct{}{}, h.do(r, "settle", target, func() (trail.Target, error) {
		return target, h.Erasure.Settle(r.Context(), in.Order, in.By)
	})
}

// MissingErasures lists the orders that a restore undid.
func (c *Client) MissingErasures(ctx context.Context) ([]string, error) {
	var out struct {
		Missing []string `json:"missing"`
	}
	err := c.call(ctx, http.MethodGet, "/erase/missing", nil, &out)
	return out.Missing, err
}

// SettleErasure takes an order off that list.
func (c *Client) SettleErasure(ctx context.Context, in SettleRequest) error {
	return c.call(ctx, http.MethodPost, "/erase/settle", in, &struct{}{})
}
