package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/dpop"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

//clause:as RFC 9449: proof at token and resource, nonce, jkt binding, replay
func TestPossessionAtToken(t *testing.T) {
	h := newHub(t)
	agency, website := h.add("agency", nil), h.website()
	post := func(c *client, code string, change ...func(*http.Request)) answer {
		form := c.redemption(code)
		return h.post("/token", form, append(change, c.auth(form))...)
	}
	t.Run("it gives a bound client nothing without a proof", func(t *testing.T) {
		refused(t, post(agency, agency.code("openid")), http.StatusBadRequest, "invalid_dpop_proof", "present")
	})
	t.Run("it gives nothing for a proof for another address", func(t *testing.T) {
		refused(t, post(agency, agency.code("openid"), agency.proof("/par", "")), http.StatusBadRequest, "invalid_dpop_proof", "htu")
	})
	t.Run("it takes a proof once", func(t *testing.T) {
		proof, err := agency.dpop.Proof(http.MethodPost, h.url+"/token", "", "")
		check(t, err)
		set := func(r *http.Request) { r.Header.Set(dpop.Header, proof) }
		post(agency, agency.code("openid"), set)
		refused(t, post(agency, agency.code("openid"), set), http.StatusBadRequest, "invalid_dpop_proof", "replay")
	})
	t.Run("it takes two proofs for none", func(t *testing.T) {
		twice := func(r *http.Request) { r.Header.Add(dpop.Header, r.Header.Get(dpop.Header)) }
		refused(t, post(agency, agency.code("openid"), agency.proof("/token", ""), twice), http.StatusBadRequest, "invalid_dpop_proof", "single")
	})
	t.Run("it spares the code when the proof was bad", func(t *testing.T) {
		code := agency.code("openid")
		post(agency, code)
		if a := agency.redeem(code); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it binds for a client that need not, when it sends a proof", func(t *testing.T) {
		bound := *website
		bound.dpop = h.maker()
		a := bound.redeem(website.open(website.authorization("openid")).Get("code"))
		if a.str("token_type") != "DPoP" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	for _, c := range []struct {
		name string
		push func(form url.Values) answer
	}{
		{"it binds a code by dpop_jkt", func(form url.Values) answer {
			form.Set("dpop_jkt", agency.dpop.JKT())
			return agency.push(form)
		}},
		{"it binds a code by a proof at PAR", func(form url.Values) answer {
			return h.post("/par", form, agency.auth(form), agency.proof("/par", ""))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := func() string {
				uri := c.push(agency.authorization("openid")).str("request_uri")
				return agency.open(url.Values{"client_id": {"agency"}, "request_uri": {uri}}).Get("code")
			}
			thief := *agency
			thief.dpop = h.maker()
			refused(t, thief.redeem(code()), http.StatusBadRequest, "invalid_dpop_proof", "jkt")
			if a := agency.redeem(code()); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	t.Run("it refuses dpop_jkt and a proof at PAR that differ", func(t *testing.T) {
		form := agency.authorization("openid")
		form.Set("dpop_jkt", h.maker().JKT())
		refused(t, h.post("/par", form, agency.auth(form), agency.proof("/par", "")), http.StatusBadRequest, "invalid_dpop_proof", "jkt")
	})
}

//clause:as RFC 9449, 8 and 9: nonces at PAR, token and resource, by registration
func TestNonce(t *testing.T) {
	h := newHub(t, func(c *oauth.Config) { c.RequireNonce = true })
	wallet := h.wallet()
	uri := wallet.push(wallet.authorization("resident_card")).str("request_uri")
	code := wallet.open(url.Values{"client_id": {wallet.id}, "request_uri": {uri}}).Get("code")
	first := wallet.redeem(code)
	refused(t, first, http.StatusBadRequest, "use_dpop_nonce", "")
	nonce := first.header.Get(dpop.NonceHeader)
	with := func(nonce string) answer {
		form := wallet.redemption(code)
		proof, err := wallet.dpop.Proof(http.MethodPost, h.url+"/token", "", nonce)
		check(t, err)
		return h.post("/token", form, wallet.auth(form), func(r *http.Request) { r.Header.Set(dpop.Header, proof) })
	}
	t.Run("it refuses a nonce it did not make", func(t *testing.T) {
		refused(t, with(nonce[:len(nonce)-4]+"AAAA"), http.StatusBadRequest, "use_dpop_nonce", "")
	})
	var token string
	t.Run("it takes the nonce it gave", func(t *testing.T) {
		a := with(nonce)
		if a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.text)
		}
		token = a.str("access_token")
	})
	t.Run("it asks for one at resources too", func(t *testing.T) {
		a := wallet.use("/resource", token)
		refused(t, a, http.StatusUnauthorized, "use_dpop_nonce", "")
		if a.header.Get(dpop.NonceHeader) == "" || !contains(a.header.Get("WWW-Authenticate"), "use_dpop_nonce") {
			t.Errorf("%v", a.header)
		}
	})
	t.Run("it forgets a nonce after minutes", func(t *testing.T) {
		form := wallet.authorization("resident_card")
		push := func() answer {
			proof, err := wallet.dpop.Proof(http.MethodPost, h.url+"/par", "", nonce)
			check(t, err)
			return h.post("/par", form, wallet.auth(form), func(r *http.Request) { r.Header.Set(dpop.Header, proof) })
		}
		if a := push(); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
		h.pass(5 * time.Minute)
		refused(t, push(), http.StatusBadRequest, "use_dpop_nonce", "")
	})
}

//clause:as RFC 9449: proof at token and resource, nonce, jkt binding, replay
//clause:as RFC 9068: at+jwt with cnf
func TestResource(t *testing.T) {
	h := newHub(t)
	agency, website := h.add("agency", nil), h.website()
	bound := agency.redeem(agency.code("openid")).str("access_token")
	bearer := website.redeem(website.open(website.authorization("openid")).Get("code")).str("access_token")
	other := agency.redeem(agency.code("openid")).str("access_token")
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	signer, kid, _ := h.ring.Signer("token")
	forged := func(typ string, change func(map[string]any)) string {
		claims := h.claims(bound, "at+jwt")
		if change != nil {
			change(claims)
		}
		return sign(t, signer, typ, kid, claims)
	}
	parts := strings.Split(bound, ".")
	for _, c := range []struct {
		name   string
		token  string
		change func(*http.Request)
		code   string
		why    string
	}{
		{"it refuses a bound token as Bearer", bound, header("Authorization", "Bearer "+bound), "invalid_token", "scheme"},
		{"it refuses a bearer token as DPoP", bearer, nil, "invalid_token", "scheme"},
		{"it refuses a bound token without a proof", bound, func(r *http.Request) { r.Header.Del("DPoP") }, "invalid_dpop_proof", "present"},
		{"it refuses a proof for another token", bound, agency.proof("/resource", other), "invalid_dpop_proof", "ath"},
		{"it refuses a proof without ath", bound, agency.proof("/resource", ""), "invalid_dpop_proof", "ath"},
		{"it refuses a proof for another address", bound, agency.proof("/userinfo", bound), "invalid_dpop_proof", "htu"},
		{"it refuses a proof by another key", bound, (&client{h: h, dpop: h.maker()}).proof("/resource", bound), "invalid_dpop_proof", "jkt"},
		{"it refuses an id_token", forged("JWT", nil), nil, "invalid_token", "not an access token"},
		{"it refuses another's signature", sign(t, newKey(t), "at+jwt", kid, h.claims(bound, "at+jwt")), nil, "invalid_token", "not an access token"},
		{"it refuses another issuer", forged("at+jwt", func(m map[string]any) { m["iss"] = "x" }), nil, "invalid_token", "not an access token"},
		{"it refuses a time that is none", forged("at+jwt", func(m map[string]any) { m["iat"] = "now" }), nil, "invalid_token", "not an access token"},
		{"it refuses none", parts[0] + "." + parts[1] + ".", nil, "invalid_token", "not an access token"},
		{"it refuses a token it has no row of", forged("at+jwt", func(m map[string]any) { m["jti"] = "x" }), nil, "invalid_token", "revoked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*http.Request) {}
			}
			a := agency.use("/resource", c.token, change)
			refused(t, a, http.StatusUnauthorized, c.code, c.why)
			if !contains(a.header.Get("WWW-Authenticate"), c.code) {
				t.Errorf("challenge %q", a.header.Get("WWW-Authenticate"))
			}
		})
	}
	t.Run("it refuses a proof used before", func(t *testing.T) {
		proof, err := agency.dpop.Proof(http.MethodGet, h.url+"/resource", bound, "")
		check(t, err)
		if a := agency.use("/resource", bound, header("DPoP", proof)); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.text)
		}
		refused(t, agency.use("/resource", bound, header("DPoP", proof)), http.StatusUnauthorized, "invalid_dpop_proof", "replay")
	})
	t.Run("it asks who comes with nothing for a token, with no error", func(t *testing.T) {
		a := website.visit("/resource")
		if a.status != http.StatusUnauthorized || contains(strings.Join(a.header.Values("WWW-Authenticate"), ""), "error") || len(a.header.Values("WWW-Authenticate")) != 2 {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("it takes no token from the URL", func(t *testing.T) {
		if a := website.visit("/resource?access_token=" + bearer); a.status != http.StatusUnauthorized {
			t.Errorf("%d", a.status)
		}
	})
	t.Run("it refuses an expired token", func(t *testing.T) {
		h.pass(6 * time.Minute)
		refused(t, agency.use("/resource", bound), http.StatusUnauthorized, "invalid_token", "exp")
	})
}
