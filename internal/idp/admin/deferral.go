package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/credential"
)

// Deferrals are the issuances that wait for an operator.
type Deferrals interface {
	Waiting(ctx context.Context) ([]credential.Deferral, error)
	Approve(ctx context.Context, id string) error
	Refuse(ctx context.Context, id, reason string) error
}

// Waiting is one of them, with whom it is for.
type Waiting struct {
	ID       string    `json:"id"`
	Config   string    `json:"config"`
	Resident string    `json:"resident"`
	Client   string    `json:"client,omitempty"`
	Device   string    `json:"device,omitempty"`
	Copies   int       `json:"copies"`
	Since    time.Time `json:"since"`
}

func (h *Handler) waiting(_ http.ResponseWriter, r *http.Request) (any, error) {
	all, err := h.Deferrals.Waiting(r.Context())
	if err != nil {
		return nil, err
	}
	out := []Waiting{}
	for _, d := range all {
		citizen, err := h.Accounts.Citizen(r.Context(), d.Citizen) // whatever the register says by now
		if err != nil {
			return nil, err
		}
		out = append(out, Waiting{d.ID, d.Config, citizen.Resident, d.Client, credential.DeviceIn(d.Device, ""), len(d.Holders), d.Created})
	}
	return map[string][]Waiting{"waiting": out}, nil
}

// Decision on a deferred issuance; a refusal gives a reason of
// credential.RefusalReasons, which the citizen is told.
type Decision struct {
	Approve bool   `json:"approve"`
	Reason  string `json:"reason,omitempty"`
}

func (h *Handler) decideIssuance(w http.ResponseWriter, r *http.Request) (any, error) {
	var in Decision
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	what, act := "refuse issuance", func() error { return h.Deferrals.Refuse(r.Context(), id, in.Reason) }
	if in.Approve {
		what, act = "approve issuance", func() error { return h.Deferrals.Approve(r.Context(), id) }
	}
	target := trail.Target{Kind: trail.Credential, ID: id}
	return struct{}{}, h.do(r, what, target, func() (trail.Target, error) { return target, act() })
}

// WaitingIssuances lists what waits for a decision, oldest first.
func (c *Client) WaitingIssuances(ctx context.Context) ([]Waiting, error) {
	var out struct {
		Waiting []Waiting `json:"waiting"`
	}
	err := c.call(ctx, http.MethodGet, "/issuance", nil, &out)
	return out.Waiting, err
}

// DecideIssuance approves or refuses one.
func (c *Client) DecideIssuance(ctx context.Context, id string, d Decision) error {
	return c.call(ctx, http.MethodPost, "/issuance/"+url.PathEscape(id)+"/decision", d, &struct{}{})
}
