package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// says wants a refusal of this check in these words: another rule of the same
// check may refuse the same.
func says(t *testing.T, err error, check, words string) {
	t.Helper()
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Check != check || !strings.Contains(refused.Cause, words) {
		t.Errorf("%v, want %q: %q", err, check, words)
	}
}

func TestChainTo(t *testing.T) {
	w := consenttest.New()
	// The government is also one of the authorities of this machine.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), w.Government.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", filepath.Join(dir, "ca.pem"))
	t.Setenv("SSL_CERT_DIR", dir)
	roots := w.Government.Pool()
	if leaf, err := chainTo(w.Provider.Chain, roots, w.Now()); err != nil || leaf.URIs[0].String() != w.Provider.ID {
		t.Fatalf("the provider's chain: %v", err)
	}
	if _, err := chainTo(w.Provider.Chain, nil, w.Now()); err == nil {
		t.Error("it takes the machine's authorities for the government")
	}
	for _, tt := range []struct {
		name string
		x5c  [][]byte
		at   time.Time
	}{
		{"it refuses no certificate", nil, w.Now()},
		{"it refuses what is no certificate", [][]byte{{1}}, w.Now()},
		{"it refuses what is no certificate behind one", append(w.Provider.Chain[:1:1], []byte{1}), w.Now()},
		{"it refuses the CA itself", [][]byte{w.Government.Cert.Raw}, w.Now()},
		{"it refuses a certificate that has ended", w.Provider.Chain, w.Now().AddDate(20, 0, 0)},
		{"it refuses a certificate of another CA", consenttest.NewAuthority("Another CA", w.Now()).Agency(w.Provider.ID).Chain, w.Now()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := chainTo(tt.x5c, roots, tt.at); err == nil {
				t.Error("it took it")
			}
		})
	}
}

