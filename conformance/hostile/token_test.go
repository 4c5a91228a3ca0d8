package hostile_test

import (
	"net/http"
	"net/url"
	"testing"
)

// tokens attack the token endpoint (RFC 6749, 3.2), introspection and revocation.
func tokens() []attempt {
	list := append(grantTypes(), codes()...)
	return append(append(append(list, preAuthorized()...), bearers()...), introspections()...)
}

func grantTypes() []attempt {
	var list []attempt
	add := func(name, code string, form func(t *testing.T, w *world) url.Values) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			return w.redeem(t, newKey(t), w.asks.authenticated(t, w, form(t, w)))
		}})
	}
	of := func(pairs ...string) func(*testing.T, *world) url.Values {
		return func(*testing.T, *world) url.Values { return with(url.Values{}, pairs...) }
	}
	add("it refuses to leave out grant_type", "invalid_request", of("x", "y"))
	for _, grant := range []string{"password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"urn:ietf:params:oauth:grant-type:token-exchange", mark, "a\x00b"} {
		add("it refuses the grant "+grant, "unsupported_grant_type", of("grant_type", grant, "username", "x", "password", "y", "assertion", "z", "scope", "openid"))
	}
	add("it refuses an agency's client the grant of devices", "unauthorized_client", of("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", "x"))
	add("it refuses to leave out the code", "invalid_request", of("grant_type", "authorization_code"))
	add("it refuses an unknown code", "invalid_grant", of("grant_type", "authorization_code", "code", long(43), "code_verifier", newVerifier(), "redirect_uri", "x"))
	add("it refuses a code that no row can hold", "invalid_grant", of("grant_type", "authorization_code", "code", "a\x00b", "code_verifier", newVerifier(), "redirect_uri", "x"))
	add("it refuses a code of 5000 characters", "invalid_request", of("grant_type", "authorization_code", "code", long(5000)))
	add("it refuses to leave out the refresh token", "invalid_request", of("grant_type", "refresh_token"))
	add("it refuses an unknown refresh token", "invalid_grant", of("grant_type", "refresh_token", "refresh_token", long(43)))
	add("it refuses a refresh token that is not UTF-8", "invalid_grant", of("grant_type", "refresh_token", "refresh_token", "\xff\xff"))
	add("it refuses an agency's client the pre-authorized code", "unauthorized_client", of("grant_type", preAuthorizedGrant, "pre-authorized_code", "x"))
	return list
}

const preAuthorizedGrant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

// codes attack the redemption of a code in hand.
func codes() []attempt {
	var list []attempt
	bent := func(name string, status int, code string, try func(t *testing.T, w *world, s session) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			return try(t, w, w.asks.coded(t, w, w.kim.Citizen))
		}})
	}
	form := func(name, code string, pairs ...string) {
		bent(name, 400, code, func(t *testing.T, w *world, s session) answer {
			return w.redeem(t, s.dpop, with(s.form(t, w), pairs...))
		})
	}
	form("it refuses to leave out the code_verifier", "invalid_grant", "code_verifier", "-")
	form("it refuses another code_verifier", "invalid_grant", "code_verifier", newVerifier())
	form("it refuses a short code_verifier", "invalid_grant", "code_verifier", "short")
	form("it refuses a code_verifier of 129 characters", "invalid_grant", "code_verifier", long(129))
	bent("it refuses the code_challenge as code_verifier", 400, "invalid_grant", func(t *testing.T, w *world, s session) answer {
		return w.redeem(t, s.dpop, with(s.form(t, w), "code_verifier", challenge(s.verifier)))
	})
	form("it refuses to leave out the redirect_uri", "invalid_request", "redirect_uri", "-")
	form("it refuses another redirect_uri", "invalid_grant", "redirect_uri", "https://evil.example/")
	bent("it refuses a code twice", 400, "invalid_grant", func(t *testing.T, w *world, s session) answer {
		s.redeemed(t, w)
		return w.redeem(t, s.dpop, s.form(t, w))
	})
	bent("it ends what a code gave that is used twice", 401, "invalid_token", func(t *testing.T, w *world, s session) answer {
		given := s.redeemed(t, w)
		w.redeem(t, s.dpop, s.form(t, w))
		return get(t, w.hub+"/userinfo", bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access)...)
	})
	bent("it refuses another client's code", 400, "invalid_grant", func(t *testing.T, w *world, s session) answer {
		s.client, s.key, s.kid = w.other.client, w.other.key, w.other.kid
		return w.redeem(t, s.dpop, s.form(t, w))
	})
	bent("it refuses a code without its client", 401, "invalid_client", func(t *testing.T, w *world, s session) answer {
		return w.redeem(t, s.dpop, with(s.form(t, w), "client_assertion", "-", "client_assertion_type", "-"))
	})
	bent("it refuses a code in the address", 400, "invalid_request", func(t *testing.T, w *world, s session) answer {
		return postForm(t, w.hub+"/token?code="+s.code, with(s.form(t, w), "code", "-"), "DPoP", proof(t, s.dpop, "POST", w.hub+"/token", ""))
	})
	bent("it refuses two codes", 400, "invalid_request", func(t *testing.T, w *world, s session) answer {
		form := s.form(t, w)
		form.Add("code", "x")
		return w.redeem(t, s.dpop, form)
	})
	bent("it refuses a code without a proof", 400, "invalid_dpop_proof", func(t *testing.T, w *world, s session) answer {
		return postForm(t, w.hub+"/token", s.form(t, w))
	})
	list = append(list, attempt{name: "it refuses a proof by another key than the request's dpop_jkt", status: 400, code: "invalid_dpop_proof",
		try: func(t *testing.T, w *world) answer {
			s := w.asks.coded(t, w, w.kim.Citizen, claim("dpop_jkt", thumbprint(t, newKey(t))))
			return w.redeem(t, s.dpop, s.form(t, w))
		}})
	return list
}

