package consent

import "time"

// Agreed is what was agreed, in the form of RFC 9396: one element of
// authorization_details, as the consumer asked for it and as far as the citizen
// granted it.
type Agreed struct {
	Detail
	Identifier GrantID  `json:"identifier"` // RFC 9396, 2.2
	Terms      string   `json:"terms"`      // digest
	Window     Validity `json:"window"`     // what validity became when it was granted
}

// Details gives terms as RFC 9396 authorization_details.
func Details(t Terms) ([]Agreed, error) {
	digest, err := t.Digest()
	if err != nil {
		return nil, err
	}
	d := Detail{
		Type: TransferType, Locations: []string{t.Provider.ID}, Actions: []string{t.Action}, DataTypes: []string{t.DataSet.ID},
		SchemaHash: t.DataSet.SchemaHash, Claims: []RequestedClaim{}, Purpose: t.Purpose.Code, MaxUses: t.MaxUses,
		Validity: Duration{Seconds: t.Validity.Expires - t.Validity.NotBefore}, Retention: t.Retention,
		Storage: t.Storage, Jurisdiction: t.Jurisdiction, LegalBasis: t.LegalBasis,
		Frequency: t.Frequency, DataRange: t.DataRange, Mandate: t.Mandate, Preview: t.Preview, Bundle: t.Bundle,
	}
	if ref := t.Template.ref(); ref != (TemplateRef{}) {
		d.Template = &ref
	}
	for _, c := range t.Claims {
		d.Claims = append(d.Claims, RequestedClaim{Name: c.Name, Optional: c.Optional})
	}
	return []Agreed{{Detail: d, Identifier: t.GrantID, Terms: Encode(digest[:]), Window: t.Validity}}, nil
}

// iso8601 is a time as records write it (ISO 8601).
func iso8601(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
