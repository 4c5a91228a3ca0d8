package consent

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
)

const (
	maxRequestLife  = 24 * time.Hour
	maxClaims       = 100
	clockSkew       = time.Minute
	hpkePublicBytes = 1216 // MLKEM768X25519: 1184 + 32
)

var (
	days    = regexp.MustCompile(`^P[1-9][0-9]{0,3}D$`)
	country = regexp.MustCompile(`^[A-Z]{2}$`)
)

// Detail answers the one authorization detail of a request; CheckShape has
// made sure that it is there.
func (c RequestClaims) Detail() Detail {
	if len(c.Details) != 1 {
		return Detail{}
	}
	return c.Details[0]
}

// CheckShape refuses a request that this version of the protocol does not
// carry, naming what it is.
func (c RequestClaims) CheckShape() error {
	if _, err := bytes32(c.Subject); err != nil {
		return refuse("subject", "%v", err)
	}
	if c.ID == "" || len(c.ID) > 200 {
		return refuse("jti", "it is missing")
	}
	if c.Expires <= c.IssuedAt || c.Expires-c.IssuedAt > int64(maxRequestLife/time.Second) {
		return refuse("request lifetime", "exp is not within 24 hours after iat")
	}
	if err := c.RecipientKey.check(); err != nil {
		return err
	}
	if len(c.Details) != 1 {
		return refuse("authorization_details", "%d elements; send one; a bundle is several requests", len(c.Details))
	}
	return c.Details[0].check()
}

func (k RecipientKey) check() error {
	if k.KEM != KEM {
		return refuse("recipient_key", "the KEM %q is not %s", k.KEM, KEM)
	}
	raw, err := decodeBytes(k.Public)
	if err != nil || len(raw) != hpkePublicBytes {
		return refuse("recipient_key", "it is not a public key of %s", KEM)
	}
	return nil
}

func (d Detail) check() error {
	for name, present := range map[string]bool{
		"actor": d.Actor != "", "mandate": d.Mandate != nil, "preview": d.Preview != nil,
	} {
		if present {
			return refuse(name, "not carried yet")
		}
	}
	switch {
	case d.Type != TransferType:
		return refuse("type", "%q is not %s", d.Type, TransferType)
	case len(d.Locations) != 1 || d.Locations[0] == "":
		return refuse("locations", "name one provider")
	case len(d.DataTypes) != 1 || d.DataTypes[0] == "":
		return refuse("datatypes", "name one data set")
	case len(d.Actions) == 1 && d.Actions[0] == "predicate":
		return refuse("actions", "predicate is not carried yet")
	case len(d.Actions) != 1 || d.Actions[0] != ActionDerive && d.Actions[0] != ActionRelease:
		return refuse("actions", "name one of derive, release")
	case d.LegalBasis != (LegalBasis{Kind: BasisConsent}):
		return refuse("legal_basis", "%q is not carried yet, only consent", d.LegalBasis.Kind)
	case d.MaxUses < 1:
		return refuse("max_uses", "%d", d.MaxUses)
	case d.Validity.Seconds < 60:
		return refuse("validity", "%d seconds", d.Validity.Seconds)
	case !days.MatchString(d.Retention):
		return refuse("retention", "%q is not days like P30D", d.Retention)
	case !country.MatchString(d.Jurisdiction) || d.Storage != "" && !country.MatchString(d.Storage):
		return refuse("jurisdiction", "jurisdiction and storage are country codes")
	}
	if d.Template != nil && (d.Template.ID == "" || d.Template.Version < 1) {
		return refuse("template", "name its id and its version")
	}
	if err := d.checkRecurring(); err != nil {
		return err
	}
	return d.checkClaims()
}

