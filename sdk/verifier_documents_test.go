package sdk

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

// site serves a document of did:web, or what a test has it do instead.
type site struct {
	*httptest.Server
	id     string
	answer http.HandlerFunc
	asked  atomic.Int32
}

func newSite(t *testing.T) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	var err error
	s.id, err = did.FromURL(s.URL)
	must(t, err)
	return s
}

func (s *site) document(t *testing.T, keys map[string]jose.JSONWebKey) []byte {
	document, err := did.New(s.id, keys)
	must(t, err)
	text, err := json.Marshal(document)
	must(t, err)
	return text
}

// TestVerifierDocuments has an issuer by did:web whose keys and documents a policy
// wants on the log: it asks the host of a DID that it names, and no other, and
// takes the bytes that the log names, and no others.
//
//clause:trust a DID by `kid`, whose document lists the key for assertions
//clause:formats did:web: a port percent-encoded, `did.json` as application/did+json, its digest in a store that others see
func TestVerifierDocuments(t *testing.T) {
	const vct = "urn:example:extract:1"
	now := time.Now().Truncate(time.Second)
	issuer, holder, home, other := consenttest.NewKey(), consenttest.NewKey(), newSite(t), newSite(t)
	key := jose.JSONWebKey{Key: issuer.Public(), KeyID: "k"}
	logged := home.document(t, map[string]jose.JSONWebKey{"k": key})
	serve := func(text []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }
	}
	other.answer = serve(logged)
	config := VerifierConfig{DIDs: map[string][]string{vct: {home.id}}, WithoutStatus: []string{vct}, AllowLoopback: true, Now: func() time.Time { return now }}
	config.IssuerKeys = historyOf(t, credential.IssuerKey{ID: credential.Thumbprint(&issuer.PublicKey), Issuer: home.id, Use: "issuer", From: now.Unix()},
		credential.NewDIDDocument(home.id, logged, now))
	want := Expect{Nonce: "nonce-1", Audience: "x509_hash:abc"}
	present := func(by string) string {
		card, err := sdjwt.Issue(sdjwt.Key{Signer: issuer, KeyID: by + "#k"}, map[string]any{"vct": vct, "exp": now.Add(time.Hour).Unix(),
			"cnf": map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}}})
		must(t, err)
		shown, err := sdjwt.Bind(card, holder, sdjwt.KeyBinding{Audience: want.Audience, Nonce: want.Nonce, IssuedAt: now})
		must(t, err)
		return shown
	}
	for _, c := range []struct {
		name, by    string
		answer      http.HandlerFunc
		home, other int32 // requests
		says        string
	}{
		{name: "it takes the document that the log names", by: home.id, answer: serve(logged), home: 1},
		{name: "it refuses a document that the log does not name, though it lists a key that the log does", by: home.id,
			answer: serve(home.document(t, map[string]jose.JSONWebKey{"k": key, "another": {Key: consenttest.NewKey().Public()}})), home: 1, says: "not on the log"},
		{name: "it asks no host that the policy does not name", by: other.id, answer: serve(logged), says: "not trusted for this type"},
		{name: "it asks no host that one of the policy sends it to", by: home.id,
			answer: http.RedirectHandler(other.URL+"/.well-known/did.json", http.StatusFound).ServeHTTP, home: 1, says: "address not allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home.answer = c.answer
			home.asked.Store(0)
			other.asked.Store(0)
			v, err := NewVerifier(config)
			must(t, err)
			_, err = v.Verify(context.Background(), present(c.by), want)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if home.asked.Load() != c.home || other.asked.Load() != c.other {
				t.Errorf("asked %d and %d times", home.asked.Load(), other.asked.Load())
			}
		})
	}
}

// historyOf proves statements in a log of a policy.
func historyOf(t *testing.T, statements ...interface{ Entry() ([]byte, error) }) *credential.KeyHistory {
	t.Helper()
	log := consenttest.NewLog("log.example", time.Now)
	var proven []credential.ProvenKey
	for _, s := range statements {
		entry, err := s.Entry()
		must(t, err)
		log.Append(entry)
	}
	for _, s := range statements {
		entry, err := s.Entry()
		must(t, err)
		proof, err := log.WaitProof(t.Context(), entry)
		must(t, err)
		proven = append(proven, credential.ProvenKey{Entry: entry, Proof: string(proof.Marshal())})
	}
	text, err := credential.MarshalKeyHistory(proven)
	must(t, err)
	policy, err := tlog.ParsePolicy(log.Policy())
	must(t, err)
	history, err := credential.LoadKeyHistory(policy, text)
	must(t, err)
	return history
}
