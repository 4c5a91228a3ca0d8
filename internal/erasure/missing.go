package erasure

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// ErrNotMissing says that an order is not missing, or that the one that stands for
// it was not carried out here.
var ErrNotMissing = errors.New("this order is not missing, or the other was not carried out in this database")

// idOf is the commit of an order's name.
func idOf(name string) string { return "erasure/" + name }

// Missing are the orders that the log says were carried out, and this database
// does not know of: it was set back to before them, and whoever they were about is
// in it again. The log does not say who; officers have the orders.
func (o *Office) Missing(ctx context.Context) ([]string, error) {
	ordered, err := o.Store.Ordered(ctx)
	if err != nil {
		return nil, fmt.Errorf("erasures of the log: %w", err)
	}
	missing := []string{}
	for _, name := range ordered {
		done, err := o.Store.CarriedOut(ctx, idOf(name))
		if err != nil {
			return nil, fmt.Errorf("erasures of the log: %w", err)
		}
		if !done {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// Settle takes an order off that list because another one, for the same person,
// was carried out in this database. That it is the same person, officers know.
func (o *Office) Settle(ctx context.Context, missing, by string) error {
	all, err := o.Missing(ctx)
	if err != nil {
		return err
	}
	done, err := o.Store.CarriedOut(ctx, idOf(by))
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	digest, err := base64.RawURLEncoding.Strict().DecodeString(missing)
	if err != nil || len(digest) != 32 || !done || !slices.Contains(all, missing) {
		return ErrNotMissing
	}
	return o.Store.Settle(ctx, idOf(missing), [32]byte(digest))
}
