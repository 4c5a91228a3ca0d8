package statuslist

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/fetch"
)

const (
	aggregationType = "application/json"
	// maxAggregated bounds the lists that one aggregation names, and
	// maxAggregation its length.
	maxAggregated  = 4096
	maxAggregation = 1 << 20
)

// Aggregation names the lists of an issuer (draft, 9.3).
type Aggregation struct {
	StatusLists []string `json:"status_lists"`
}

// ParseAggregation reads one. Every list has to be at an address that may be
// fetched.
func ParseAggregation(body []byte, development bool) (Aggregation, error) {
	var a Aggregation
	if len(body) > maxAggregation {
		return a, fmt.Errorf("%w: aggregation too long", ErrMalformed)
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return Aggregation{}, fmt.Errorf("%w: aggregation: %w", ErrMalformed, err)
	}
	switch {
	case a.StatusLists == nil:
		return Aggregation{}, fmt.Errorf("%w: aggregation without status_lists", ErrMalformed)
	case len(a.StatusLists) > maxAggregated:
		return Aggregation{}, fmt.Errorf("%w: %d lists in an aggregation", ErrMalformed, len(a.StatusLists))
	}
	for _, uri := range a.StatusLists {
		if err := CheckURI(uri, development); err != nil {
			return Aggregation{}, fmt.Errorf("aggregation: %w", err)
		}
	}
	return a, nil
}

// Aggregation fetches one.
func (c *Client) Aggregation(ctx context.Context, uri string) (Aggregation, error) {
	if err := CheckURI(uri, c.Development); err != nil {
		return Aggregation{}, err
	}
	got, err := c.get(ctx, uri, fetch.Want{Types: []string{aggregationType}, Limit: maxAggregation, Redirects: maxRedirects})
	if err != nil {
		return Aggregation{}, err
	}
	return ParseAggregation(got.Body, c.Development)
}

// Preload fetches all lists of an aggregation into the cache, so that later
// look-ups need no network while they last. A list that fails does not stop the
// others (draft, 9); the errors come together.
func (c *Client) Preload(ctx context.Context, uri string, trust Trust) error {
	all, err := c.Aggregation(ctx, uri)
	if err != nil {
		return err
	}
	var failed []error
	for _, list := range all.StatusLists {
		if _, err := c.Status(ctx, Reference{URI: list}, trust); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", list, err))
		}
	}
	return errors.Join(failed...)
}
