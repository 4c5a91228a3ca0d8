package approval

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// view is what the page says: the texts of the very terms that will be signed.
type view struct {
	ID                string
	NameKo, NameLatin string // whose data: the person logged in
	Consumer          consent.Party
	Provider          consent.Party
	DataSet           string
	Required          []consent.Claim
	Optional          []consent.Claim
	Reads             []consent.Field // what the provider looks at and does not send
	Purpose           string
	MaxUses           int
	Often             string // in words, where there is a frequency
	Range             *consent.DataRange
	Until             time.Time
	RetentionDays     int
	Storage           string
	Changes           *changes // where it would replace an earlier version
}

// present arranges an offer's terms for the page.
func present(m matter) view {
	t := m.offer.Terms
	v := view{
		ID: m.interaction.ID, Consumer: t.Recipient[0], Provider: t.Provider, DataSet: t.DataSet.Title,
		Purpose: t.Purpose.Text, MaxUses: t.MaxUses, Range: t.DataRange, Until: time.Unix(t.Validity.Expires, 0),
		Storage: t.Storage,
	}
	if m.offer.Before != nil {
		v.Changes = between(*m.offer.Before, t)
	}
	if t.Frequency != "" {
		v.Often = consent.Often(t.Notice.Lang, t.MaxUses, t.Frequency)
	}
	v.RetentionDays, _ = strconv.Atoi(strings.Trim(t.Retention, "PD")) // whole days: consent.Narrow
	for _, claim := range t.Claims {
		if claim.Optional {
			v.Optional = append(v.Optional, claim)
		} else {
			v.Required = append(v.Required, claim)
		}
	}
	if t.Action == consent.ActionDerive {
		v.Reads = t.Fields
	}
	return v
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
