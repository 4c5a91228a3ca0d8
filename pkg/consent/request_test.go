package consent_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

//clause:consent what is not carried yet is refused by its name: actor, mandate, preview, predicate, law, emergency
func TestRequestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		bend func(*consent.RequestClaims)
		in   func(*consent.Requested)
		want string
		says string
	}{
		"it refuses another agency's client":    {want: "iss", in: func(in *consent.Requested) { in.Agency = "urn:mydata:agency:other" }},
		"it refuses a client without an agency": {want: "iss", in: func(in *consent.Requested) { in.Agency = "" }},
		"it refuses another signer":             {want: "request signature", bend: func(c *consent.RequestClaims) { c.Issuer = "urn:mydata:agency:other" }},
		"it refuses another hub's":              {want: "aud", bend: func(c *consent.RequestClaims) { c.Audience = "https://other.example" }},
		"it refuses the future":                 {want: "iat", bend: func(c *consent.RequestClaims) { c.IssuedAt += 300; c.Expires += 300 }},
		"it refuses the past":                   {want: "exp", bend: func(c *consent.RequestClaims) { c.IssuedAt -= 7200; c.Expires = c.IssuedAt + 60 }},
		"it refuses a long-lived request":       {want: "request lifetime", bend: func(c *consent.RequestClaims) { c.Expires += 100000 }},
		"it refuses a request without jti":      {want: "jti", bend: func(c *consent.RequestClaims) { c.ID = "" }},
		"it refuses another person's opening":   {want: "subject", in: func(in *consent.Requested) { in.Sub = "somebody" }},
		"it refuses another salt":               {want: "subject", in: func(in *consent.Requested) { in.Salt[0]++ }},
		"it refuses an opening of nobody":       {want: "subject", in: func(in *consent.Requested) { in.Sub = "" }},
		"it refuses a stray subject":            {want: "subject", says: "base64url", bend: func(c *consent.RequestClaims) { c.Subject = "x" }},
		"it refuses a subject that is no text": {want: "subject", says: "base64url", bend: func(c *consent.RequestClaims) {
			c.Subject = "!" + c.Subject[1:]
		}},
		"it refuses a subject in another spelling": {want: "subject", says: "base64url", bend: func(c *consent.RequestClaims) {
			c.Subject += "\n"
		}},
		"it refuses a recipient key in another spelling": {want: "recipient_key", bend: func(c *consent.RequestClaims) { c.RecipientKey.Public += "\n" }},
		"it refuses another KEM":                         {want: "recipient_key", bend: func(c *consent.RequestClaims) { c.RecipientKey.KEM = "P-256" }},
		"it refuses a short recipient key":               {want: "recipient_key", bend: func(c *consent.RequestClaims) { c.RecipientKey.Public = "AAAA" }},
		"it refuses a bundle of two": {want: "authorization_details", bend: func(c *consent.RequestClaims) {
			c.Details = append(c.Details, c.Details[0])
		}},
		"it refuses no detail":               {want: "authorization_details", bend: func(c *consent.RequestClaims) { c.Details = nil }},
		"it refuses another type":            {want: "type", bend: detail(func(d *consent.Detail) { d.Type = "openid_credential" })},
		"it refuses two providers":           {want: "locations", bend: detail(func(d *consent.Detail) { d.Locations = append(d.Locations, "urn:x") })},
		"it refuses an unknown provider":     {want: "provider", bend: detail(func(d *consent.Detail) { d.Locations[0] = "urn:x" })},
		"it refuses a provider without it":   {want: "data set", bend: detail(func(d *consent.Detail) { d.Locations[0] = "urn:mydata:agency:driving-licence" })},
		"it refuses two data sets":           {want: "datatypes", bend: detail(func(d *consent.Detail) { d.DataTypes = append(d.DataTypes, "x") })},
		"it refuses an unknown data set":     {want: "data set", bend: detail(func(d *consent.Detail) { d.DataTypes[0] = "tax" })},
		"it refuses an unknown action":       {want: "actions", bend: detail(func(d *consent.Detail) { d.Actions[0] = "predicate" })},
		"it refuses another schema":          {want: "schema hash", bend: detail(func(d *consent.Detail) { d.SchemaHash = consent.DigestOf("x") })},
		"it refuses an unknown purpose":      {want: "purpose", bend: detail(func(d *consent.Detail) { d.Purpose = "advertising" })},
		"it refuses more uses than fair":     {want: "template", bend: detail(func(d *consent.Detail) { d.MaxUses = 3 })},
		"it refuses more days than fair":     {want: "template", bend: detail(func(d *consent.Detail) { d.Validity.Seconds = 31 * 86400 })},
		"it refuses no use":                  {want: "max_uses", bend: detail(func(d *consent.Detail) { d.MaxUses = 0 })},
		"it refuses no time":                 {want: "validity", bend: detail(func(d *consent.Detail) { d.Validity.Seconds = 0 })},
		"it refuses a strange retention":     {want: "retention", bend: detail(func(d *consent.Detail) { d.Retention = "as long as we like" })},
		"it refuses a strange jurisdiction":  {want: "jurisdiction", bend: detail(func(d *consent.Detail) { d.Jurisdiction = "Korea" })},
		"it refuses another's jurisdiction":  {want: "jurisdiction", bend: detail(func(d *consent.Detail) { d.Jurisdiction = "US" })},
		"it refuses a law it does not carry": {want: "legal_basis", bend: detail(func(d *consent.Detail) { d.LegalBasis.Kind = "law" })},
		"it refuses no claim":                {want: "claims", says: "0 claims", bend: detail(func(d *consent.Detail) { d.Claims = nil })},
		"it refuses endless claims": {want: "claims", says: "101 claims", bend: detail(func(d *consent.Detail) {
			d.Claims = make([]consent.RequestedClaim, 101)
		})},
		"it refuses a strange place of storage": {want: "jurisdiction", bend: detail(func(d *consent.Detail) { d.Storage = "a cloud" })},
		"it refuses a claim twice":              {want: "claims", bend: detail(func(d *consent.Detail) { d.Claims = append(d.Claims, d.Claims[0]) })},
		"it refuses an unknown claim":           {want: "claims", bend: detail(func(d *consent.Detail) { d.Claims[0].Name = "salary" })},
		"it refuses to derive a raw reading":    {want: "claims", bend: detail(func(d *consent.Detail) { d.Claims[0].Name = "vision_left" })},
		"it refuses a predicate":                {want: "actions", says: "predicate is not carried yet", bend: detail(func(d *consent.Detail) { d.Actions[0] = "predicate" })},
		"it refuses another actor":              {want: "actor", says: "not carried yet", bend: detail(func(d *consent.Detail) { d.Actor = "urn:x" })},
		"it refuses an emergency":               {want: "legal_basis", says: "emergency", bend: detail(func(d *consent.Detail) { d.LegalBasis.Kind = "emergency" })},
		"it refuses a delayed notice":           {want: "legal_basis", says: "not carried yet", bend: detail(func(d *consent.Detail) { d.LegalBasis.NoticeAfter = "P30D" })},
		"it refuses a mandate":                  {want: "mandate", bend: detail(func(d *consent.Detail) { d.Mandate = json.RawMessage(`{}`) })},
		"it refuses a preview":                  {want: "preview", bend: detail(func(d *consent.Detail) { d.Preview = json.RawMessage(`true`) })},
		"it refuses one request of a bundle":    {want: "bundle", says: "1 of its 2", bend: detail(func(d *consent.Detail) { d.Bundle = &consent.Bundle{ID: "b", Count: 2} })},
		"it refuses a data range without dates": {want: "data_range", says: "dates", bend: detail(func(d *consent.Detail) { d.DataRange = &consent.DataRange{} })},
		"it refuses a data range with a strange date": {want: "data_range", says: "dates", bend: detail(func(d *consent.Detail) {
			d.DataRange = &consent.DataRange{From: "2026-01-01", To: "2026-02-30"}
		})},
		"it refuses a data range that ends before it begins": {want: "data_range", says: "before", bend: detail(func(d *consent.Detail) {
			d.DataRange = &consent.DataRange{From: "2026-02-01", To: "2026-01-31"}
		})},
		"it refuses a frequency in another spelling": {want: "frequency", says: "days, hours or minutes", bend: detail(func(d *consent.Detail) { d.Frequency = "P1W" })},
		"it refuses a frequency of nothing":          {want: "frequency", says: "days, hours or minutes", bend: detail(func(d *consent.Detail) { d.Frequency = "P0D" })},
		"it refuses a frequency of one use": {want: "frequency", says: "several", bend: detail(func(d *consent.Detail) {
			d.Frequency, d.MaxUses = "P1D", 1
		})},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			in := w.Request(ada, c.bend)
			if c.in != nil {
				c.in(&in)
			}
			_, err := w.Ledger.Request(t.Context(), in)
			says(t, name, err, c.want, c.says)
			if head, _ := w.Store.Head(t.Context(), ada); head != 0 {
				t.Error("something was written")
			}
		})
	}
}

