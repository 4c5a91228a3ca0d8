package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/legible"
)

// asked is the request page.
type asked struct {
	ID       string
	Who      string
	Where    string
	Needed   []question
	Optional []extra
	Signed   []signed
	None     bool // nothing here answers: it can only be declined
}

// signed is what the person authorizes by sharing: transaction data (OpenID4VP
// 1.0, section 5.1), whose types this wallet can show whole.
type signed struct {
	Type  string
	Facts []detail
}

type detail struct{ Name, Value string }

func signs(all []openid4vp.Transaction) (shown []signed) {
	for _, t := range all {
		s := signed{Type: t.Type}
		for _, d := range t.Details {
			s.Facts = append(s.Facts, detail{d.Name, fmt.Sprint(d.Value)})
		}
		shown = append(shown, s)
	}
	return shown
}

// question is one credential asked for, with the ways to answer.
type question struct {
	Query string
	Ways  []way
}

type way struct {
	Index int
	Card  string
	Facts []fact
}

// extra is what may be added; it is not ticked.
type extra struct {
	Index     int
	Questions []question
}

// request shows who asks for what, and what would be shared; nothing is sent.
func (p *phone) request(w http.ResponseWriter, r *http.Request) {
	a, err := p.wallet.ReadRequest(r.Context(), r.URL.Query().Get("link"))
	refusal, refused := errors.AsType[*wallet.Refusal](err)
	none := refused && refusal.Check == "credentials"
	if err != nil && !none {
		p.fail(w, r, err)
		return
	}
	l := lang(w, r)
	v := asked{ID: p.held.put(a), Who: legible.Clean(a.Authorization.Verifier.Subject.CommonName, maxWords), None: none}
	if uris := a.Authorization.Verifier.URIs; len(uris) > 0 {
		v.Where = uris[0].String() // escaped
	} else if names := a.Authorization.Verifier.DNSNames; len(names) > 0 {
		v.Where = legible.Clean(names[0], maxWords) // any ASCII
	}
	v.Signed = signs(a.Authorization.Transactions)
	for _, id := range a.Needed {
		v.Needed = append(v.Needed, p.question(a, id, l))
	}
	for i, set := range a.Optional {
		e := extra{Index: i}
		for _, id := range set {
			e.Questions = append(e.Questions, p.question(a, id, l))
		}
		v.Optional = append(v.Optional, e)
	}
	// The answer may lead on to where the verifier sends its user.
	follow(w, a.Authorization.ResponseURI)
	p.render(w, r, http.StatusOK, "request", v)
}

func (p *phone) question(a wallet.Asked, id, lang string) question {
	q := question{Query: id}
	for i, option := range a.Ways(id) {
		q.Ways = append(q.Ways, way{
			Index: i, Card: p.nameOf(option.Credential, lang), Facts: p.facts(option.Values, option.Credential.Metadata, lang),
		})
	}
	return q
}

// answer shares what was chosen, or declines.
func (p *phone) answer(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	a, ok := p.held.get(id).(wallet.Asked)
	if !ok {
		p.fail(w, r, &wallet.Refusal{Check: "request", Cause: "looked at too long ago; open the link again"})
		return
	}
	p.held.drop(id) // a request is answered once
	var next string
	var err error
	done := message{Title: "shared.title", Text: "shared.text", Good: true}
	if r.PostFormValue("decision") == "share" {
		var choices []wallet.Choice
		if choices, err = chosen(r, a); err == nil {
			next, err = p.wallet.Present(r.Context(), a, choices)
		}
	} else {
		done = message{Title: "declined.title", Text: "declined.text", Good: true}
		next, err = p.wallet.Decline(r.Context(), a)
	}
	refusal, refused := errors.AsType[*wallet.Refusal](err)
	switch {
	case refused && next != "": // answered, and not led on: what was sent was sent
		done.Check, done.Detail = refusal.Check, refusal.Cause
		p.say(w, r, http.StatusOK, done)
	case err != nil:
		p.fail(w, r, err)
	case next != "":
		http.Redirect(w, r, next, http.StatusSeeOther)
	default:
		p.render(w, r, http.StatusOK, "message", done)
	}
}

// chosen reads the form: needed questions always, optional ones when ticked.
func chosen(r *http.Request, a wallet.Asked) ([]wallet.Choice, error) {
	ids := slices.Clone(a.Needed)
	for i, set := range a.Optional {
		if r.PostFormValue("also-"+strconv.Itoa(i)) != "" {
			for _, id := range set {
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	var choices []wallet.Choice
	for _, id := range ids {
		at, err := strconv.Atoi(r.PostFormValue("way-" + id))
		if err != nil {
			return nil, &wallet.Refusal{Check: "choice", Cause: "no card was chosen"}
		}
		choices = append(choices, wallet.Choice{Query: id, Way: at})
	}
	return choices, nil
}
