package citizen

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// A Page is what an address answered, after the redirects.
type Page struct {
	URL    *url.URL
	Hops   []*url.URL // the addresses that redirected here, in order
	Status int
	Header http.Header
	Body   []byte
	Forms  []Form
	Links  []Link
}

// A Form of a page. Fields are what would be sent as it stands.
type Form struct {
	ID, Method string
	Action     *url.URL
	Fields     url.Values
	Boxes      map[string][]string // all values of each name's check boxes
	// Of a form that the passkey script serves: "get" or "create", or "".
	Passkey             string
	OptionsURL, DoneURL *url.URL
}

// A Link of a page.
type Link struct {
	ID  string
	URL *url.URL
}

// Form finds a form by its id or the end of its action's path; the second
// result says whether there is one.
func (p Page) Form(name string) (Form, bool) {
	for _, f := range p.Forms {
		if f.ID == name || strings.HasSuffix(f.Action.Path, name) {
			return f, true
		}
	}
	return Form{}, false
}

// read finds forms and links as a browser does, also in a page that XML would not be.
func (p *Page) read() {
	tokens := html.NewTokenizer(bytes.NewReader(p.Body))
	var form *Form
	for kind := tokens.Next(); kind != html.ErrorToken; kind = tokens.Next() {
		switch t := tokens.Token(); {
		case kind == html.EndTagToken && t.Data == "form":
			form = nil
		case kind != html.StartTagToken && kind != html.SelfClosingTagToken:
		case t.Data == "form":
			p.Forms = append(p.Forms, p.form(attributesOf(t)))
			form = &p.Forms[len(p.Forms)-1]
		case t.Data == "a":
			at := attributesOf(t)
			p.Links = append(p.Links, Link{ID: at["id"], URL: p.to(at["href"])})
		case t.Data == "input" || t.Data == "button":
			form.add(attributesOf(t))
		}
	}
}

func attributesOf(t html.Token) map[string]string {
	at := map[string]string{}
	for _, a := range t.Attr {
		at[a.Key] = a.Val
	}
	return at
}

// to resolves an address as a browser would; what it cannot read leads here.
func (p *Page) to(ref string) *url.URL {
	u, err := p.URL.Parse(ref)
	if err != nil {
		return p.URL
	}
	return u
}

func (p *Page) form(at map[string]string) Form {
	f := Form{
		ID: at["id"], Method: strings.ToUpper(at["method"]), Action: p.to(at["action"]),
		Fields: url.Values{}, Boxes: map[string][]string{}, Passkey: at["data-webauthn"],
	}
	if f.Passkey != "" {
		f.OptionsURL, f.DoneURL = p.to(at["data-options-url"]), p.to(at["data-finish-url"])
	}
	return f
}

func (f *Form) add(at map[string]string) {
	name, kind := at["name"], at["type"]
	if f == nil || name == "" || kind == "submit" {
		return
	}
	_, checked := at["checked"]
	if kind == "checkbox" {
		f.Boxes[name] = append(f.Boxes[name], at["value"])
	}
	if checked || kind != "checkbox" && kind != "radio" {
		f.Fields.Add(name, at["value"])
	}
}
