package approval

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/legible"
)

// view is what the page says: the texts of the very terms that will be signed.
type view struct {
	ID                string
	NameKo, NameLatin string // whose data: the person logged in
	Consumer          consent.Party
	Parts             []part    // one, or those of a bundle
	Open              time.Time // until then it can be answered
}

// Bundle tells that several grants are asked for together.
func (v view) Bundle() bool { return len(v.Parts) > 1 }

// part is one grant that is asked for.
type part struct {
	N        int // from 1
	Bundled  bool
	Consumer consent.Party
	Provider consent.Party
	DataSet  string
	Required []consent.Claim
	Optional []consent.Claim
	Reads    []consent.Field // what the provider looks at and does not send
	Purpose  string
	MaxUses  int
	Often    string             // in words, where there is a frequency
	Range    *consent.DataRange // in words
	Until    time.Time
	Kept     string   // how long, in words
	Storage  string   // the country
	Changes  *changes // where it would replace an earlier version
}

// Tick is the value of a claim's box: its name, in a bundle after its part's.
func (p part) Tick(claim string) string {
	if !p.Bundled {
		return claim
	}
	return strconv.Itoa(p.N) + "/" + claim
}

// present arranges the offers' terms for the page.
func present(m matter) view {
	v := view{ID: m.interaction.ID, Open: m.interaction.Until, Consumer: m.offers[0].Terms.Recipient[0]}
	for i, offer := range m.offers {
		p := arrange(offer)
		p.N, p.Bundled = i+1, len(m.offers) > 1
		v.Parts = append(v.Parts, p)
	}
	return v
}

func arrange(offer consent.Offer) part {
	t := offer.Terms
	p := part{
		Consumer: t.Recipient[0], Provider: t.Provider, DataSet: t.DataSet.Title, Purpose: t.Purpose.Text,
		MaxUses: t.MaxUses, Until: time.Unix(t.Validity.Expires, 0),
		Kept: consent.Retained(t.Notice.Lang, t.Retention), Storage: web.Country(t.Notice.Lang, t.Storage),
	}
	if r := t.DataRange; r != nil {
		p.Range = &consent.DataRange{From: legible.Day(t.Notice.Lang, r.From), To: legible.Day(t.Notice.Lang, r.To)}
	}
	if offer.Before != nil {
		p.Changes = between(*offer.Before, t)
	}
	if t.Frequency != "" {
		p.Often = consent.Often(t.Notice.Lang, t.MaxUses, t.Frequency)
	}
	for _, claim := range t.Claims {
		if claim.Optional {
			p.Optional = append(p.Optional, claim)
		} else {
			p.Required = append(p.Required, claim)
		}
	}
	if t.Action == consent.ActionDerive {
		p.Reads = stay(t)
	}
	return p
}

// ticks are what the page's boxes say: optional claims, and in a bundle the
// parts, by number.
type ticks struct {
	Grants []string `json:"grants"`
	Claims []string `json:"claims"`
}

// choices are what was left ticked of each grant; nil for one left out.
func (m matter) choices(t ticks, lang string) ([]*consent.Choice, error) {
	all := make([]*consent.Choice, len(m.offers))
	if len(all) == 1 {
		all[0] = &consent.Choice{Claims: append(required(m.offers[0].Terms), t.Claims...), Lang: lang}
		return all, nil
	}
	for _, n := range t.Grants {
		i, err := strconv.Atoi(n)
		if err != nil || i < 1 || i > len(all) || strconv.Itoa(i) != n {
			return nil, &consent.CheckError{Check: "bundle", Cause: "a part was ticked that is not there"}
		}
		all[i-1] = &consent.Choice{Claims: required(m.offers[i-1].Terms), Lang: lang}
	}
	for _, tick := range t.Claims {
		n, claim, _ := strings.Cut(tick, "/")
		i, err := strconv.Atoi(n)
		if err != nil || i < 1 || i > len(all) {
			return nil, &consent.CheckError{Check: "bundle", Cause: "a claim was ticked of a part that is not there"}
		}
		if c := all[i-1]; c != nil { // of a part left out: left out too
			c.Claims = append(c.Claims, claim)
		}
	}
	return all, nil
}

// required are the claims that come with the request, ticked or not.
func required(t consent.Terms) []string {
	var names []string
	for _, claim := range t.Claims {
		if !claim.Optional {
			names = append(names, claim.Name)
		}
	}
	return names
}

// stay are the fields that the provider looks at and does not send: not those that
// a claim passes on as they are.
func stay(t consent.Terms) (fields []consent.Field) {
	for _, f := range t.Fields {
		sent := slices.ContainsFunc(t.Claims, func(c consent.Claim) bool { return c.Name == f.Name && slices.Equal(c.From, []string{f.Name}) })
		if !sent {
			fields = append(fields, f)
		}
	}
	return fields
}