func detail(bend func(*consent.Detail)) func(*consent.RequestClaims) {
	return func(c *consent.RequestClaims) { bend(&c.Details[0]) }
}

func TestRequestAgain(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	in := w.Request(ada, nil)
	first, err := w.Ledger.Request(ctx, in)
	ok(t, "request", err)
	again, err := w.Ledger.Request(ctx, in)
	ok(t, "request again", err)
	if first.Grant != again.Grant || again.Seq != 1 {
		t.Errorf("it is another request: %+v", again)
	}
	other := in
	other.Client = "another client"
	_, err = w.Ledger.Request(ctx, other)
	check(t, "it refuses it from another client", err, "request")
	_, err = w.Approve(ctx, first.Grant, ada, passkey, "vision_ok", "hearing_ok")
	ok(t, "approve", err)
	_, err = w.Ledger.Request(ctx, in)
	is(t, "it refuses it when decided", err, consent.ErrDecided)
}

func TestRequestOfStrangers(t *testing.T) {
	w, passkey := world(t)
	in := w.Request(ada, detail(func(d *consent.Detail) { d.Claims = []consent.RequestedClaim{{Name: "vision_ok", Optional: true}} }))
	r, err := w.Ledger.Request(t.Context(), in)
	ok(t, "request", err)
	_, err = w.Approve(t.Context(), r.Grant, ada, passkey)
	says(t, "it proposes nothing where nothing is left", err, "claims", "none is left")
	_, err = w.Ledger.Request(t.Context(), w.RequestOf("a sub of nobody", nil))
	says(t, "it refuses a request about nobody here", err, "subject", "not known here")
	w.Catalogue.Agencies = w.Catalogue.Agencies[:1]
	_, err = w.Ledger.Request(t.Context(), w.Request(ada, nil))
	says(t, "it refuses an agency that the catalogue does not have", err, "recipient", "not in the catalogue")
}

