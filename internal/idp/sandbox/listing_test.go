package sandbox

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// bureau is an agency that has joined.
type bureau struct {
	id    string
	key   *ecdsa.PrivateKey
	chain [][]byte
}

func (s *site) bureau(t *testing.T, slug string) bureau {
	t.Helper()
	key := newKey(t)
	return bureau{agencyPrefix + slug, key, s.chain(t, slug, key)}
}

// issuing has an agency's entry say where it issues documents.
func (s *site) issuing(t *testing.T, b bureau, address string) []byte {
	t.Helper()
	key := jose.JSONWebKey{Key: b.key.Public(), KeyID: "e", Use: "enc", Algorithm: string(jose.ECDH_ES)}
	entry, err := catalogue.SignEntry(catalogue.Entry{Issuer: b.id, IssuedAt: s.at.Unix(), Name: catalogue.Text{"en": "Office", "ko": "기관"}, Contact: "a@agency.example",
		JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}, CredentialIssuer: address, Documents: []catalogue.Document{{ID: "extract", Title: catalogue.Text{"en": "Extract", "ko": "초본"}}}}, b.key, b.chain)
	if err != nil {
		t.Fatal(err)
	}
	return s.listing(t, b.id, b.key, b.chain, func(l *Listing) { l.Entry = entry })
}

// What an agency lists as its issuer is what it was certified for: the hub gives
// tokens, and says who the person is, by the listing.
//
//clause:kit a sandbox keeps agencies apart
func TestListingOfAnIssuer(t *testing.T) {
	s := newSite(t)
	office, other := s.bureau(t, "office"), s.bureau(t, "other")
	const mine = "http://localhost:8085/documents"
	body, _ := json.Marshal(Registration{Slug: "office", Name: "Office", CSR: request(t, office.key), RedirectURI: "http://localhost:9/callback", CredentialIssuer: mine, DocumentsCSR: request(t, newKey(t))})
	if status, text := s.post("/sandbox/agencies", "application/json", body); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	for name, tt := range map[string]struct {
		who     bureau
		address string
		status  int
	}{
		"it refuses another's address":       {other, mine, http.StatusConflict},
		"it refuses an address of nobody":    {other, "http://localhost:8086/documents", http.StatusConflict},
		"it refuses the hub's":               {other, s.Hub, http.StatusConflict},
		"it refuses an agency's second":      {office, mine + "/2", http.StatusConflict},
		"it takes what it was certified for": {office, mine, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			if status, text := s.post("/sandbox/listings", "application/jose", s.issuing(t, tt.who, tt.address)); status != tt.status || status != 200 && !strings.Contains(text, `"check":"credential_issuer"`) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}

// A refusal says whose turn it is, and what cannot be published is no fault of the hub's.
//
//clause:kit a sandbox keeps agencies apart
func TestListingRefusesByName(t *testing.T) {
	s := newSite(t)
	office, other := s.bureau(t, "office"), s.bureau(t, "other")
	text := catalogue.Text{"en": "X", "ko": "엑스"}
	reads := func(code, set string) func(*Listing) {
		return func(l *Listing) {
			l.Purposes = []catalogue.Purpose{{Code: code, Text: text, MaxUses: 1, MaxDays: 1, DataSets: []string{set}}}
		}
	}
	gives := func(schema string) func(*Listing) {
		return func(l *Listing) {
			set := dataSet("facts", office.id)
			set.Schema = json.RawMessage(schema)
			l.DataSets = []catalogue.DataSet{set}
		}
	}
	for _, tt := range []struct {
		name   string
		who    bureau
		bend   func(*Listing)
		status int
		says   string
	}{
		{"it waits for a data set's provider", other, reads("other_x", "facts"), 400, `data set \"facts\" is not there: its provider has to join first`},
		{"it refuses a schema that says a thing twice", office, gives(`{"type":"object","type":"object"}`), 400, "Duplicate key"},
		{"it refuses a schema of numbers out of bounds", office, gives(`{"type":"object","minimum":1e999}`), 400, "facts"},
		{"it refuses a schema that is too deep", office, gives(strings.Repeat(`{"not":`, 200) + "{}" + strings.Repeat("}", 200)), 400, "facts"},
		{"it takes a data set", office, gives(`{"type":"object"}`), 200, ""},
		{"it takes its reader", other, reads("other_x", "facts"), 200, ""},
		{"it names who reads what would go", office, nil, 409, `purpose \"other_x\" of other reads it: that agency`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, said := s.post("/sandbox/listings", "application/jose", s.listing(t, tt.who.id, tt.who.key, tt.who.chain, tt.bend)); status != tt.status || !strings.Contains(said, tt.says) {
				t.Errorf("%d %s", status, said)
			}
		})
	}
}
