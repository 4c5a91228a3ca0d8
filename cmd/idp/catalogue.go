package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// publishCatalogue takes an operator's catalogue. What is in force already is
// not published again; what is new gets the next version.
func (e *engines) publishCatalogue(ctx context.Context, body json.RawMessage) (int64, error) {
	next, err := catalogue.Parse(body)
	if err != nil {
		return 0, err
	}
	if now := e.registry.Catalogue(); now != nil {
		next.Version = now.Version
		same, err := equalJSON(*now, next)
		if err != nil || same {
			return now.Version, err
		}
	}
	next.Version++
	if err := e.registry.PublishCatalogue(ctx, next); err != nil {
		return 0, err
	}
	return next.Version, nil
}

func equalJSON(a, b catalogue.Catalogue) (bool, error) {
	one, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("catalogue: %w", err)
	}
	two, err := json.Marshal(b)
	if err != nil {
		return false, fmt.Errorf("catalogue: %w", err)
	}
	return bytes.Equal(one, two), nil
}