// An offer as a wallet reads it.
type offered struct{ code, txCode string }

func (w *world) offer(t testing.TB, p *person) offered {
	t.Helper()
	link, txCode, err := p.watcher.Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.wallet.ReadOffer(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	return offered{o.Offer.Grants.PreAuthorizedCode.PreAuthorizedCode, txCode}
}

func (o offered) form() url.Values {
	return url.Values{"grant_type": {preAuthorizedGrant}, "client_id": {"demo-wallet"}, "pre-authorized_code": {o.code}, "tx_code": {o.txCode}}
}

// preAuthorized attack the pre-authorized code grant (OpenID4VCI 1.0, 6.1 and 6.3).
func preAuthorized() []attempt {
	var list []attempt
	bent := func(name, code string, pairs ...string) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			return w.redeem(t, newKey(t), with(w.offer(t, w.kim).form(), pairs...))
		}})
	}
	bent("it refuses to leave out the pre-authorized code", "invalid_request", "pre-authorized_code", "-")
	bent("it refuses an unknown pre-authorized code", "invalid_grant", "pre-authorized_code", "x.y")
	bent("it refuses a pre-authorized code that no row can hold", "invalid_grant", "pre-authorized_code", "a\x00b.c")
	bent("it refuses a wrong transaction code", "invalid_grant", "tx_code", "x")
	bent("it refuses a transaction code of nothing", "invalid_request", "tx_code", "")
	bent("it refuses to leave out the transaction code", "invalid_request", "tx_code", "-")
	bent("it refuses a transaction code that is not UTF-8", "invalid_grant", "tx_code", "\xff")
	bent("it refuses a transaction code of 5000 digits", "invalid_request", "tx_code", long(5000))
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	add("it refuses a pre-authorized code with its last character changed", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		o := w.offer(t, w.kim)
		o.code = o.code[:len(o.code)-2] + "--"
		return w.redeem(t, newKey(t), o.form())
	})
	add("it refuses one citizen's transaction code for another's offer", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		o := w.offer(t, w.kim)
		for mine := o.txCode; o.txCode == mine; {
			o.txCode = w.offer(t, w.lee).txCode
		}
		return w.redeem(t, newKey(t), o.form())
	})
	add("it refuses the right transaction code after five wrong ones", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		o := w.offer(t, w.kim)
		for range 5 {
			w.redeem(t, newKey(t), with(o.form(), "tx_code", "no"))
		}
		return w.redeem(t, newKey(t), o.form())
	})
	add("it refuses a pre-authorized code twice", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		o := w.offer(t, w.kim)
		into[tokenResponse](t, w.redeem(t, newKey(t), o.form()))
		return w.redeem(t, newKey(t), o.form())
	})
	add("it refuses an offer that was used", 404, "offer", func(t *testing.T, w *world) answer {
		link, txCode, err := w.kim.watcher.Offer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		o, err := w.kim.wallet.ReadOffer(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		into[tokenResponse](t, w.redeem(t, newKey(t), offered{o.Offer.Grants.PreAuthorizedCode.PreAuthorizedCode, txCode}.form()))
		return get(t, u.Query().Get("credential_offer_uri"))
	})
	add("it refuses a pre-authorized code without a proof", 400, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		return postForm(t, w.hub+"/token", w.offer(t, w.kim).form())
	})
	return list
}

