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
	"github.com/govmydata/mydata/pkg/legible"
)

// card is a credential as the page shows it.
type card struct {
	wallet.Credential
	Name       string
	IssuerName string
	Facts      []fact
}

type fact struct{ Path, Label, Value string }

// maxWords is how much of one text of a stranger is shown.
const maxWords = 600

// registered claims of SD-JWT VC are machinery, not what a person reads.
var registered = []string{"iss", "iat", "nbf", "exp", "cnf", "vct", "status", "sub", "vct#integrity"}

func (p *phone) describe(c wallet.Credential, lang string) card {
	d := card{Credential: c, Name: p.nameOf(c, lang), IssuerName: display(c.IssuerNames, lang)}
	d.Issuer = legible.Clean(c.Issuer, maxWords)
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
	return legible.Clean(c.VCT, maxWords)
}

// facts flattens claims, named and ordered as the issuer does where it does.
func (p *phone) facts(claims map[string]any, m *openid4vci.CredentialMetadata, lang string) []fact {
	list := flatten(nil, claims)
	slices.SortStableFunc(list, func(a, b fact) int { return place(a.Path, m) - place(b.Path, m) })
	for i, f := range list {
		list[i].Label = p.labelOf(f.Path, m, lang)
		if text := p.texts[lang]["value."+f.Value]; text != "" {
			list[i].Value = text
		}
		list[i].Label, list[i].Value = legible.Clean(list[i].Label, maxWords), legible.Clean(legible.Day(lang, list[i].Value), maxWords)
	}
	return list
}

// place is where the issuer's metadata lists the claim at path, or the one that
// it is a part of.
func place(path string, m *openid4vci.CredentialMetadata) int {
	if m == nil {
		return 0
	}
	for i, c := range m.Claims {
		name := openid4vp.Path(c.Path).Name()
		if path == name || strings.HasPrefix(path, name+".") {
			return i
		}
	}
	return len(m.Claims)
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

// labelOf names a claim; a part of one is named after the whole, and by its own
// name besides, save that "formatted" is the whole in words (OpenID Connect
// Core, 5.1.1).
func (p *phone) labelOf(path string, m *openid4vci.CredentialMetadata, lang string) string {
	whole := strings.TrimSuffix(path, ".formatted")
	for part := ""; ; {
		if name := p.nameOfClaim(whole, m, lang); name != "" {
			return name + part
		}
		at := strings.LastIndexByte(whole, '.')
		if at < 0 {
			return path
		}
		whole, part = whole[:at], " · "+whole[at+1:]+part
	}
}

func (p *phone) nameOfClaim(path string, m *openid4vci.CredentialMetadata, lang string) string {
	if i := place(path, m); m != nil && i < len(m.Claims) && openid4vp.Path(m.Claims[i].Path).Name() == path {
		if name := display(m.Claims[i].Display, lang); name != "" {
			return name
		}
	}
	return p.texts[lang]["claim."+path]
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
		if answer.Status == http.StatusServiceUnavailable || answer.Status == http.StatusTooManyRequests {
			m.Text, status = "fail.later", http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "5")
		}
	} else if errors.Is(err, wallet.ErrNotHeld) {
		m.Text, status = "fail.gone", http.StatusNotFound
	} else if m.Text = "fail.reach"; r.Method != http.MethodGet {
		status = http.StatusBadGateway // else the link is at fault that led there
	}
	slog.InfoContext(r.Context(), "refused", "route", r.Pattern, "check", m.Check, "err", err)
	p.say(w, r, status, m)
}

// say shows a message; its details are often a stranger's words.
func (p *phone) say(w http.ResponseWriter, r *http.Request, status int, m message) {
	m.Check, m.Detail = legible.Clean(m.Check, maxWords), legible.Clean(m.Detail, maxWords)
	p.render(w, r, status, "message", m)
}
