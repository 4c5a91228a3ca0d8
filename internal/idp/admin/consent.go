package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/consent"
)

// Consents is the ledger's part that an operator has a hand in; see
// consent.Ledger.Invalidate.
type Consents interface {
	Invalidate(ctx context.Context, id consent.GrantID, reason string) (consent.Record, error)
}

var (
	errReason = errors.New("the reason is not on the list")
	errEnded  = errors.New("this grant has ended already")
)

// InvalidateRequest names a grant and one of consent.Invalidations.
type InvalidateRequest struct {
	Grant  consent.GrantID `json:"grant"`
	Reason string          `json:"reason"`
}

// Invalidated is what became of it.
type Invalidated struct {
	State  consent.State `json:"state"`
	Reason string        `json:"reason"`
}

// invalidate ends a grant. Its citizen sees the reason; the trail keeps whose
// hand it was.
func (h *Handler) invalidate(w http.ResponseWriter, r *http.Request) (any, error) {
	var in InvalidateRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	var out Invalidated
	target := trail.Target{Kind: trail.Grant, ID: string(in.Grant)}
	return &out, h.do(r, "invalidate", target, func() (trail.Target, error) {
		if !slices.Contains(consent.Invalidations(), in.Reason) {
			return target, fmt.Errorf("%w: one of %s", errReason, strings.Join(consent.Invalidations(), ", "))
		}
		record, err := h.Consents.Invalidate(r.Context(), in.Grant, in.Reason)
		out = Invalidated{record.State, record.Reason}
		return target, ended(err)
	})
}

// ended folds the ways in which a grant has ended into one, save that it was
// invalidated before.
func ended(err error) error {
	if consent.Over(err) && !errors.Is(err, consent.ErrInvalid) {
		return fmt.Errorf("%w: %w", errEnded, err)
	}
	return err
}
