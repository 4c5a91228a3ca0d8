package issuance

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// typeMetadata describes a type of credential (SD-JWT VC, "Type Metadata"). It
// holds no template for pictures: nothing of it is ever executed.
type typeMetadata struct {
	VCT         string        `json:"vct"`
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Display     []typeDisplay `json:"display"`
	Claims      []typeClaim   `json:"claims"`
}

type typeDisplay struct {
	Locale      string        `json:"locale"`
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Rendering   typeRendering `json:"rendering"`
}

type typeRendering struct {
	Simple typeSimple `json:"simple"`
}

type typeSimple struct {
	Logo            *typeLogo `json:"logo,omitempty"`
	BackgroundColor string    `json:"background_color"`
	TextColor       string    `json:"text_color"`
}

type typeLogo struct {
	URI       string `json:"uri"`
	Integrity string `json:"uri#integrity"`
	AltText   string `json:"alt_text"`
}

type typeClaim struct {
	Path      []any       `json:"path"`
	Display   []typeLabel `json:"display"`
	Mandatory bool        `json:"mandatory,omitempty"`
	SD        string      `json:"sd"`
}

type typeLabel struct {
	Locale string `json:"locale"`
	Label  string `json:"label"`
}

// vct of a kind: a URL of this issuer, at which its description is, or a name.
func (h *Handler) vct(k kind) string {
	if strings.HasPrefix(k.vct, "/") {
		return h.URL + k.vct
	}
	return k.vct
}

// integrity is the digest of a type's description, byte for byte as it is served
// (W3C SRI, 3): whoever fetches it knows that it is the issuer's. A type that is no
// URL cannot be fetched and has none.
func (h *Handler) integrity(k kind) string {
	if !strings.HasPrefix(k.vct, "/") {
		return ""
	}
	return credential.Integrity(h.described[k.config])
}

// describe writes the descriptions once: their bytes must not change while a
// credential names their digest, so the texts are those of the release.
func (h *Handler) describe(mux *http.ServeMux) {
	h.described = map[string][]byte{}
	for _, k := range kinds {
		if !strings.HasPrefix(k.vct, "/") {
			continue
		}
		body, err := json.Marshal(h.typeMetadata(k))
		if err != nil {
			panic("issuance: " + err.Error()) // texts alone
		}
		h.described[k.config] = body
		mux.HandleFunc("GET "+k.vct, func(w http.ResponseWriter, _ *http.Request) {
			public(w, "max-age=3600")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		})
	}
	mux.HandleFunc("GET "+logoPath, func(w http.ResponseWriter, _ *http.Request) {
		public(w, "max-age=86400")
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(logo)
	})
}

func (h *Handler) typeMetadata(k kind) typeMetadata {
	m := typeMetadata{VCT: h.vct(k), Name: h.Frame.Text("en", k.message), Description: h.Frame.Text("en", k.message+".about")}
	for _, l := range locales {
		m.Display = append(m.Display, typeDisplay{Locale: l.locale, Name: h.Frame.Text(l.lang, k.message),
			Description: h.Frame.Text(l.lang, k.message+".about"),
			Rendering: typeRendering{typeSimple{&typeLogo{h.URL + logoPath, credential.Integrity(logo), h.Frame.Text(l.lang, "issuance.logo")},
				background, foreground}}})
	}
	for _, c := range k.claims {
		claim := typeClaim{Path: []any{c.name}, Mandatory: c.mandatory, SD: "always"}
		for _, l := range locales {
			claim.Display = append(claim.Display, typeLabel{l.locale, h.Frame.Text(l.lang, "issuance.claim."+c.name)})
		}
		m.Claims = append(m.Claims, claim)
	}
	return m
}

// The colours of the cards: their contrast is 8 to 1.
const (
	background = "#0b4a8f"
	foreground = "#ffffff"
)

func (h *Handler) logo(lang string) *openid4vci.Logo {
	return &openid4vci.Logo{URI: h.URL + logoPath, AltText: h.Frame.Text(lang, "issuance.logo")}
}
