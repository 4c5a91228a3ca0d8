package sandbox

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// site is the face over a CA of its own; what it publishes is checked as the
// registry checks it.
type site struct {
	*Handler
	ca      *keys.Authority
	mux     http.Handler
	names   map[string]string
	clients map[string]string
	now     *catalogue.Catalogue
	at      time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	ca, err := keys.SandboxCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{ca: ca, names: map[string]string{}, clients: map[string]string{}, at: time.Now()}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler), Zone: time.UTC})
	s.Handler = &Handler{Frame: frame, Roots: roots, Now: func() time.Time { return s.at },
		Claim: func(_ context.Context, limit int, claims ...Claim) (bool, error) {
			for _, c := range claims {
				if was, ok := s.names[c.Name]; ok && was != c.Key || !ok && len(s.names) >= limit {
					return false, nil
				}
			}
			for _, c := range claims {
				s.names[c.Name] = c.Key
			}
			return true, nil
		},
		Certify: func(key *ecdsa.PublicKey, id, name string) ([][]byte, error) {
			return ca.Issue(keys.Certificate{Key: key, Name: name, URI: id})
		},
		CertifyDocuments: func(key *ecdsa.PublicKey, issuer, name string) ([][]byte, error) {
			return ca.Issue(keys.Certificate{Key: key, Name: name, URI: issuer})
		},
		Hub: "http://localhost:8080",
		AddClient: func(_ context.Context, metadata json.RawMessage) error {
			c, _, err := registry.ParseMetadata(metadata)
			if was, ok := s.clients[c.ID]; err == nil && ok && was != string(metadata) {
				return registry.ErrTaken
			}
			s.clients[c.ID] = string(metadata)
			return err
		},
		Catalogue: func() *catalogue.Catalogue { return s.now },
		Publish: func(_ context.Context, raw json.RawMessage) (int64, error) {
			c, err := catalogue.Parse(raw)
			if err != nil {
				return 0, err
			}
			c.Version++
			s.now = &c
			return c.Version, nil
		},
		Trust: func(context.Context) (map[string][]byte, error) {
			return map[string][]byte{"agency-ca.pem": []byte("pem")}, nil
		},
	}
	mux := http.NewServeMux()
	s.Mount(mux)
	s.mux = frame.Handler(mux)
	return s
}

