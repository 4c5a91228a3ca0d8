package catalogue_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
)

func TestParse(t *testing.T) {
	raw, err := json.Marshal(newWorld(t).catalogue)
	ok(t, "marshal", err)
	for _, c := range []struct{ name, text, says string }{
		{"it takes a catalogue", string(raw), ""},
		{"it takes it in any spelling", " " + string(raw), ""},
		{"it refuses an unknown member", strings.Replace(string(raw), `"version":1`, `"version":1,"more":1`, 1), "unknown"},
		{"it refuses a name in other letters", strings.Replace(string(raw), `"version"`, `"Version"`, 1), "unknown"},
		{"it refuses a member twice", strings.Replace(string(raw), `"version":1`, `"version":1,"version":1`, 1), "uplicate"},
		{"it refuses a number that is none", strings.Replace(string(raw), `"version":1`, `"version":1.5`, 1), "1.5"},
		{"it refuses what is endless", string(raw) + strings.Repeat(" ", 16<<20), "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parsed, err := catalogue.Parse([]byte(c.text))
			if c.says != "" {
				refusal(t, err, c.says)
				return
			}
			ok(t, "parse", err)
			ok(t, "validate", parsed.Validate())
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		bend       func(c *catalogue.Catalogue)
	}{
		{"it refuses no version", "version", func(c *catalogue.Catalogue) { c.Version = 0 }},
		{"it refuses an agency twice", "twice", func(c *catalogue.Catalogue) { c.Agencies[1].ID = c.Agencies[0].ID }},
		{"it refuses an agency without URI", "not a URI", func(c *catalogue.Catalogue) { c.Agencies[1].ID = "agency" }},
		{"it refuses an endless id", "not a URI", func(c *catalogue.Catalogue) { c.Agencies[1].ID += strings.Repeat("a", 200) }},
		{"it refuses a text in one language", `"ko" is missing`, func(c *catalogue.Catalogue) { c.Agencies[1].Name = catalogue.Text{"en": "a"} }},
		{"it refuses an empty text", `"ko" is missing`, func(c *catalogue.Catalogue) { c.Agencies[1].Name = catalogue.Text{"en": "a", "ko": ""} }},
		{"it refuses an endless text", "too long", func(c *catalogue.Catalogue) { c.Agencies[1].Name = text(strings.Repeat("a", 401)) }},
		{"it refuses a language that nobody reads", "unknown language", func(c *catalogue.Catalogue) {
			c.Agencies[1].Name = catalogue.Text{"en": "a", "ko": "a", "xx": "\u202e"}
		}},
		{"it refuses a text that forges a line", "text in", func(c *catalogue.Catalogue) { c.Purposes[0].Text = text("a\nLegal basis: none") }},
		{"it refuses a text that turns around", "text in", func(c *catalogue.Catalogue) { c.Purposes[0].Text = text("a\u202eb") }},
		{"it refuses a text that cannot be seen", "text in", func(c *catalogue.Catalogue) { c.DataSets[0].Title = text("\u3164") }},
		{"it refuses a label with a hidden part", `field "left"`, func(c *catalogue.Catalogue) { c.DataSets[0].Fields[0].Label = text("a\u200bb") }},
		{"it refuses an answer's label with a hidden part", `claim "ok"`, func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].Label = text("a\u200bb") }},
		{"it refuses a contact that forges a line", "contact", func(c *catalogue.Catalogue) { c.Agencies[1].Contact = "a\nb" }},
		{"it refuses an id that turns around", "the id", func(c *catalogue.Catalogue) { c.Agencies[1].ID += "\u202eb" }},
		{"it refuses a stray country", "country", func(c *catalogue.Catalogue) { c.Agencies[1].Jurisdiction = "Korea" }},
		{"it refuses a stray address for signals", "signals", func(c *catalogue.Catalogue) { c.Agencies[1].Signals = "signals" }},
		{"it refuses a stray release address", "release", func(c *catalogue.Catalogue) { c.Agencies[1].Release = "release" }},
		{"it refuses documents without an issuer", "no credential issuer", issues(func(a *catalogue.Agency) { a.CredentialIssuer = "" })},
		{"it refuses an issuer that is no address", "not a web address", issues(func(a *catalogue.Agency) { a.CredentialIssuer = "urn:issuer" })},
		{"it refuses an issuer of another scheme", "not a web address", issues(func(a *catalogue.Agency) { a.CredentialIssuer = "ftp://a.example" })},
		{"it refuses an issuer with a slash at its end", "not a web address", issues(func(a *catalogue.Agency) { a.CredentialIssuer += "/" })},
		{"it refuses an issuer with a query", "not a web address", issues(func(a *catalogue.Agency) { a.CredentialIssuer += "?x" })},
		{"it refuses an issuer with a name in it", "not a web address", issues(func(a *catalogue.Agency) { a.CredentialIssuer = "https://x@a.example" })},
		{"it refuses an endless issuer", "not a web address", issues(func(a *catalogue.Agency) { a.CredentialIssuer += strings.Repeat("a", 200) })},
		{"it refuses an issuer that turns around", "the credential issuer", issues(func(a *catalogue.Agency) { a.CredentialIssuer += "/\u202eb" })},
		{"it refuses an issuer to whom nobody can encrypt", "needs an encryption key", issues(func(a *catalogue.Agency) { a.EncryptionKey = nil })},
		{"it refuses an issuer of nothing", "1 to 50 documents", issues(func(a *catalogue.Agency) { a.Documents = nil })},
		{"it refuses an issuer of too much", "1 to 50 documents", issues(func(a *catalogue.Agency) { a.Documents = make([]catalogue.Document, 51) })},
		{"it refuses a document twice", "is there twice", issues(func(a *catalogue.Agency) { a.Documents = append(a.Documents, a.Documents[0]) })},
		{"it refuses a document without a plain name", "not a plain name", issues(func(a *catalogue.Agency) { a.Documents[0].ID = "an extract" })},
		{"it refuses a document's title with a hidden part", `document "extract"`, issues(func(a *catalogue.Agency) { a.Documents[0].Title = text("a\u200bb") })},
		{"it refuses two agencies with one issuer", "have one credential issuer", func(c *catalogue.Catalogue) {
			issues(func(*catalogue.Agency) {})(c)
			c.Agencies[0].CredentialIssuer, c.Agencies[0].Documents = c.Agencies[1].CredentialIssuer, c.Agencies[1].Documents
		}},
		{"it refuses a private key", "not a public key", func(c *catalogue.Catalogue) {
			key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			c.Agencies[1].EncryptionKey = &jose.JSONWebKey{Key: key}
		}},
		{"it refuses a data set twice", "twice", func(c *catalogue.Catalogue) { c.DataSets = append(c.DataSets, c.DataSets[0]) }},
		{"it refuses an unknown provider", "is not", func(c *catalogue.Catalogue) { c.DataSets[0].Provider = "urn:x" }},
		{"it refuses a stray data set", "plain name", func(c *catalogue.Catalogue) { c.DataSets[0].ID = "Check up" }},
		{"it refuses a schema that is no JSON", "not JSON", func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{`) }},
		{"it refuses a broken schema", "schema", func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{"type":7}`) }},
		{"it refuses a schema from elsewhere", "outside itself", func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{"$ref":"https://x.example/s"}`) }},
		{"it refuses a schema from a file", "outside itself", func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{"$ref":"file:///etc/passwd"}`) }},
		{"it refuses a field twice", `field "left"`, func(c *catalogue.Catalogue) {
			c.DataSets[0].Fields = append(c.DataSets[0].Fields, c.DataSets[0].Fields[0])
		}},
		{"it refuses a stray field", "plain name", func(c *catalogue.Catalogue) {
			c.DataSets[0].Fields = append(c.DataSets[0].Fields, catalogue.Field{Name: "a b", Label: text("a")})
		}},
		{"it refuses a claim twice", "is there twice", func(c *catalogue.Catalogue) {
			c.DataSets[0].Derived = append(c.DataSets[0].Derived, c.DataSets[0].Derived[0])
		}},
		{"it refuses a stray claim", "plain name", func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].Claim = "o k" }},
		{"it refuses a claim from no field", "is no field", func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].From = []string{"right"} }},
		{"it refuses a claim from nothing", "reads no field", func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].From = nil }},
		{"it refuses a purpose twice", "twice", func(c *catalogue.Catalogue) { c.Purposes = append(c.Purposes, c.Purposes[0]) }},
		{"it refuses a stray purpose", "plain name", func(c *catalogue.Catalogue) { c.Purposes[0].Code = "Renewal!" }},
		{"it refuses a purpose without bounds", "bounds", func(c *catalogue.Catalogue) { c.Purposes[0].MaxUses = 0 }},
		{"it refuses a purpose without an end", "bounds", func(c *catalogue.Catalogue) { c.Purposes[0].MaxDays = 3661 }},
		{"it refuses a purpose for nothing here", "is not there", func(c *catalogue.Catalogue) { c.Purposes[0].DataSets = []string{"tax"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.bend(&w.catalogue)
			refusal(t, w.catalogue.Validate(), c.says)
			if _, err := catalogue.Sign(w.catalogue, w.hub, "hub"); err == nil {
				t.Error("it is signed")
			}
		})
	}
	t.Run("it fits no record to a schema that is none", func(t *testing.T) {
		refusal(t, catalogue.DataSet{Schema: json.RawMessage(`{`)}.Check([]byte(`{}`)), "schema")
	})
}

