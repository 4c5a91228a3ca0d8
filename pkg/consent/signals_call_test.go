package consent_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func TestOpenCallRefuses(t *testing.T) {
	w := consenttest.New()
	const endpoint, body = consenttest.Issuer + "/agency/signals", "{}"
	for _, tt := range []struct {
		name, cause string
		bend        func(*consent.CallClaims)
	}{
		{"it takes a call", "", func(*consent.CallClaims) {}},
		{"it refuses who signs for another", "signed for", func(c *consent.CallClaims) { c.Issuer = w.Provider.ID }},
		{"it refuses another endpoint's", "aud", func(c *consent.CallClaims) { c.Audience = consenttest.Issuer }},
		{"it refuses an old one", "iat", func(c *consent.CallClaims) { c.IssuedAt -= 120 }},
		{"it refuses one from the future", "iat", func(c *consent.CallClaims) { c.IssuedAt += 120 }},
		{"it refuses one without a name", "jti", func(c *consent.CallClaims) { c.ID = "" }},
		{"it refuses a long name", "jti", func(c *consent.CallClaims) { c.ID = strings.Repeat("x", 129) }},
		{"it refuses another body's", "another body", func(c *consent.CallClaims) { c.Body = consent.DigestOfBody(nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := consent.CallClaims{Issuer: w.Consumer.ID, Audience: endpoint, IssuedAt: w.Now().Unix(), ID: "j", Body: consent.DigestOfBody([]byte(body))}
			tt.bend(&c)
			jws, err := consent.SignCall(c, w.Consumer.Key, w.Consumer.Chain)
			if err != nil {
				t.Fatal(err)
			}
			got, until, err := consent.OpenCall(jws, endpoint, []byte(body), w.Government.Pool(), w.Now())
			if tt.cause == "" && (err != nil || got.Issuer != w.Consumer.ID || !until.After(w.Now())) {
				t.Errorf("%+v, %v", got, err)
			}
			if tt.cause != "" && (err == nil || !strings.Contains(err.Error(), tt.cause)) {
				t.Errorf("refused by %v, want %q", err, tt.cause)
			}
		})
	}
}

func FuzzOpenCall(f *testing.F) {
	w := consenttest.New()
	jws, err := consent.SignCall(consent.CallClaims{Issuer: w.Consumer.ID, ID: "j"}, w.Consumer.Key, w.Consumer.Chain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(jws, []byte("{}"))
	f.Fuzz(func(t *testing.T, jws string, body []byte) {
		if c, _, err := consent.OpenCall(jws, "e", body, w.Government.Pool(), w.Now()); err == nil && c.Body != consent.DigestOfBody(body) {
			t.Errorf("opened %+v", c)
		}
	})
}

func TestReadyRefuses(t *testing.T) {
	ctx := t.Context()
	w := consenttest.New()
	r := w.Granted(ctx, "ada", w.People.Enrol("ada"))
	ready := func(who consenttest.Agency, bend func(*consent.ReadyClaims)) error {
		c := consent.ReadyClaims{Issuer: who.ID, Audience: consenttest.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Use: 1}
		if bend != nil {
			bend(&c)
		}
		jws, err := consent.SignReady(c, who.Key, who.Chain)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Ledger.Ready(ctx, jws)
		return err
	}
	if err := ready(w.Provider, nil); err != nil {
		t.Errorf("it takes the provider's word: %v", err)
	}
	for name, tt := range map[string]struct {
		cause string
		who   consenttest.Agency
		bend  func(*consent.ReadyClaims)
	}{
		"it refuses who signs for another": {"signed for", w.Consumer, func(c *consent.ReadyClaims) { c.Issuer = w.Provider.ID }},
		"it refuses another hub's":         {"is not this hub", w.Provider, func(c *consent.ReadyClaims) { c.Audience = "https://other.example" }},
		"it refuses an old one":            {"iat", w.Provider, func(c *consent.ReadyClaims) { c.IssuedAt -= 3600 }},
		"it refuses another agency's":      {"another provider", w.Consumer, nil},
		"it refuses another use's":         {"use number", w.Provider, func(c *consent.ReadyClaims) { c.Use = 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := ready(tt.who, tt.bend); err == nil || !strings.Contains(err.Error(), tt.cause) {
				t.Errorf("refused by %v, want %q", err, tt.cause)
			}
		})
	}
	w.Pass(time.Second)
	if _, err := w.Ledger.Withdraw(ctx, r.Grant, "ada"); err != nil {
		t.Fatal(err)
	}
	if err := ready(w.Provider, nil); !errors.Is(err, consent.ErrWithdrawn) {
		t.Errorf("after withdrawal: %v", err)
	}
}
