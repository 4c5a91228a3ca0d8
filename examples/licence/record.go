package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/govmydata/mydata/sdk"
)

// record is the agency's own file on a licence holder. Its key is the pseudonym
// that the hub gives this agency for the person, and nothing else.
type record struct {
	Since time.Time `json:"since"`
}

const kindRecord = "licence"

// link finds the person's record, or opens one at the first login.
func (s *site) link(ctx context.Context, sub string) (record, error) {
	e, err := s.records.Get(ctx, kindRecord, sub)
	if errors.Is(err, sdk.ErrAbsent) {
		fresh := record{Since: time.Now().UTC()}
		return fresh, s.save(ctx, sub, fresh)
	}
	if err != nil {
		return record{}, err
	}
	var found record
	return found, json.Unmarshal(e.Value, &found)
}

func (s *site) save(ctx context.Context, sub string, v record) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.records.Put(ctx, sdk.Entry{Kind: kindRecord, Key: sub, Value: raw})
}

// owns says whether a grant is the person's: an address alone opens nothing.
func (s *site) owns(ctx context.Context, sub, grant string) bool {
	grants, err := s.consumer.Grants(ctx, sub)
	return err == nil && slices.Contains(grants, grant)
}
