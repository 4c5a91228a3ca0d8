package issuance

import (
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

// show asks the logged-in citizen whether the wallet may have the card
// (OpenID4VCI 1.0, 5; it names each claim).
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	interaction, ok := h.interaction(w, r)
	if !ok {
		return
	}
	resident, err := h.Residents.Resident(r.Context(), interaction.Citizen)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	web.AllowForm(w, origins(interaction.Client.RedirectURIs)...)
	noStore(w)
	h.pages.Render(w, r, http.StatusOK, "issuance", map[string]any{
		"ID": interaction.ID, "Wallet": interaction.Client.DisplayName(web.Lang(r)), "Cards": asked(interaction),
		"NameKo": resident.NameKo, "NameLatin": resident.NameLatin,
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

// interaction finds the request that this browser is in the middle of.
func (h *Handler) interaction(w http.ResponseWriter, r *http.Request) (oauth.Interaction, bool) {
	interaction, err := h.Server.Interaction(r.Context(), r, r.PathValue("interaction"))
	if err != nil {
		h.fail(w, r, err)
		return oauth.Interaction{}, false
	}
	if interaction.Citizen == "" { // login first
		h.next(w, r, interaction.ID)
		return oauth.Interaction{}, false
	}
	return interaction, true
}

func (h *Handler) next(w http.ResponseWriter, r *http.Request, id string) {
	next, err := h.Server.Next(r.Context(), id)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (h *Handler) agree(w http.ResponseWriter, r *http.Request) {
	interaction, ok := h.interaction(w, r)
	if !ok {
		return
	}
	if err := h.Server.Done(r.Context(), r, interaction.ID, oauth.StepIssuance); err != nil {
		h.fail(w, r, err)
		return
	}
	h.next(w, r, interaction.ID)
}

func (h *Handler) deny(w http.ResponseWriter, r *http.Request) {
	interaction, ok := h.interaction(w, r)
	if !ok {
		return
	}
	back, err := h.Server.Deny(r.Context(), r, interaction.ID)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// origins of the places to which the form may lead: a browser applies the
// page's form-action to the redirects that follow.
func origins(redirects []string) []string {
	var all []string
	for _, raw := range redirects {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme == "" {
			continue
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			all = append(all, u.Scheme+":")
			continue
		}
		all = append(all, u.Scheme+"://"+u.Host)
	}
	return all
}
