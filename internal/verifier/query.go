package verifier

import (
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// Preset is a question that the page offers; its name is the message
// "verifier.ask.NAME".
type Preset struct {
	Name  string
	Query openid4vp.Query
}

// Presets are the questions of the demonstration: each as small as its purpose.
func Presets() []Preset {
	return []Preset{
		{Name: "identity", Query: residentCard("name", "birthdate")},
		{Name: "adult", Query: residentCard("age_over_19")},
		{Name: "address", Query: residentCard("name", "address")},
	}
}

func residentCard(claims ...string) openid4vp.Query {
	c := openid4vp.CredentialQuery{
		ID: "resident_card", Format: openid4vp.FormatSDJWT,
		Meta: &openid4vp.Meta{VCTValues: []string{credential.VCTResidentCard}},
	}
	for _, name := range claims {
		c.Claims = append(c.Claims, openid4vp.ClaimsQuery{ID: name, Path: openid4vp.Path{name}})
	}
	return openid4vp.Query{Credentials: []openid4vp.CredentialQuery{c}}
}
