package agency_test

import (
	"encoding/json"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

func (s *site) pushedBundle() (details []json.RawMessage, object json.RawMessage) {
	var salts []string
	var sub string
	for i := range 2 {
		in := s.Request(ada, func(c *consent.RequestClaims) { c.Details[0].Bundle = &consent.Bundle{ID: "b", Index: i, Count: 2} })
		detail, _ := s.pushed(in)
		details, salts, sub = append(details, detail), append(salts, consent.Encode(in.Salt[:])), in.Sub
	}
	object, _ = json.Marshal(map[string]any{"mydata_subject": map[string]any{"sub": sub, "salts": salts}})
	return details, object
}

//clause:as RFC 9396, 2 and 6: several elements of one type; a token request names the one that its token is for
func TestTransfersOfABundle(t *testing.T) {
	ctx := t.Context()
	s := newSite(t)
	details, object := s.pushedBundle()
	refs, err := s.transfers.Validate(ctx, s.client(), details, object)
	ok(t, "validate", err)
	if len(refs) != 2 || refs[0] == refs[1] {
		t.Fatalf("references %q", refs)
	}
	for _, ref := range refs {
		got, err := s.transfers.Select(json.RawMessage(`{"type":"` + consent.TransferType + `","grant_id":"` + ref + `"}`))
		ok(t, "select", err)
		if got != ref {
			t.Errorf("selected %q", got)
		}
	}
	_, err = s.transfers.Select(json.RawMessage(`{"type":"` + consent.TransferType + `"}`))
	refusal(t, "an element that names no grant", err, "invalid_authorization_details", "grant_id")
	_, err = s.transfers.Validate(ctx, s.client(), details[:1], object)
	refusal(t, "another number of openings", err, "invalid_authorization_details", "mydata_subject")
	_, object = s.pushedBundle()
	_, err = s.transfers.Validate(ctx, s.client(), details, object)
	refusal(t, "another bundle's openings", err, "invalid_authorization_details", "subject")
	details, object = s.pushedBundle()
	details[0], details[1] = details[1], details[0]
	_, err = s.transfers.Validate(ctx, s.client(), details, object)
	refusal(t, "another order", err, "invalid_authorization_details", "subject")
}
