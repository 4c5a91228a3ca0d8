package main

import (
	"net/http"

	"github.com/govmydata/mydata/conformance/wallet"
)

// later is the page of a card that the issuer does not give yet (OpenID4VCI 1.0,
// section 9).
type later struct{ ID string }

// collect asks again, as often as the person likes.
func (p *phone) collect(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	waits, ok := p.held.get(id).(*wallet.Later)
	if !ok {
		p.fail(w, r, &wallet.Refusal{Check: "deferred", Cause: "asked for too long ago; get a new offer"})
		return
	}
	cards, err := p.wallet.Collect(r.Context(), waits)
	if err == nil {
		p.held.drop(id)
	}
	p.arrived(w, r, cards, err)
}
