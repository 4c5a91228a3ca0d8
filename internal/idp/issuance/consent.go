package issuance

import (
	"net/http"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

// show asks the logged-in citizen whether the wallet may have the card
// (OpenID4VCI 1.0, 5; it names each claim).
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	interaction, ok := h.question.Asked(w, r)
	if !ok {
		return
	}
	resident, err := h.Residents.Resident(r.Context(), interaction.Citizen)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	web.AllowForm(w, interaction.Client.RedirectURIs...)
	noStore(w)
	h.pages.Render(w, r, http.StatusOK, "issuance", map[string]any{
		"ID": interaction.ID, "Wallet": interaction.Client.DisplayName(web.Lang(r)), "Cards": asked(interaction), "Stranger": interaction.Stranger,
		"NameKo": resident.NameKo, "NameLatin": resident.NameLatin, "Open": interaction.Until,
	})
}

// card is what the page tells of one kind.
type card struct {
	Title  string // message
	Claims []string
}

// asked are the kinds that a request asks for, by scope and by
// authorization_details, each once.
func asked(interaction oauth.Interaction) []card {
	token := oauth.Token{Scopes: interaction.Scopes, Refs: interaction.Refs}
	var cards []card
	for _, k := range kinds {
		if !granted(token, k) && !scoped(token, k) {
			continue
		}
		c := card{Title: k.message}
		for _, claim := range k.claims {
			c.Claims = append(c.Claims, claim.name)
		}
		cards = append(cards, c)
	}
	return cards
}
