package oauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

//clause:as refresh bound to the client's key, refusals by name
func TestRefresh(t *testing.T) {
	h := newHub(t)
	agency, website := h.add("agency", nil), h.website()
	t.Run("it keeps a key-bound refresh token, and asks the owner each time", func(t *testing.T) {
		first := agency.redeem(agency.code("", withDetails))
		for range 2 {
			a := agency.refresh(first.str("refresh_token"))
			if a.status != http.StatusOK || a.str("refresh_token") != "" {
				t.Fatalf("%d %s", a.status, a.text)
			}
			if claims := h.claims(a.str("access_token"), "at+jwt"); claims["grant_id"] != "grant-1" || claims["aud"] != "urn:provider" {
				t.Errorf("%v", claims)
			}
		}
	})
	t.Run("it refuses in the owner's words, and goes on when the owner does", func(t *testing.T) {
		first := agency.redeem(agency.code("", withDetails))
		h.detail.refuse(&oauth.Refusal{Code: "invalid_grant", Description: "withdrawn: the citizen withdrew"})
		a := agency.refresh(first.str("refresh_token"))
		if a.status != http.StatusBadRequest || a.str("error") != "invalid_grant" || a.str("error_description") != "withdrawn: the citizen withdrew" {
			t.Errorf("%d %s", a.status, a.text)
		}
		h.detail.refuse(nil)
		if a := agency.refresh(first.str("refresh_token")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it hides an owner's own trouble", func(t *testing.T) {
		first := agency.redeem(agency.code("", withDetails))
		h.detail.refuse(errors.New("the database of ada is down"))
		defer h.detail.refuse(nil)
		a := agency.refresh(first.str("refresh_token"))
		refused(t, a, http.StatusInternalServerError, "server_error", "internal error")
		if contains(a.text, "ada") {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("it lets no owner set the claims of the server", func(t *testing.T) {
		h.detail.claims = map[string]any{"sub": "mallory"}
		defer func() { h.detail.claims = nil }()
		refused(t, agency.redeem(agency.code("", withDetails)), http.StatusInternalServerError, "server_error", "")
	})
	t.Run("it gives nothing to another key", func(t *testing.T) {
		first := agency.redeem(agency.code("openid offline_access"))
		thief := *agency
		thief.dpop = h.maker()
		refused(t, thief.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_dpop_proof", "jkt")
		thief.dpop = nil
		refused(t, thief.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_dpop_proof", "present")
	})
	t.Run("it gives nothing to another client", func(t *testing.T) {
		first := agency.redeem(agency.code("openid offline_access"))
		other := h.add("other", nil)
		other.dpop = agency.dpop
		refused(t, other.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "another client")
	})
	login := func() answer {
		return website.redeem(website.open(website.authorization("openid offline_access")).Get("code"))
	}
	t.Run("it rotates where there is no key, and ends all when an old one comes back", func(t *testing.T) {
		first := login()
		second := website.refresh(first.str("refresh_token"))
		if second.status != http.StatusOK || second.str("refresh_token") == "" || second.str("refresh_token") == first.str("refresh_token") {
			t.Fatalf("%d %s", second.status, second.text)
		}
		refused(t, website.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "used before")
		refused(t, website.refresh(second.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "revoked")
		refused(t, website.use("/resource", second.str("access_token")), http.StatusUnauthorized, "invalid_token", "revoked")
	})
	t.Run("it rotates once for many at once", func(t *testing.T) {
		first := login()
		var group sync.WaitGroup
		answers := make([]answer, 6)
		for n := range answers {
			group.Go(func() { answers[n] = website.refresh(first.str("refresh_token")) })
		}
		group.Wait()
		won := 0
		for _, a := range answers {
			if a.status == http.StatusOK {
				won++
			}
		}
		if won > 1 {
			t.Errorf("%d answers gave tokens", won)
		}
	})
	t.Run("it does not even ask the owner about what was revoked or used before", func(t *testing.T) {
		pushed := website.push(func() url.Values { f := website.authorization(""); withDetails(f); return f }()).str("request_uri")
		first := website.redeem(website.open(url.Values{"client_id": {"website"}, "request_uri": {pushed}}).Get("code"))
		website.refresh(first.str("refresh_token"))
		uses := h.detail.count()
		refused(t, website.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "used before")
		refused(t, website.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "revoked: the grant")
		if h.detail.count() != uses {
			t.Error("the owner was asked")
		}
	})
	t.Run("it gives none to a client that did not register the grant", func(t *testing.T) {
		once := h.add("once", map[string]any{"grant_types": []string{"authorization_code"}})
		if a := once.redeem(once.code("", withDetails)); a.status != http.StatusOK || a.str("refresh_token") != "" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	for name, spoil := range map[string]func(*oauth.Authorized){
		"it gives no token for nobody":   func(a *oauth.Authorized) { a.Audience = "" },
		"it gives no token without life": func(a *oauth.Authorized) { a.TTL = 0 },
		"it gives no token for a day":    func(a *oauth.Authorized) { a.TTL = 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			h.detail.spoil = spoil
			defer func() { h.detail.spoil = nil }()
			refused(t, agency.redeem(agency.code("", withDetails)), http.StatusInternalServerError, "server_error", "")
		})
	}
	t.Run("it narrows scopes and never widens them", func(t *testing.T) {
		first := agency.redeem(agency.code("openid offline_access"))
		ask := func(scope string) answer {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.str("refresh_token")}, "scope": {scope}}
			return h.post("/token", form, agency.auth(form), agency.proof("/token", ""))
		}
		if a := ask("openid"); a.str("scope") != "openid" {
			t.Errorf("%d %s", a.status, a.text)
		}
		refused(t, ask("openid resident_card"), http.StatusBadRequest, "invalid_scope", "")
	})
	t.Run("it gives no refresh token to who did not ask for one", func(t *testing.T) {
		if a := agency.redeem(agency.code("openid")); a.str("refresh_token") != "" {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("it ends with every grant of the citizen", func(t *testing.T) {
		first := agency.redeem(agency.code("openid offline_access"))
		check(t, h.oauth.RevokeCitizen(t.Context(), "ada"))
		refused(t, agency.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "revoked")
		refused(t, agency.use("/resource", first.str("access_token")), http.StatusUnauthorized, "invalid_token", "revoked")
	})
	t.Run("it expires", func(t *testing.T) {
		first := login()
		h.pass(31 * 24 * time.Hour)
		refused(t, website.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "expired")
		refused(t, website.refresh("x"), http.StatusBadRequest, "invalid_grant", "unknown")
	})
}

//clause:issuer 6: pre-authorized code
func TestPreAuthorized(t *testing.T) {
	form := func(code, tx string) url.Values {
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {code}, "tx_code": {tx}}
	}
	t.Run("it gives an anonymous wallet a bound token with the offer's reference", func(t *testing.T) {
		h := newHub(t)
		anonymous := &client{h: h, dpop: h.maker()}
		a := h.post("/token", form("offer", "1234"), anonymous.proof("/token", ""))
		if a.status != http.StatusOK || a.str("token_type") != "DPoP" || a.str("scope") != "resident_card" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		if _, named := h.claims(a.str("access_token"), "at+jwt")["client_id"]; named {
			t.Error("the token names a client")
		}
		got := anonymous.use("/resource", a.str("access_token"))
		if got.str("Ref") != "offer-ref" || got.str("Citizen") != "ada" || got.str("ClientID") != "" {
			t.Errorf("%s", got.text)
		}
		refused(t, h.post("/token", form("offer", "1234")), http.StatusBadRequest, "invalid_grant", "used")
	})
	t.Run("it gives a registered wallet a pairwise subject", func(t *testing.T) {
		h := newHub(t)
		wallet := h.wallet()
		f := form("offer", "1234")
		a := h.post("/token", f, wallet.auth(f), wallet.proof("/token", ""))
		sub, _ := pairwise{}.Pairwise(t.Context(), "ada", wallet.id)
		if a.status != http.StatusOK || h.claims(a.str("access_token"), "at+jwt")["sub"] != sub {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	h := newHub(t)
	for _, c := range []struct {
		name, code, tx, client, want string
		status                       int
	}{
		{"it refuses an unknown code", "x", "1234", "", "invalid_grant", 400},
		{"it refuses a wrong tx_code", "offer", "1", "", "invalid_grant", 400},
		{"it refuses a missing tx_code", "offer", "", "", "invalid_request", 400},
		{"it refuses a tx_code that nobody asked for", "plain", "1234", "", "invalid_request", 400},
		{"it refuses a missing code", "", "1234", "", "invalid_request", 400},
		{"it refuses an unknown client", "offer", "1234", "nobody", "invalid_client", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := form(c.code, c.tx)
			if c.client != "" {
				f.Set("client_id", c.client)
			}
			refused(t, h.post("/token", f), c.status, c.want, "")
		})
	}
	t.Run("it refuses a client that did not register the grant", func(t *testing.T) {
		other := h.add("other", map[string]any{"grant_types": []string{"authorization_code"}})
		f := form("offer", "1234")
		refused(t, h.post("/token", f, other.auth(f), other.proof("/token", "")), 400, "unauthorized_client", "")
	})
	t.Run("it refuses a registered wallet without a proof, and spares the code", func(t *testing.T) {
		wallet := h.wallet()
		f := form("offer", "1234")
		refused(t, h.post("/token", f, wallet.auth(f)), 400, "invalid_dpop_proof", "present")
		if a := h.post("/token", f, wallet.proof("/token", "")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it refuses where no credentials are issued", func(t *testing.T) {
		h := newHub(t, func(c *oauth.Config) { c.PreAuthorized = nil })
		refused(t, h.post("/token", form("offer", "1234")), 400, "unsupported_grant_type", "")
	})
}

//clause:as RFC 7662, 7009; userinfo
func TestIntrospectionAndRevocation(t *testing.T) {
	h := newHub(t)
	agency, website := h.add("agency", nil), h.website()
	asker := h.add("asker", map[string]any{"roles": []string{"introspect"}})
	ask := func(c *client, path, token string) answer {
		form := url.Values{"token": {token}}
		return h.post(path, form, c.auth(form))
	}
	a := agency.redeem(agency.code("openid offline_access"))
	access, refresh := a.str("access_token"), a.str("refresh_token")
	for who, c := range map[string]*client{"the client itself": agency, "who is registered to ask": asker} {
		t.Run("it tells "+who+" of a live token", func(t *testing.T) {
			got := ask(c, "/introspect", access)
			cnf, _ := got.body["cnf"].(map[string]any)
			if got.body["active"] != true || got.str("client_id") != "agency" || cnf["jkt"] != agency.dpop.JKT() || got.str("token_type") != "DPoP" || got.str("sub") == "" {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	}
	t.Run("it tells of a token that holds much", func(t *testing.T) {
		h.detail.claims = map[string]any{"sealed": strings.Repeat("x", 8<<10)}
		defer func() { h.detail.claims = nil }()
		long := agency.redeem(agency.code("", withDetails)).str("access_token")
		if got := ask(agency, "/introspect", long); got.body["active"] != true {
			t.Errorf("%d %s", got.status, got.text)
		}
	})
	t.Run("it tells nobody else", func(t *testing.T) {
		if got := ask(website, "/introspect", access); got.status != http.StatusOK || got.body["active"] != false || len(got.body) != 1 {
			t.Errorf("%d %s", got.status, got.text)
		}
	})
	t.Run("it tells nobody of what is no access token", func(t *testing.T) {
		for _, token := range []string{"x", refresh, a.str("id_token")} {
			if got := ask(asker, "/introspect", token); got.body["active"] != false {
				t.Errorf("%s", got.text)
			}
		}
	})
	t.Run("it refuses who does not authenticate", func(t *testing.T) {
		wallet := h.wallet()
		refused(t, ask(wallet, "/introspect", access), 401, "invalid_client", "")
		refused(t, h.post("/introspect", url.Values{"token": {access}}), 401, "invalid_client", "")
	})
	t.Run("it takes no token from the URL", func(t *testing.T) {
		form := url.Values{}
		refused(t, h.post("/introspect?token="+access, form, asker.auth(form)), 400, "invalid_request", "body")
	})
	t.Run("it revokes nothing for another client", func(t *testing.T) {
		for _, token := range []string{access, refresh} {
			if got := ask(website, "/revoke", token); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.text)
			}
		}
		if got := agency.use("/resource", access); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.text)
		}
	})
	t.Run("it revokes one access token", func(t *testing.T) {
		ask(agency, "/revoke", access)
		refused(t, agency.use("/resource", access), 401, "invalid_token", "revoked")
		if got := ask(agency, "/introspect", access); got.body["active"] != false {
			t.Errorf("%s", got.text)
		}
	})
	t.Run("it revokes all by the refresh token", func(t *testing.T) {
		second := agency.refresh(refresh).str("access_token")
		ask(agency, "/revoke", refresh)
		refused(t, agency.use("/resource", second), 401, "invalid_token", "revoked")
		refused(t, agency.refresh(refresh), 400, "invalid_grant", "revoked")
	})
	t.Run("it says nothing of a token it does not know", func(t *testing.T) {
		if got := ask(agency, "/revoke", "x"); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.text)
		}
	})
}