func TestRequestWithoutCatalogue(t *testing.T) {
	w, _ := world(t)
	in := w.Request(ada, nil)
	w.Catalogue = nil
	_, err := w.Ledger.Request(t.Context(), in)
	check(t, "it refuses", err, "catalogue")
}

// A released field is asked for under its own name.
func TestRelease(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r, err := w.Ledger.Request(ctx, w.Request(ada, detail(func(d *consent.Detail) {
		d.Actions[0], d.MaxUses = consent.ActionRelease, 1
		d.Claims = []consent.RequestedClaim{{Name: "vision_left"}, {Name: "remarks", Optional: true}}
	})))
	ok(t, "request", err)
	r, err = w.Approve(ctx, r.Grant, ada, passkey, "vision_left", "remarks")
	ok(t, "approve", err)
	if r.Agreed.Mode != consent.ModeOnce || len(r.Agreed.Fields) != 2 || !r.Agreed.Fields[1].Sensitive {
		t.Errorf("terms %+v", r.Agreed)
	}
}

func TestExpiredCertificate(t *testing.T) {
	w, passkey := world(t)
	r := w.Granted(t.Context(), ada, passkey)
	w.Pass(20 * 365 * 24 * time.Hour)
	_, err := w.Ledger.Use(t.Context(), w.Commit(r, 1, nil))
	check(t, "it refuses a commit after the certificate's time", err, "commit signature")
}
