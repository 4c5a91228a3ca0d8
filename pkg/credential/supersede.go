package credential

import (
	"context"
	"fmt"
)

// perPage is how many credentials are looked at between two questions to the
// store.
const perPage = 500

// Supersede revokes each standing credential whose claims the register does not
// confirm any more, and says how many: basis names what the register says of a
// citizen now, "" when it says nothing of him. Whose basis was not kept is asked
// of changed, nil: it stays. When it breaks off it can be called again.
func (i *Issuer) Supersede(ctx context.Context, basis func(ctx context.Context, citizen string) (string, error), changed func(ctx context.Context, citizen string) (bool, error)) (revoked int, err error) {
	for after := ""; ; {
		page, err := i.Store.Standing(ctx, after, i.Now(), perPage)
		if err != nil {
			return revoked, fmt.Errorf("supersede: %w", err)
		}
		for _, c := range page {
			after = c.ID
			old, err := stale(ctx, c, basis, changed)
			if err != nil {
				return revoked, fmt.Errorf("supersede: %w", err)
			}
			if !old {
				continue
			}
			if err := i.RevokeFor(ctx, c.ID, ReasonData); err != nil {
				return revoked, fmt.Errorf("supersede: %w", err)
			}
			revoked++
		}
		if len(page) < perPage {
			return revoked, nil
		}
	}
}

func stale(ctx context.Context, c Issued, basis func(context.Context, string) (string, error), changed func(context.Context, string) (bool, error)) (bool, error) {
	if c.Basis == "" {
		if changed == nil {
			return false, nil
		}
		return changed(ctx, c.Citizen)
	}
	now, err := basis(ctx, c.Citizen)
	return now != "" && now != c.Basis, err
}