func (d Detail) checkClaims() error {
	if len(d.Claims) == 0 || len(d.Claims) > maxClaims {
		return refuse("claims", "%d claims", len(d.Claims))
	}
	seen := map[string]bool{}
	for _, c := range d.Claims {
		if c.Name == "" || seen[c.Name] {
			return refuse("claims", "%q is empty or there twice", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// Narrow checks that the terms are the request narrowed by the citizen and
// filled in by the hub, and nothing else: provider and consumer call it before
// they act, and so does a receipt. With a catalogue it also checks what the
// citizen was shown against it: texts when the terms are from its version, and
// always agencies, data set, schema, fields, purpose and bounds. cat may be nil;
// then none of that is checked, and the caller has to say so.
func Narrow(request RequestClaims, t Terms, cat *catalogue.Catalogue) error {
	if err := request.CheckShape(); err != nil {
		return err
	}
	if err := narrowFixed(request, t); err != nil {
		return err
	}
	if err := narrowClaims(request.Detail(), t); err != nil {
		return err
	}
	if err := narrowTime(request, t); err != nil {
		return err
	}
	if t.Notice.URI != request.Audience+"/notices/"+string(t.GrantID) {
		return refuse("notice address", "it is not the hub's own")
	}
	if err := CheckNotice(t); err != nil {
		return err
	}
	if cat == nil {
		return nil
	}
	return checkCatalogue(t, cat)
}

// narrowFixed compares what the hub may not change at all.
func narrowFixed(r RequestClaims, t Terms) error {
	d := r.Detail()
	storage := d.Storage
	if storage == "" {
		storage = d.Jurisdiction
	}
	mode := ModeRecurring
	if d.MaxUses == 1 {
		mode = ModeOnce
	}
	for _, c := range []struct {
		check string
		same  bool
	}{
		{"terms version", t.SchemaVersion == TermsSchema && t.Version >= 1 && (d.Supersedes == "") == (t.Version == 1)},
		{"actor", t.Actor == ""},
		{"mandate", t.Mandate == nil},
		{"preview", t.Preview == nil},
		{"request digest", r.Digest != "" && t.Request == r.Digest},
		{"subject", t.Subjects.Consumer == r.Subject},
		{"recipient", len(t.Recipient) == 1 && t.Recipient[0].ID == r.Issuer && t.Controller == r.Issuer},
		{"provider", t.Provider.ID == d.Locations[0]},
		{"action", t.Action == d.Actions[0]},
		{"data set", t.DataSet.ID == d.DataTypes[0]},
		{"schema hash", t.DataSet.SchemaHash == d.SchemaHash},
		{"purpose", t.Purpose.Code == d.Purpose},
		{"max_uses", t.MaxUses == d.MaxUses && t.MaxUses <= t.Template.MaxUses},
		{"mode", t.Mode == mode},
		{"frequency", t.Frequency == d.Frequency},
		{"bundle", sameBundle(t.Bundle, d.Bundle)},
		{"template", t.Template.ref() == d.template()},
		{"data_range", sameRange(t.DataRange, d.DataRange)},
		{"retention", t.Retention == d.Retention},
		{"storage", t.Storage == storage},
		{"jurisdiction", t.Jurisdiction == d.Jurisdiction},
		{"legal_basis", t.LegalBasis == d.LegalBasis},
		{"recipient_key", t.RecipientKey == r.RecipientKey},
		{"withdrawal", strings.HasPrefix(t.Withdrawal.URI, r.Audience+"/") && t.Withdrawal.SLA >= 0},
		{"grant_id", t.GrantID != ""},
	} {
		if !c.same {
			return refuse(c.check, "the terms differ from the request")
		}
	}
	if _, err := bytes32(t.Subjects.Provider); err != nil {
		return refuse("subject", "the provider's commitment: %v", err)
	}
	return checkSupersedes(d, t)
}

// narrowClaims: the claims are those asked for, in that order, less optional
// ones; nothing required is missing, nothing is added. The fields are exactly
// those that the claims read.
func narrowClaims(d Detail, t Terms) error {
	rest := t.Claims
	for _, asked := range d.Claims {
		if len(rest) > 0 && rest[0].Name == asked.Name {
			if rest[0].Optional != asked.Optional {
				return refuse("claims", "%q is not as optional as asked", asked.Name)
			}
			rest = rest[1:]
			continue
		}
		if !asked.Optional {
			return refuse("claims", "%q is required and missing", asked.Name)
		}
	}
	if len(rest) > 0 {
		return refuse("claims", "%q was not asked for", rest[0].Name)
	}
	if len(t.Claims) == 0 {
		return refuse("claims", "there is none")
	}
	read := map[string]bool{}
	for _, c := range t.Claims {
		if len(c.From) == 0 || t.Action == ActionRelease && !slices.Equal(c.From, []string{c.Name}) {
			return refuse("claims", "%q does not say rightly what it is made from", c.Name)
		}
		for _, name := range c.From {
			read[name] = true
		}
	}
	for _, f := range t.Fields {
		if !read[f.Name] {
			return refuse("fields", "%q is read for nothing, or twice", f.Name)
		}
		delete(read, f.Name)
	}
	if len(read) > 0 {
		return refuse("fields", "a claim reads a field that is not listed")
	}
	return nil
}

func narrowTime(r RequestClaims, t Terms) error {
	v := t.Validity
	switch {
	case v.Expires-v.NotBefore != r.Detail().Validity.Seconds:
		return refuse("validity", "it is not as long as asked")
	case v.NotBefore < r.IssuedAt-int64(clockSkew/time.Second) || v.NotBefore > r.Expires:
		return refuse("validity", "it does not begin while the request was open")
	case v.Expires-v.NotBefore > int64(t.Template.MaxDays)*86400:
		return refuse("validity", "it is longer than the purpose allows")
	}
	return nil
}

// checkCatalogue compares the terms with the catalogue, agencies' own words
// included.
func checkCatalogue(t Terms, cat *catalogue.Catalogue) error {
	if t.Catalogue > cat.Version {
		return refuse("catalogue", "the terms are from version %d, this is %d", t.Catalogue, cat.Version)
	}
	asked := make([]string, len(t.Claims))
	optional := map[string]bool{}
	for i, c := range t.Claims {
		asked[i], optional[c.Name] = c.Name, c.Optional
	}
	fresh, err := describe(t, asked, optional, cat)
	if err != nil {
		return err
	}
	if t.DataSet.SchemaHash != fresh.DataSet.SchemaHash {
		return refuse("schema hash", "the schema is another in the catalogue")
	}
	if t.MaxUses > fresh.Template.MaxUses || t.Validity.Expires-t.Validity.NotBefore > int64(fresh.Template.MaxDays)*86400 {
		return refuse("template", "more than the purpose allows")
	}
	if t.Catalogue == cat.Version && !reflect.DeepEqual(t, fresh) {
		return refuse("catalogue texts", "what was shown is not what the catalogue says")
	}
	return nil
}

// describe fills in what the catalogue says, in the language of the notice; that
// there is such a notice is Notice's check.
func describe(t Terms, claims []string, optional map[string]bool, cat *catalogue.Catalogue) (Terms, error) {
	lang := t.Notice.Lang
	consumer, ok := cat.Agency(t.Controller)
	if !ok {
		return t, refuse("recipient", "%q is not in the catalogue", t.Controller)
	}
	provider, ok := cat.Agency(t.Provider.ID)
	if !ok {
		return t, refuse("provider", "%q is not in the catalogue", t.Provider.ID)
	}
	set, ok := cat.DataSet(t.DataSet.ID)
	if !ok || set.Provider != t.Provider.ID {
		return t, refuse("data set", "%q is not in the catalogue for %q", t.DataSet.ID, t.Provider.ID)
	}
	purpose, ok := cat.Purpose(t.Purpose.Code)
	if !ok || !purpose.Covers(set.ID) {
		return t, refuse("purpose", "%q does not cover %q in the catalogue", t.Purpose.Code, set.ID)
	}
	if consumer.Jurisdiction != t.Jurisdiction {
		return t, refuse("jurisdiction", "the recipient is in %s", consumer.Jurisdiction)
	}
	t.Recipient = []Party{party(consumer, lang)}
	t.Provider = party(provider, lang)
	hash := set.Hash()
	if asked := t.DataSet.SchemaHash; asked != "" && asked != hash {
		if _, err := cat.Negotiate(set.ID, asked, claims); err != nil {
			return t, refuse("schema hash", "%v", err)
		}
		hash = asked // an older version, of which all that is asked for stayed the same
	}
	t.DataSet = DataSet{ID: set.ID, Title: set.Title.In(lang), SchemaHash: hash}
	t.Purpose = Purpose{Code: purpose.Code, Text: purpose.Text.In(lang)}
	t.Template.MaxUses, t.Template.MaxDays = purpose.MaxUses, purpose.MaxDays
	if own, ok := cat.Template(t.Template.ID, t.Template.Version); ok && t.Template.Version > 0 {
		t.Template.MaxUses, t.Template.MaxDays = min(own.MaxUses, purpose.MaxUses), min(own.MaxDays, purpose.MaxDays)
	}
	t, err := describeClaims(t, claims, optional, set)
	if err != nil {
		return t, err
	}
	return t, FitsTemplate(t, cat)
}

func party(a catalogue.Agency, lang string) Party {
	return Party{ID: a.ID, Name: a.Name.In(lang), Contact: a.Contact}
}

func describeClaims(t Terms, claims []string, optional map[string]bool, set catalogue.DataSet) (Terms, error) {
	t.Claims, t.Fields = nil, nil
	read := map[string]bool{}
	for _, name := range claims {
		claim := Claim{Name: name, Optional: optional[name]}
		field, isField := set.Field(name)
		derived, isDerived := set.Derivation(name)
		switch {
		case t.Action == ActionRelease && isField:
			claim.Label, claim.From = field.Label.In(t.Notice.Lang), []string{name}
		case t.Action == ActionDerive && isDerived:
			claim.Label, claim.From = derived.Label.In(t.Notice.Lang), derived.From
		default:
			return t, refuse("claims", "%q cannot be had by %s from %q", name, t.Action, set.ID)
		}
		t.Claims = append(t.Claims, claim)
		for _, from := range claim.From {
			read[from] = true
		}
	}
	for _, f := range set.Fields { // in the catalogue's order
		if read[f.Name] {
			t.Fields = append(t.Fields, Field{Name: f.Name, Label: f.Label.In(t.Notice.Lang), Sensitive: f.Sensitive})
		}
	}
	return t, nil
}