// The unsigned file that an operator publishes is read as strictly.
func FuzzValidate(f *testing.F) {
	raw, err := json.Marshal(newWorld(f).catalogue)
	ok(f, "marshal", err)
	f.Add(raw)
	f.Add([]byte(`{"version":1,"data_sets":[{"id":"a","schema":{"$ref":"#"}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c catalogue.Catalogue
		if json.Unmarshal(raw, &c) == nil {
			_ = c.Validate()
		}
	})
}

// issues makes the second agency an issuer, and bends that.
func issues(bend func(*catalogue.Agency)) func(*catalogue.Catalogue) {
	return func(c *catalogue.Catalogue) {
		c.Agencies[1].CredentialIssuer = "https://b.example/documents"
		c.Agencies[1].Documents = []catalogue.Document{{ID: "extract", Title: text("Extract")}}
		bend(&c.Agencies[1])
	}
}

func TestIssuer(t *testing.T) {
	c := newWorld(t).catalogue
	issues(func(*catalogue.Agency) {})(&c)
	ok(t, "validate", c.Validate())
	a, found := c.Issuer("https://b.example/documents")
	if d, known := a.Document("extract"); !found || !known || a.ID != c.Agencies[1].ID || d.Title["ko"] != "Extract" {
		t.Errorf("%+v %+v", a, d)
	}
	for _, other := range []string{"", "https://b.example/documents/", "https://B.example/documents"} {
		if a, found := c.Issuer(other); found {
			t.Errorf("%q is of %s", other, a.ID)
		}
	}
	if _, known := a.Document("other"); known {
		t.Error("it has another document")
	}
}
