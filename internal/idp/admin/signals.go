package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/trail"
)

var errNoSignal = errors.New("nothing like that was put aside")

// mostDead is how many a list holds.
const mostDead = 1000

// deadSignals lists what was put aside; reading is no act.
func (h *Handler) deadSignals(_ http.ResponseWriter, r *http.Request) (any, error) {
	all, err := h.Signals.Dead(r.Context(), r.URL.Query().Get("agency"), mostDead)
	return map[string][]notify.DeadSignal{"signals": append([]notify.DeadSignal{}, all...)}, err
}

// ResendRequest names an agency, and one signal by its jti or all with "".
type ResendRequest struct {
	Agency string `json:"agency"`
	ID     string `json:"jti,omitempty"`
}

func (h *Handler) resend(w http.ResponseWriter, r *http.Request) (any, error) {
	var in ResendRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	if in.Agency == "" {
		return nil, fmt.Errorf("%w: agency is missing", errBody)
	}
	out := map[string]int64{}
	target := trail.Target{Kind: trail.Agency, ID: in.Agency}
	return out, h.do(r, "resend", target, func() (trail.Target, error) {
		n, err := h.Signals.Resend(r.Context(), in.Agency, in.ID, h.Now())
		if err == nil && n == 0 {
			err = errNoSignal
		}
		out["resent"] = n
		return target, err
	})
}

// DeadSignals lists signals that were put aside, of one agency or, with "", of all.
func (c *Client) DeadSignals(ctx context.Context, agency string) ([]notify.DeadSignal, error) {
	var out struct {
		Signals []notify.DeadSignal `json:"signals"`
	}
	err := c.call(ctx, http.MethodGet, "/signals/dead?"+url.Values{"agency": {agency}}.Encode(), nil, &out)
	return out.Signals, err
}

// Resend has an agency told again what was put aside.
func (c *Client) Resend(ctx context.Context, in ResendRequest) (int64, error) {
	var out struct {
		Resent int64 `json:"resent"`
	}
	err := c.call(ctx, http.MethodPost, "/signals/resend", in, &out)
	return out.Resent, err
}
