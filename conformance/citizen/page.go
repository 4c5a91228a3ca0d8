package citizen

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
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

// read finds forms and links; our pages are well-formed enough for the standard
// library's tokenizer.
func (p *Page) read() error {
	d := xml.NewDecoder(strings.NewReader(string(p.Body)))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var form *Form
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			at := attributesOf(t)
			switch t.Name.Local {
			case "form":
				p.Forms = append(p.Forms, p.form(at))
				form = &p.Forms[len(p.Forms)-1]
			case "a":
				p.Links = append(p.Links, Link{ID: at["id"], URL: p.to(at["href"])})
			case "input", "button":
				form.add(at)
			}
		case xml.EndElement:
			if t.Name.Local == "form" {
				form = nil
			}
		}
	}
}

func attributesOf(t xml.StartElement) map[string]string {
	at := map[string]string{}
	for _, a := range t.Attr {
		at[a.Name.Local] = a.Value
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
