package approval

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
)

// view is what the page says, in the reader's language.
type view struct {
	ID                string
	NameKo, NameLatin string // whose data: the person logged in
	Consumer          string
	ConsumerContact   string
	Provider          string
	DataSet           string
	Derived           bool
	Required          []item
	Optional          []item
	Reads             []string // what the provider looks at and does not send
	Purpose           string
	MaxUses           int
	Until             time.Time
	RetentionDays     string
	Storage           string
}

type item struct{ Name, Label string }

// present gathers the texts. The ledger has checked the request against the
// catalogue already; what is missing now is the hub's own fault.
func present(m matter, c *catalogue.Catalogue, lang string, now time.Time) (view, error) {
	if c == nil || len(m.request.Details) != 1 {
		return view{}, fmt.Errorf("approval page: request without a detail or no catalogue")
	}
	d := m.request.Details[0]
	consumer, ok1 := c.Agency(m.request.Issuer)
	provider, ok2 := c.Agency(d.Locations[0])
	set, ok3 := c.DataSet(d.DataTypes[0])
	purpose, ok4 := c.Purpose(d.Purpose)
	if !(ok1 && ok2 && ok3 && ok4) {
		return view{}, fmt.Errorf("approval page: the catalogue changed below the request: %w", consent.ErrInvalid)
	}
	v := view{
		ID: m.interaction.ID, Consumer: consumer.Name.In(lang), ConsumerContact: consumer.Contact,
		Provider: provider.Name.In(lang), DataSet: set.Title.In(lang), Derived: d.Actions[0] == consent.ActionDerive,
		Purpose: purpose.Text.In(lang), MaxUses: d.MaxUses, Until: now.Add(time.Duration(d.Validity.Seconds) * time.Second),
		RetentionDays: strings.Trim(d.Retention, "PD"), Storage: d.Storage,
	}
	if v.Storage == "" {
		v.Storage = d.Jurisdiction
	}
	for _, claim := range d.Claims {
		label, reads := labels(set, claim.Name, lang)
		if claim.Optional {
			v.Optional = append(v.Optional, item{claim.Name, label})
		} else {
			v.Required = append(v.Required, item{claim.Name, label})
		}
		for _, text := range reads {
			if v.Derived && !slices.Contains(v.Reads, text) {
				v.Reads = append(v.Reads, text)
			}
		}
	}
	return v, nil
}

// labels of a claim, and of the fields it is worked out from.
func labels(set catalogue.DataSet, claim, lang string) (label string, reads []string) {
	if derived, ok := set.Derivation(claim); ok {
		for _, name := range derived.From {
			if field, ok := set.Field(name); ok {
				reads = append(reads, field.Label.In(lang))
			}
		}
		return derived.Label.In(lang), reads
	}
	field, _ := set.Field(claim)
	return field.Label.In(lang), nil
}

// required are the claims that come with the request, ticked or not.
func required(request consent.RequestClaims) []string {
	var names []string
	for _, claim := range request.Details[0].Claims {
		if !claim.Optional {
			names = append(names, claim.Name)
		}
	}
	return names
}

// origins that a form's answer may lead to.
func origins(uris []string) []string {
	var out []string
	for _, text := range uris {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			if origin := u.Scheme + "://" + u.Host; !slices.Contains(out, origin) {
				out = append(out, origin)
			}
		}
	}
	return out
}
