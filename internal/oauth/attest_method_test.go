package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// What a wallet that is a client by attestation alone cannot do otherwise.
//
//clause:as draft-11, 6: challenges, by endpoint, answer and error
//clause:as draft-11, 7.4, 7.5: each error by its code; one method, `client_id` is `sub`
func TestAttestationIsTheOneMethod(t *testing.T) {
	h, writes, one, _ := attestedHub(t)
	p := h.phone(one)
	public := h.wallet()
	before := writes.count()
	form := func(change ...string) url.Values {
		f := p.authorization("resident_card")
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	t.Run("it takes no wallet by its name", func(t *testing.T) {
		refused(t, h.post("/par", form()), http.StatusUnauthorized, badClient, "by attestation")
	})
	t.Run("it takes no wallet by a secret", func(t *testing.T) {
		refused(t, h.post("/par", form("client_secret", "x")), http.StatusUnauthorized, badClient, "by attestation")
		refused(t, h.post("/par", form("client_secret", "x"), p.attest("/par")), http.StatusUnauthorized, badClient, "more than one")
	})
	t.Run("it takes no wallet by a key of its own", func(t *testing.T) {
		assertion := sign(t, p.key, "", "k1", p.assertionClaims())
		with := []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion}
		refused(t, h.post("/par", form(with...)), http.StatusUnauthorized, badClient, "private_key_jwt")
		refused(t, h.post("/par", form(with...), p.attest("/par")), http.StatusUnauthorized, badClient, "more than one")
	})
	t.Run("it refuses a client_id that is not the sub", func(t *testing.T) {
		refused(t, h.post("/par", form("client_id", public.id), p.attest("/par")), http.StatusBadRequest, badAttest, "sub")
		refused(t, h.post("/par", form("client_id", another), p.attest("/par")), http.StatusBadRequest, badAttest, "sub")
	})
	t.Run("it takes no attestation of a client that is registered otherwise", func(t *testing.T) {
		h, writes, one, _ := attestedHub(t, func(c *oauth.Config) {
			c.WalletProviders[0].Clients = append(c.WalletProviders[0].Clients, oauth.WalletClient{ID: "agency", RedirectURIs: []string{redirect}})
		})
		h.add("agency", nil)
		p := h.phone(one)
		p.id = "agency"
		refused(t, p.push(), http.StatusUnauthorized, badClient, "not registered for it")
		if n := writes.count(); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("it refuses a challenge after five minutes", func(t *testing.T) {
		old := h.challenge()
		h.pass(5*time.Minute + time.Second)
		p.popClaims = member("challenge", old)
		refused(t, p.push(), http.StatusBadRequest, challenged, "challenge")
		p.popClaims = nil
	})
	t.Run("it lets one proof into one request of many at once", func(t *testing.T) {
		pop := p.pop()
		p.request = func(r *http.Request) { r.Header.Set(openid4vci.AttestationPoPHeader, pop) }
		defer func() { p.request = nil }()
		if n := writes.count() - before; n != 0 {
			t.Fatalf("%d writes until here", n)
		}
		answers := make(chan answer, 6)
		for range 6 {
			go func() { answers <- p.push() }()
		}
		taken := 0
		for range 6 {
			switch a := <-answers; {
			case a.status == http.StatusCreated:
				taken++
			case a.str("error") != badAttest:
				t.Errorf("%d %s", a.status, a.text)
			}
		}
		if taken != 1 {
			t.Errorf("%d taken", taken)
		}
	})
}

// In combined mode the DPoP proof is all there is (draft, 7.3).
//
//clause:as draft-11, 5.2, 7.3: the DPoP proof as proof of possession
func TestCombinedModeLies(t *testing.T) {
	h, writes, one, _ := attestedHub(t)
	p := h.phone(one).combine()
	unused := p.code()
	stranger := h.maker()
	prove := func(path string, change func(*dpop.Maker) (string, error)) func(*http.Request) {
		return func(r *http.Request) {
			proof, err := change(p.dpop)
			check(t, err)
			r.Header.Set(dpop.Header, proof)
		}
	}
	same := func(method, address string) func(*dpop.Maker) (string, error) {
		return func(m *dpop.Maker) (string, error) { return m.Proof(method, address, "", "") }
	}
	used, err := p.dpop.Proof(http.MethodPost, h.url+"/token", "", "")
	check(t, err)
	for _, l := range []struct {
		name, code, why string
		request         func(*http.Request)
	}{
		{"it refuses the proof of another key", badAttest, "another key", prove("", func(*dpop.Maker) (string, error) {
			return stranger.Proof(http.MethodPost, h.url+"/token", "", "")
		})},
		{"it refuses a proof for another address", "invalid_dpop_proof", "htu", prove("", same(http.MethodPost, h.url+"/par"))},
		{"it refuses a proof for another method", "invalid_dpop_proof", "htm", prove("", same(http.MethodGet, h.url+"/token"))},
		{"it refuses two proofs", "invalid_dpop_proof", "single", func(r *http.Request) { r.Header.Add(dpop.Header, r.Header.Get(dpop.Header)) }},
		{"it refuses what is no proof", "invalid_dpop_proof", "syntax", func(r *http.Request) { r.Header.Set(dpop.Header, "x") }},
		{"it refuses no proof", badAttest, "pop: missing", func(r *http.Request) { r.Header.Del(dpop.Header) }},
		{"it refuses an empty proof of its own beside it", badAttest, "pop", func(r *http.Request) { r.Header.Set(openid4vci.AttestationPoPHeader, "") }},
	} {
		t.Run(l.name, func(t *testing.T) {
			before := writes.count()
			p.request = l.request
			refused(t, p.redeem(unused), http.StatusBadRequest, l.code, l.why)
			if n := writes.count() - before; n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
	t.Run("it refuses a request for a code of another key than the proof's", func(t *testing.T) {
		p.request = nil
		form := p.authorization("resident_card")
		form.Set("dpop_jkt", strings.Repeat("a", 43))
		refused(t, h.post("/par", form, p.attest("/par")), http.StatusBadRequest, "invalid_dpop_proof", "key: not the key")
	})
	t.Run("it refuses a proof used before, and has kept the code till then", func(t *testing.T) {
		p.request = func(r *http.Request) { r.Header.Set(dpop.Header, used) }
		if a := p.redeem(unused); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.text)
		}
		refused(t, p.redeem(unused), http.StatusBadRequest, "invalid_dpop_proof", "replay")
	})
}