func (s *site) post(path, media string, body []byte) (int, string) {
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func request(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *site) join(t *testing.T, slug string, key any) (int, string) {
	t.Helper()
	body, _ := json.Marshal(Registration{Slug: slug, Name: "Office", CSR: request(t, key), RedirectURI: "http://localhost:9/callback"})
	return s.post("/sandbox/agencies", "application/json", body)
}

// chain is what an agency gets.
func (s *site) chain(t *testing.T, slug string, key *ecdsa.PrivateKey) [][]byte {
	t.Helper()
	status, text := s.join(t, slug, key)
	var out Registered
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	block, _ := pem.Decode([]byte(out.Chain))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.URIs[0].String() != agencyPrefix+slug || !strings.HasPrefix(cert.Subject.CommonName, "SANDBOX ") ||
		!strings.Contains(cert.Issuer.CommonName, "SANDBOX") || out.ClientID != "sandbox-"+slug || len(out.Trust) == 0 {
		t.Errorf("%v %+v", err, out)
	}
	return [][]byte{block.Bytes}
}

func (s *site) listing(t *testing.T, id string, key *ecdsa.PrivateKey, chain [][]byte, bend func(*Listing)) []byte {
	t.Helper()
	entry, err := catalogue.SignEntry(catalogue.Entry{Issuer: id, IssuedAt: s.at.Unix(), Name: catalogue.Text{"en": "Office", "ko": "기관"}, Contact: "a@agency.example"}, key, chain)
	if err != nil {
		t.Fatal(err)
	}
	l := Listing{IssuedAt: s.at.Unix(), Entry: entry}
	if bend != nil {
		bend(&l)
	}
	payload, _ := json.Marshal(l)
	jws, err := catalogue.SignAs(ListingType, payload, key, chain)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(jws)
}

func dataSet(id, provider string) catalogue.DataSet {
	text := catalogue.Text{"en": "Facts", "ko": "사실"}
	return catalogue.DataSet{ID: id, Provider: provider, Title: text, Schema: json.RawMessage(`{"type":"object"}`),
		Fields: []catalogue.Field{{Name: "fact", Label: text}}}
}

//clause:kit a sandbox keeps agencies apart
func TestSandbox(t *testing.T) {
	s := newSite(t)
	key, other := newKey(t), newKey(t)
	chain := s.chain(t, "office", key)
	s.chain(t, "office", key) // again is the same
	id := agencyPrefix + "office"
	set := func(l *Listing) { l.DataSets = []catalogue.DataSet{dataSet("facts", id)} }
	if status, text := s.post("/sandbox/listings", "application/jose", s.listing(t, id, key, chain, set)); status != 200 || len(s.now.DataSets) != 1 {
		t.Fatalf("%d %s", status, text)
	}
	foreign := s.chain(t, "other", other)
	otherID := agencyPrefix + "other"
	say := func(bend func(*Listing)) []byte { return s.listing(t, otherID, other, foreign, bend) }
	purpose := catalogue.Purpose{Code: "office_x", Text: catalogue.Text{"en": "X", "ko": "엑스"}, MaxUses: 1, MaxDays: 1}
	for name, tt := range map[string]struct {
		body        []byte
		status      int
		code, check string
	}{
		"it refuses another's data set by id":      {say(func(l *Listing) { l.DataSets = []catalogue.DataSet{dataSet("facts", otherID)} }), 409, "taken", "data set"},
		"it refuses a data set in another's name":  {say(func(l *Listing) { l.DataSets = []catalogue.DataSet{dataSet("more", id)} }), 400, "check_failed", "data set"},
		"it refuses another's purpose":             {say(func(l *Listing) { l.Purposes = []catalogue.Purpose{purpose} }), 400, "check_failed", "purpose"},
		"it refuses another's entry":               {say(func(l *Listing) { l.Entry = s.now.Agencies[0].Entry }), 400, "check_failed", "entry"},
		"it refuses what was signed long ago":      {say(func(l *Listing) { l.IssuedAt -= 600 }), 400, "check_failed", "iat"},
		"it refuses too many data sets":            {say(func(l *Listing) { l.DataSets = make([]catalogue.DataSet, maxDataSets+1) }), 409, "quota", "quota"},
		"it refuses what nobody signed":            {[]byte("a.b.c"), 400, "check_failed", "signature"},
		"it refuses another's certificate":         {s.listing(t, id, other, chain, nil), 400, "check_failed", "signature"},
		"it refuses a catalogue that holds not":    {say(func(l *Listing) { l.DataSets = []catalogue.DataSet{{ID: "!", Provider: otherID}} }), 400, "check_failed", "catalogue"},
		"it refuses a body that is larger than it": {bytes.Repeat([]byte("a"), web.BodyLimit+1), 413, "body", "body"},
	} {
		t.Run(name, func(t *testing.T) {
			s.at = s.at.Add(time.Second)
			status, text := s.post("/sandbox/listings", "application/jose", tt.body)
			if status != tt.status || !strings.Contains(text, `"code":"`+tt.code+`"`) || !strings.Contains(text, `"check":"`+tt.check+`"`) || len(s.now.Agencies) != 1 {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	if status, _ := s.post("/sandbox/listings", "application/json", nil); status != http.StatusUnsupportedMediaType {
		t.Errorf("as JSON: %d", status)
	}
}

//clause:kit a sandbox keeps agencies apart
func TestRegistrationRefuses(t *testing.T) {
	s := newSite(t)
	key := newKey(t)
	s.chain(t, "office", key)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	weak, _ := rsa.GenerateKey(rand.Reader, 2048)
	good := request(t, key)
	block, _ := pem.Decode([]byte(good))
	block.Bytes[len(block.Bytes)-1] ^= 1
	forged := string(pem.EncodeToMemory(block))
	for name, tt := range map[string]struct {
		in     Registration
		status int
		check  string
	}{
		"it refuses a name that another key has": {Registration{Slug: "office", Name: "x", CSR: request(t, newKey(t))}, 409, "slug"},
		"it refuses a path for a name":           {Registration{Slug: "../x", Name: "x", CSR: good}, 400, "slug"},
		"it refuses a name with _":               {Registration{Slug: "of_fice", Name: "x", CSR: good}, 400, "slug"},
		"it refuses no name":                     {Registration{Slug: "second", CSR: good}, 400, "name"},
		"it refuses no request":                  {Registration{Slug: "second", Name: "x"}, 400, "csr"},
		"it refuses a request without its key":   {Registration{Slug: "second", Name: "x", CSR: forged}, 400, "csr"},
		"it refuses another curve":               {Registration{Slug: "second", Name: "x", CSR: request(t, p384)}, 400, "csr"},
		"it refuses RSA":                         {Registration{Slug: "second", Name: "x", CSR: request(t, weak)}, 400, "csr"},
		"it refuses an address that is none":     {Registration{Slug: "second", Name: "x", CSR: good, RedirectURI: "javascript:x"}, 400, "redirect_uri"},
		"it refuses plain http to others":        {Registration{Slug: "second", Name: "x", CSR: good, RedirectURI: "http://agency.example/cb"}, 400, "client"},
		"it refuses another redirect later":      {Registration{Slug: "office", Name: "Office", CSR: good, RedirectURI: "http://localhost:10/callback"}, 409, "client"},
	} {
		t.Run(name, func(t *testing.T) {
			s.at = s.at.Add(time.Minute)
			body, _ := json.Marshal(tt.in)
			if status, text := s.post("/sandbox/agencies", "application/json", body); status != tt.status || !strings.Contains(text, `"check":"`+tt.check+`"`) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	if status, text := s.post("/sandbox/agencies", "text/plain", []byte("{}")); status != 400 {
		t.Errorf("%d %s", status, text)
	}
	s.at = s.at.Add(time.Hour)
	last := 0
	for range perMinute + 1 {
		last, _ = s.post("/sandbox/agencies", "application/json", []byte("{}"))
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after many: %d", last)
	}
	if w := httptest.NewRecorder(); true {
		s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sandbox", nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"sandbox":true`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// The citizens are made up, and the hub can read them.
func TestResidents(t *testing.T) {
	register, err := account.ReadRegister(bytes.NewReader(Residents))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := register.Resident(t.Context(), "synthetic-20"); err != nil || r.NameLatin == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzRegistration(f *testing.F) {
	f.Add("office", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
	f.Fuzz(func(t *testing.T, slug, csr string) {
		if key, err := requestKey(csr); err == nil && key.Curve != elliptic.P256() {
			t.Error("another curve")
		}
		if slugs.MatchString(slug) && strings.ContainsAny(slug, "/._") {
			t.Error("a path for a name")
		}
	})
}
