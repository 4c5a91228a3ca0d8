package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// card is a credential as the page shows it.
type card struct {
	wallet.Credential
	Name  string
	Facts []fact
}

type fact struct{ Path, Label, Value string }

// registered claims of SD-JWT VC are machinery, not what a person reads.
var registered = []string{"iss", "iat", "nbf", "exp", "cnf", "vct", "status", "sub", "vct#integrity"}

func (p *phone) describe(c wallet.Credential, lang string) card {
	d := card{Credential: c, Name: p.nameOf(c, lang)}
	claims, err := wallet.Claims(c)
	if err != nil {
		return d // the card's page says so by being empty
	}
	for _, name := range registered {
		delete(claims, name)
	}
	d.Facts = p.facts(claims, c.Metadata, lang)
	return d
}

func (p *phone) nameOf(c wallet.Credential, lang string) string {
	if c.Metadata != nil {
		if name := display(c.Metadata.Display, lang); name != "" {
			return name
		}
	}
	return c.VCT
}

// facts flattens claims, named as the issuer names them where it does.
func (p *phone) facts(claims map[string]any, m *openid4vci.CredentialMetadata, lang string) []fact {
	var list []fact
	for _, f := range flatten(nil, claims) {
		f.Label = p.labelOf(f.Path, m, lang)
		if text := p.texts[lang]["value."+f.Value]; text != "" {
			f.Value = text
		}
		list = append(list, f)
	}
	return list
}

func flatten(path []string, value any) []fact {
	var list []fact
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = append(list, flatten(append(slices.Clone(path), name), v[name])...)
		}
	case []any:
		for i, element := range v {
			list = append(list, flatten(append(slices.Clone(path), fmt.Sprint(i)), element)...)
		}
	default:
		list = append(list, fact{Path: strings.Join(path, "."), Value: fmt.Sprint(value)})
	}
	return list
}

func (p *phone) labelOf(path string, m *openid4vci.CredentialMetadata, lang string) string {
	if m != nil {
		for _, c := range m.Claims {
			if openid4vp.Path(c.Path).Name() == path {
				if name := display(c.Display, lang); name != "" {
					return name
				}
			}
		}
	}
	if text := p.texts[lang]["claim."+path]; text != "" {
		return text
	}
	return path
}

func (p *phone) home(w http.ResponseWriter, r *http.Request) {
	q, l := r.URL.Query(), lang(w, r)
	switch {
	case q.Get("offer") != "":
		http.Redirect(w, r, "/offer?link="+url.QueryEscape(q.Get("offer")), http.StatusSeeOther)
		return
	case q.Get("request") != "":
		http.Redirect(w, r, "/request?link="+url.QueryEscape(q.Get("request")), http.StatusSeeOther)
		return
	}
	var cards []card
	for _, c := range p.wallet.Store().List() {
		cards = append(cards, p.describe(c, l))
	}
	p.render(w, r, http.StatusOK, "home", map[string]any{"Cards": cards, "Hub": p.hub, "New": q.Get("new")})
}

// open takes a pasted link of either kind.
func (p *phone) open(w http.ResponseWriter, r *http.Request) {
	link := strings.TrimSpace(r.URL.Query().Get("link"))
	switch {
	case strings.HasPrefix(link, "openid-credential-offer:"):
		http.Redirect(w, r, "/offer?link="+url.QueryEscape(link), http.StatusSeeOther)
	case strings.HasPrefix(link, openid4vp.Scheme):
		http.Redirect(w, r, "/request?link="+url.QueryEscape(link), http.StatusSeeOther)
	default:
		p.fail(w, r, &wallet.Refusal{Check: "link", Cause: "neither an offer nor a request"})
	}
}

func (p *phone) card(w http.ResponseWriter, r *http.Request) {
	c, err := p.wallet.Store().Get(r.PathValue("id"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.render(w, r, http.StatusOK, "card", p.describe(c, lang(w, r)))
}

func (p *phone) remove(w http.ResponseWriter, r *http.Request) {
	if err := p.wallet.Store().Delete(r.PathValue("id")); err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// message is a page of one message and a way on.
type message struct {
	Title, Text, Check, Detail string
	Good                       bool
}

// fail says what was refused, by whom, and by which check.
func (p *phone) fail(w http.ResponseWriter, r *http.Request, err error) {
	m := message{Title: "fail.title", Text: "fail.text", Detail: err.Error()}
	status := http.StatusBadRequest
	if refusal, ok := errors.AsType[*wallet.Refusal](err); ok {
		m.Text, m.Check, m.Detail = "fail.refused", refusal.Check, refusal.Cause
		if refusal.Check == "credentials" {
			m.Text = "fail.none"
		}
	} else if answer, ok := errors.AsType[*wallet.Answer](err); ok {
		m.Text, m.Check, m.Detail = "fail.answer", answer.Code, answer.Error()
	} else if errors.Is(err, wallet.ErrNotHeld) {
		m.Text, status = "fail.gone", http.StatusNotFound
	} else {
		m.Text, status = "fail.reach", http.StatusBadGateway
	}
	slog.InfoContext(r.Context(), "refused", "path", r.URL.Path, "check", m.Check, "err", err)
	p.render(w, r, status, "message", m)
}