func TestParseRelease(t *testing.T) {
	long := strings.Repeat(" ", MaxReleaseAnswer)
	for _, tt := range []struct {
		name, body string
		ok         bool
	}{
		{"it takes a request", `{"request":"a.b.c","terms":{},"idempotency_key":"0123456789abcdef"}`, true},
		{"it refuses a short key", `{"request":"a.b.c","terms":{},"idempotency_key":"0123456789abcde"}`, false},
		{"it refuses a long key", `{"request":"a.b.c","terms":{},"idempotency_key":"` + strings.Repeat("k", 65) + `"}`, false},
		{"it refuses no request", `{"terms":{},"idempotency_key":"0123456789abcdef"}`, false},
		{"it refuses no terms", `{"request":"a.b.c","idempotency_key":"0123456789abcdef"}`, false},
		{"it refuses a member twice", `{"request":"a.b.c","terms":{},"idempotency_key":"0123456789abcdef","request":"a"}`, false},
		{"it refuses an endless request", `{"request":"a.b.c","terms":{},"idempotency_key":"0123456789abcdef"}` + long[:MaxReleaseRequest], false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseReleaseRequest([]byte(tt.body)); (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
	for _, tt := range []struct {
		name, body string
		ok         bool
	}{
		{"it takes an answer", `{"ciphertext":"YQ","commit":"a.b.c","promise":"a.b.c"}`, true},
		{"it refuses no ciphertext", `{"commit":"a.b.c","promise":"a.b.c"}`, false},
		{"it refuses no commit", `{"ciphertext":"YQ","promise":"a.b.c"}`, false},
		{"it refuses no promise", `{"ciphertext":"YQ","commit":"a.b.c"}`, false},
		{"it refuses a member of the answer twice", `{"ciphertext":"YQ","commit":"a.b.c","promise":"a.b.c","commit":"a"}`, false},
		{"it refuses an endless answer", `{"ciphertext":"YQ","commit":"a.b.c","promise":"a.b.c"}` + long, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseReleaseAnswer([]byte(tt.body)); (err == nil) != tt.ok {
				t.Error(err)
			}
		})
	}
}

// What the cases of TestProviderRefuses name by their check alone.
func TestProviderSays(t *testing.T) {
	claims := func(a *asked, bend func(map[string]any)) {
		raw, err := json.Marshal(a.Token)
		if err != nil {
			a.t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(raw, &all); err != nil {
			a.t.Fatal(err)
		}
		bend(all)
		token := sign(a.t, a.hubKey, a.kid, a.typ, all)
		a.request = func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+token) }
	}
	for _, tt := range []struct {
		name, check, says string
		bend              func(a *asked)
	}{
		{"it refuses an endless token", CheckToken, "no DPoP token", func(a *asked) {
			a.request = func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+strings.Repeat("a", maxToken+1)) }
		}},
		{"it refuses what is no token", CheckToken, "not a JWS", func(a *asked) {
			a.request = func(r *http.Request) { r.Header.Set("Authorization", "DPoP a.b") }
		}},
		{"it refuses a key without a name", CheckToken, "not one of the hub's", func(a *asked) {
			a.kid = ""
			a.provider.Trust.HubKeys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.Hub.Public()}}}
		}},
		{"it refuses a claim of another type", CheckToken, "access token: json", func(a *asked) {
			claims(a, func(c map[string]any) { c["client_id"] = []int{1} })
		}},
		{"it refuses a purpose that the catalogue does not have", CheckPurpose, "no purpose", func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Details[0].Purpose = "marketing" })
			a.Terms.Purpose.Code = "marketing"
			a.reapprove()
		}},
		{"it refuses a data set that the catalogue does not have", CheckPurpose, "not this provider's", func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) { c.DataSets = nil })
		}},
		{"it refuses a claim whose field was not granted", CheckFields, "not granted", func(a *asked) { a.Terms.Fields = a.Terms.Fields[1:]; a.reapprove() }},
		{"it refuses terms that grant nothing", CheckFields, "nothing", func(a *asked) { a.Terms.Claims = nil; a.reapprove() }},
		{"it refuses terms for no use", CheckTemplate, "0 uses", func(a *asked) { a.Terms.MaxUses = 0; a.reapprove() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t)
			tt.bend(a)
			says(t, a.check(), tt.check, tt.says)
		})
	}
	t.Run("it names no check where nothing was refused", func(t *testing.T) {
		if CheckOf(context.Canceled) != "" {
			t.Error("it does")
		}
	})
}

func TestCheckRetryRefuses(t *testing.T) {
	a := ask(t)
	a.hubKey = consenttest.NewKey()
	r, _ := a.sent()
	says(t, a.provider.CheckRetry(r), CheckToken, "signature")
}

func TestConsumerSays(t *testing.T) {
	a := answer(t)
	plain := func(p Plaintext) []byte {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	salt := bytes.Repeat([]byte{7}, 32)
	committed := func(salt []byte, evidence string) *Received {
		digest := PlaintextDigest(salt, evidence)
		return &Received{Commit: consent.CommitClaims{Plaintext: consent.Encode(digest[:])}}
	}
	for _, tt := range []struct {
		name, check, says string
		received          *Received
		plaintext         []byte
	}{
		{"it refuses a plaintext that is no JSON", CheckPlaintext, "plaintext: ", committed(salt, "x"), []byte("{")},
		{"it refuses a salt that is short, whatever was committed", CheckPlaintext, "32 bytes",
			committed(salt[:31], "x"), plain(Plaintext{Evidence: "x", Salt: consent.Encode(salt[:31])})},
		{"it refuses another plaintext", CheckPlaintext, "another plaintext", committed(salt, "y"), plain(Plaintext{Evidence: "x", Salt: consent.Encode(salt)})},
		{"it refuses evidence that is none", CheckEvidence, "", committed(salt, "x"), plain(Plaintext{Evidence: "x", Salt: consent.Encode(salt)})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			says(t, a.consumer.CheckPlaintext(a.sent, tt.received, tt.plaintext), tt.check, tt.says)
		})
	}
}
