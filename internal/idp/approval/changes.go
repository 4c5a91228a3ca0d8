package approval

import (
	"time"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/legible"
)

// changes are what an amendment would make different, beside the version that
// it would replace.
type changes struct {
	Added, Dropped []consent.Claim
	Facts          []fact
	Until          time.Time // of the version before
}

// fact is one line: how it was, how it would be.
type fact struct{ Label, Was, Now string }

// between compares two versions by what the citizen is shown of them.
func between(was, now consent.Terms) *changes {
	c := &changes{
		Added: lacking(now.Claims, was.Claims), Dropped: lacking(was.Claims, now.Claims),
		Until: time.Unix(was.Validity.Expires, 0),
	}
	for _, f := range []fact{
		{"approval.why", was.Purpose.Text, now.Purpose.Text},
		{"approval.range", period(was.DataRange, now.Notice.Lang), period(now.DataRange, now.Notice.Lang)},
		{"approval.uses", often(was, now), often(now, now)},
		{"approval.keeps", kept(was, now.Notice.Lang), kept(now, now.Notice.Lang)},
	} {
		if f.Was != f.Now {
			c.Facts = append(c.Facts, f)
		}
	}
	return c
}

// lacking are the claims of one version that another does not have.
func lacking(of, in []consent.Claim) []consent.Claim {
	var out []consent.Claim
	for _, c := range of {
		found := false
		for _, other := range in {
			found = found || other.Name == c.Name
		}
		if !found {
			out = append(out, c)
		}
	}
	return out
}

func period(r *consent.DataRange, lang string) string {
	if r == nil {
		return "–"
	}
	return legible.Day(lang, r.From) + " – " + legible.Day(lang, r.To)
}

// often is said in the language of the page, also of the version before.
func often(t, page consent.Terms) string {
	return consent.Often(page.Notice.Lang, t.MaxUses, t.Frequency)
}

// kept is how long, and in which country.
func kept(t consent.Terms, lang string) string {
	return consent.Retained(lang, t.Retention) + ", " + web.Country(lang, t.Storage)
}
