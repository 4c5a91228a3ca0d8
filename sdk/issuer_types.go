package sdk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/pkg/credential"
)

// typesPath is where types of the Issuer's own are described: a Document whose Type
// is an address below it is, others are names alone.
const typesPath = "/types/"

// described is a type's description (SD-JWT VC draft, Type Metadata).
type described struct {
	VCT     string           `json:"vct"`
	Name    string           `json:"name"`
	Display []typeName       `json:"display,omitempty"`
	Claims  []describedClaim `json:"claims"`
}

type typeName struct {
	Locale string `json:"locale"`
	Name   string `json:"name,omitempty"`
	Label  string `json:"label,omitempty"`
}

type describedClaim struct {
	Path    []string   `json:"path"`
	Display []typeName `json:"display,omitempty"`
	SD      string     `json:"sd"`
}

// describe writes the descriptions once, by the path at which each is served: a
// document names the digest of these very bytes.
func (c *IssuerConfig) describe() (map[string][]byte, error) {
	all := map[string][]byte{}
	for id, d := range c.Documents {
		path, own := strings.CutPrefix(d.Type, c.URL+typesPath)
		if !own {
			continue
		}
		if strings.Trim(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/") != "" || path == "" ||
			strings.Contains("/"+path+"/", "//") || all[path] != nil {
			return nil, fmt.Errorf("document %q: Type %q: letters, digits, - and _ below %s%s, for one document", id, d.Type, c.URL, typesPath)
		}
		t := described{VCT: d.Type, Name: id}
		for _, one := range display(d.Display) {
			t.Display = append(t.Display, typeName{Locale: one.Locale, Name: one.Name})
		}
		for _, name := range d.Claims {
			claim := describedClaim{Path: []string{name}, SD: "always"}
			for _, one := range display(d.Labels[name]) {
				claim.Display = append(claim.Display, typeName{Locale: one.Locale, Label: one.Name})
			}
			t.Claims = append(t.Claims, claim)
		}
		body, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		all[path] = body
	}
	return all, nil
}

// integrity is a type's vct#integrity; "" for one that is not described here.
func (i *Issuer) integrity(vct string) string {
	path, _ := strings.CutPrefix(vct, i.config.URL+typesPath)
	if body, ok := i.types[path]; ok {
		return credential.Integrity(body)
	}
	return ""
}

func (i *Issuer) describedType(w http.ResponseWriter, r *http.Request) {
	body, ok := i.types[r.PathValue("type")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	public(w, "max-age=3600")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