// bearers attack the one client without a key: its refresh tokens rotate (RFC
// 9700, 4.14.2).
func bearers() []attempt {
	code := func(t *testing.T, w *world) (verifier, code string) {
		verifier = newVerifier()
		back, err := w.kim.Authorize(t.Context(), w.hub+"/authorize?"+url.Values{
			"client_id": {w.issuer.ID}, "response_type": {"code"}, "redirect_uri": {"http://localhost:9/secret"}, "scope": {"openid offline_access"},
			"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}, "state": {text()},
		}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		return verifier, back.Query().Get("code")
	}
	post := func(t *testing.T, w *world, form url.Values) answer {
		return postForm(t, w.hub+"/token", form, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
	}
	given := func(t *testing.T, w *world) tokenResponse {
		verifier, code := code(t, w)
		return into[tokenResponse](t, post(t, w, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"http://localhost:9/secret"}, "code_verifier": {verifier}}))
	}
	refresh := func(token string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	}
	return []attempt{
		{name: "it refuses a refresh token twice", status: 400, code: "invalid_grant", try: func(t *testing.T, w *world) answer {
			first := given(t, w)
			into[tokenResponse](t, post(t, w, refresh(first.Refresh)))
			return post(t, w, refresh(first.Refresh))
		}},
		{name: "it ends the family of a refresh token that came twice", status: 400, code: "invalid_grant", try: func(t *testing.T, w *world) answer {
			first := given(t, w)
			second := into[tokenResponse](t, post(t, w, refresh(first.Refresh)))
			post(t, w, refresh(first.Refresh))
			return post(t, w, refresh(second.Refresh))
		}},
		{name: "it ends the access token of a family that ended", status: 401, code: "invalid_token", try: func(t *testing.T, w *world) answer {
			first := given(t, w)
			into[tokenResponse](t, post(t, w, refresh(first.Refresh)))
			post(t, w, refresh(first.Refresh))
			return get(t, w.hub+"/userinfo", "Authorization", "Bearer "+first.Access)
		}},
		{name: "it refuses a bearer's token with a proof", status: 401, code: "invalid_token", try: func(t *testing.T, w *world) answer {
			return get(t, w.hub+"/userinfo", bearer(t, newKey(t), "GET", w.hub+"/userinfo", given(t, w).Access)...)
		}},
		{name: "it refuses a code without its secret", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			verifier, code := code(t, w)
			return postForm(t, w.hub+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"http://localhost:9/secret"}, "code_verifier": {verifier}, "client_id": {w.issuer.ID}})
		}},
		{name: "it refuses a card to a client that issues none", status: 400, code: "invalid_scope", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", url.Values{
				"response_type": {"code"}, "redirect_uri": {"http://localhost:9/secret"}, "scope": {"resident_card"},
				"code_challenge": {challenge(newVerifier())}, "code_challenge_method": {"S256"},
			}, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		}},
	}
}

// introspections attack RFC 7662 and RFC 7009.
func introspections() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	for _, path := range []string{"/introspect", "/revoke"} {
		add("it refuses nobody at "+path, 401, "invalid_client", func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+path, url.Values{"token": {"x"}})
		})
		add("it refuses a wrong secret at "+path, 401, "invalid_client", func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+path, url.Values{"token": {"x"}}, "Authorization", basic(w.issuer.ID, "wrong"))
		})
		add("it refuses a client that no row can hold at "+path, 401, "invalid_client", func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+path, url.Values{"token": {"x"}}, "Authorization", basic("a\x00b", "wrong"))
		})
		add("it refuses a token in the address at "+path, 400, "invalid_request", func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+path+"?token=x", url.Values{}, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		})
		add("it refuses two tokens at "+path, 400, "invalid_request", func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+path, url.Values{"token": {"x", "y"}}, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		})
		add("it refuses to leave out the token at "+path, 400, "invalid_request", func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+path, url.Values{"x": {"y"}}, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		})
		add("it refuses JSON at "+path, 400, "invalid_request", func(t *testing.T, w *world) answer {
			return postJSON(t, w.hub+path, `{"token":"x"}`, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		})
	}
	add("it refuses a public client that introspects", 401, "invalid_client", func(t *testing.T, w *world) answer {
		return postForm(t, w.hub+"/introspect", url.Values{"client_id": {"demo-wallet"}, "token": {"x"}})
	})
	add("it leaves another client's token alone", http.StatusOK, "", func(t *testing.T, w *world) answer { // RFC 7009, 2.2: no error
		s, given := w.login(t, w.kim.Citizen)
		postForm(t, w.hub+"/revoke", url.Values{"token": {given.Access}}, "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		return get(t, w.hub+"/userinfo", bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access)...)
	})
	return list
}
