package dashboard

import (
	"github.com/govmydata/mydata/pkg/credential"
)

// card is what was issued together, which the citizen sees as one: a wallet shows
// each copy to one verifier.
type card struct {
	credential.Issued
	Copies int `json:"copies,omitempty"` // when there are several
}

// Kind is the message that names the card.
func (c card) Kind() string { return cardName(c.Config) }

func cardName(config string) string {
	if config == credential.ConfigAgeCard {
		return "me.credential.age"
	}
	return "me.credential.card"
}

// cards puts copies together, in the order of the first that is met; a card is
// valid as long as one copy is.
func cards(all []credential.Issued, lang string) []card {
	out := []card{}
	at := map[string]int{}
	for _, c := range all {
		c.Device = credential.DeviceIn(c.Device, lang)
		i, met := at[c.Batch()]
		if !met {
			at[c.Batch()] = len(out)
			c.ID = c.Batch()
			out = append(out, card{Issued: c})
			continue
		}
		out[i].Copies = max(out[i].Copies, 1) + 1
		if c.Status == credential.Valid {
			out[i].Status, out[i].RevokedAt = c.Status, c.RevokedAt
		}
	}
	return out
}

// waiting is an issuance that an operator decides on, or has refused.
type waiting struct {
	credential.Deferral
}

// Kind is the message that names the card.
func (d waiting) Kind() string { return cardName(d.Config) }
