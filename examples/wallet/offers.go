package main

import (
	"errors"
	"net/http"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/legible"
)

const stateCookie = "mydata_wallet_state"

// offered is the offer page.
type offered struct {
	ID         string
	Issuer     string // its address
	IssuerName string // by its own word
	Cards      []offeredCard
	TxCode     *txCode
	Code       bool // by signing in at the issuer
	Wrong      bool // the transaction code was refused
}

type offeredCard struct {
	Name   string
	Claims []string
}

type txCode struct {
	Numeric     bool
	Length      int
	Description string
}

// offer shows what is offered; nothing is spent.
func (p *phone) offer(w http.ResponseWriter, r *http.Request) {
	o, err := p.wallet.ReadOffer(r.Context(), r.URL.Query().Get("link"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.showOffer(w, r, http.StatusOK, p.held.put(o), o, false)
}

func (p *phone) showOffer(w http.ResponseWriter, r *http.Request, status int, id string, o wallet.Offered, wrong bool) {
	l := lang(w, r)
	v := offered{
		ID: id, Issuer: legible.Clean(o.Issuer.CredentialIssuer, maxWords), IssuerName: display(o.Issuer.Display, l), Code: !o.PreAuthorized(), Wrong: wrong,
	}
	for _, c := range o.Configurations {
		oc := offeredCard{Name: legible.Clean(c.VCT, maxWords)}
		if c.CredentialMetadata != nil {
			if name := display(c.CredentialMetadata.Display, l); name != "" {
				oc.Name = name
			}
			for _, claim := range c.CredentialMetadata.Claims {
				if name := display(claim.Display, l); name != "" {
					oc.Claims = append(oc.Claims, name)
				}
			}
		}
		v.Cards = append(v.Cards, oc)
	}
	if tx := o.TxCode(); tx != nil {
		v.TxCode = &txCode{Numeric: tx.InputMode != "text", Length: tx.Length, Description: legible.Clean(tx.Description, maxWords)}
	}
	if v.Code {
		follow(w, o.Server.AuthorizationEndpoint)
	}
	p.render(w, r, status, "offer", v)
}

// accept redeems the offer, or sends the person to the issuer to sign in.
func (p *phone) accept(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	o, ok := p.held.get(id).(wallet.Offered)
	if !ok {
		p.fail(w, r, &wallet.Refusal{Check: "offer", Cause: "looked at too long ago; open the link again"})
		return
	}
	if !o.PreAuthorized() {
		address, state, err := p.wallet.Begin(r.Context(), o)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		p.held.drop(id)
		//nolint:gosec // G124: the demo wallet is reached by plain http on loop-back.
		http.SetCookie(w, &http.Cookie{Name: stateCookie, Value: state, Path: "/callback", MaxAge: 900, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, address, http.StatusSeeOther)
		return
	}
	if o.TxCode() != nil && r.PostFormValue("tx_code") == "" {
		p.showOffer(w, r, http.StatusBadRequest, id, o, true)
		return
	}
	cards, err := p.wallet.Accept(r.Context(), o, r.PostFormValue("tx_code"))
	if answer, ok := errors.AsType[*wallet.Answer](err); ok && answer.Endpoint == "token" && o.TxCode() != nil {
		// The offer survives a wrong code, so the person may try again.
		p.showOffer(w, r, http.StatusBadRequest, id, o, true)
		return
	}
	p.held.drop(id)
	p.arrived(w, r, cards, err)
}

// callback comes back from the issuer, in the browser that left.
func (p *phone) callback(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(stateCookie)
	if err != nil || cookie.Value != r.URL.Query().Get("state") {
		p.fail(w, r, &wallet.Refusal{Check: "state", Cause: "this browser did not start it"})
		return
	}
	//nolint:gosec // G124: the demo wallet is reached by plain http on loop-back.
	http.SetCookie(w, &http.Cookie{Name: stateCookie, Path: "/callback", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	cards, err := p.wallet.Finish(r.Context(), r.URL.Query())
	p.arrived(w, r, cards, err)
}

func (p *phone) arrived(w http.ResponseWriter, r *http.Request, cards []wallet.Credential, err error) {
	if waits, ok := errors.AsType[*wallet.Later](err); ok {
		p.render(w, r, http.StatusOK, "later", later{ID: p.held.put(waits)})
		return
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/?new="+cards[len(cards)-1].ID, http.StatusSeeOther)
}
