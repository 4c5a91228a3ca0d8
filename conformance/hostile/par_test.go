package hostile_test

import (
	"net/url"
	"strings"
	"testing"
)

var parControls = []control{
	{"a signed request object", func(t *testing.T, w *world) answer {
		return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier()))
	}, 201},
	{"a request object with parameters that nobody knows", func(t *testing.T, w *world) answer {
		return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), claim("unheard_of", "x"), head("unheard_of", "x")))
	}, 201},
	{"a wallet's plain parameters", func(t *testing.T, w *world) answer {
		return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "unheard_of", "x"))
	}, 201},
}

// pars attack the pushed authorization request endpoint (RFC 9126, RFC 9101).
func pars() []attempt {
	list := append(parObjects(), parForms()...)
	return append(list, parClients()...)
}

func parObjects() []attempt {
	var list []attempt
	object := func(name, code string, bends ...func(w *world) bend) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			var all []bend
			for _, b := range bends {
				all = append(all, b(w))
			}
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), all...))
		}})
	}
	is := func(b bend) func(*world) bend { return func(*world) bend { return b } }
	const bad = "invalid_request_object"
	object("it refuses an unsigned request object", bad, is(unsigned()))
	object("it refuses a request object signed with the public key as a secret", bad, func(w *world) bend { return symmetric(&w.asks.key.PublicKey) })
	object("it refuses a request object by another agency's key", bad, func(w *world) bend { return by(w.other.key) })
	object("it refuses a request object that brings its own key", bad, func(w *world) bend {
		return func(j *jwt) { j.key = w.other.key; j.head["jwk"] = public(w.other.key); delete(j.head, "kid") }
	})
	object("it refuses a request object with a kid that is not registered", bad, is(head("kid", "nobody")))
	object("it refuses a request object with a kid that leads elsewhere", bad, is(head("kid", "../../etc/passwd\x00")))
	object("it refuses a request object of another typ", bad, is(head("typ", "JWT")))
	object("it refuses a request object without typ", bad, is(head("typ", nil)))
	object("it refuses critical headers that it does not know", bad, is(head("crit", []string{"hostile"})), is(head("hostile", 1)))
	object("it refuses a request object by another issuer", bad, is(claim("iss", "other-agency")))
	object("it refuses a request object without iss", bad, is(claim("iss", nil)))
	object("it refuses a request object for another server", bad, is(claim("aud", "https://elsewhere.example")))
	object("it refuses a request object for two servers", bad, func(w *world) bend { return claim("aud", []string{w.hub, "https://elsewhere.example"}) })
	object("it refuses a request object without aud", bad, is(claim("aud", nil)))
	object("it refuses an expired request object", bad, is(claim("exp", in(-60))))
	object("it refuses a request object without exp", bad, is(claim("exp", nil)))
	object("it refuses a request object that lives a day", bad, is(claim("exp", in(86400))))
	object("it refuses a request object from the future", bad, is(claim("nbf", in(300))))
	object("it refuses a request object issued in the future", bad, is(claim("iat", in(300))))
	object("it refuses a request object with a time that is a word", bad, is(claim("exp", "tomorrow")))
	object("it refuses a request object with a time beyond all numbers", bad, is(payload(`{"iss":"driving-licence","exp":1e400}`)))
	object("it refuses a request object of another client", bad, is(claim("client_id", "demo-wallet")))
	object("it refuses a request object without client_id", bad, is(claim("client_id", nil)))
	object("it refuses a request object in a request object", bad, is(claim("request", "x")))
	object("it refuses a request_uri in a request object", bad, is(claim("request_uri", "urn:x")))
	object("it refuses a name given twice in a request object", bad, is(payload(`{"iss":"driving-licence","iss":"driving-licence"}`)))
	object("it refuses a request object that is no object", bad, is(payload(`[]`)))
	object("it refuses a request object that is no JSON", bad, is(payload(`{"iss":`)))
	object("it refuses a request object nested 10000 deep", bad, is(payload(deep(10000))))
	object("it refuses a request object that is not UTF-8", bad, is(payload("{\"iss\":\"driving-licence\xff\"}")))
	object("it refuses a request object with half of its signature", bad, is(compacted(func(s string) string { return s[:len(s)-40] })))
	object("it refuses a request object of five parts", bad, is(compacted(func(s string) string { return s + ".e30.e30" })))
	object("it refuses an empty request object", bad, is(compacted(func(string) string { return "." })))
	object("it refuses a foreign redirect_uri", "invalid_request", is(claim("redirect_uri", "https://evil.example/callback")))
	object("it refuses a redirect_uri below the registered one", "invalid_request", func(w *world) bend { return claim("redirect_uri", w.asks.redirect+"/more") })
	object("it refuses a redirect_uri in other letters", "invalid_request", func(w *world) bend { return claim("redirect_uri", strings.ToUpper(w.asks.redirect)) })
	object("it refuses a redirect_uri with dots in it", "invalid_request", func(w *world) bend { return claim("redirect_uri", w.licence+"/x/../callback") })
	object("it refuses a redirect_uri with a fragment", "invalid_request", func(w *world) bend { return claim("redirect_uri", w.asks.redirect+"#x") })
	object("it refuses a redirect_uri with a user", "invalid_request", func(w *world) bend {
		return claim("redirect_uri", strings.Replace(w.asks.redirect, "http://", "http://x@", 1))
	})
	object("it refuses to leave out redirect_uri", "invalid_request", is(claim("redirect_uri", nil)))
	object("it refuses the implicit flow", "unsupported_response_type", is(claim("response_type", "token")))
	object("it refuses the hybrid flow", "unsupported_response_type", is(claim("response_type", "code id_token")))
	object("it refuses to leave out response_type", "unsupported_response_type", is(claim("response_type", nil)))
	object("it refuses an answer in the fragment", "invalid_request", is(claim("response_mode", "fragment")))
	object("it refuses PKCE plain", "invalid_request", is(claim("code_challenge_method", "plain")))
	object("it refuses to leave out the PKCE method", "invalid_request", is(claim("code_challenge_method", nil)))
	object("it refuses to leave out PKCE", "invalid_request", is(claim("code_challenge", nil)))
	object("it refuses a code_challenge that is none", "invalid_request", is(claim("code_challenge", "short")))
	object("it refuses a dpop_jkt that is none", "invalid_request", is(claim("dpop_jkt", "x")))
	object("it refuses prompt none beside another", "invalid_request", is(claim("prompt", "none login")))
	object("it refuses an unknown prompt", "invalid_request", is(claim("prompt", mark)))
	object("it refuses a negative max_age", "invalid_request", is(claim("max_age", -1)))
	object("it refuses a state of 3000 characters", "invalid_request", is(claim("state", long(3000))))
	object("it refuses a nonce of 3000 characters", "invalid_request", is(claim("nonce", long(3000))))
	object("it refuses scopes that the client may not have", "invalid_scope", is(claim("scope", "resident_card admin")))
	object("it refuses to ask for nothing", "invalid_scope", is(claim("scope", nil)))
	object("it refuses an unknown type of authorization_details", "invalid_authorization_details", is(claim("authorization_details", []any{map[string]any{"type": "hostile"}})))
	object("it refuses two authorization_details", "invalid_authorization_details", is(claim("authorization_details", []any{map[string]any{"type": "a"}, map[string]any{"type": "b"}})))
	object("it refuses authorization_details that are no array", "invalid_authorization_details", is(claim("authorization_details", map[string]any{"type": "a"})))
	object("it refuses authorization_details without type", "invalid_authorization_details", is(claim("authorization_details", []any{map[string]any{}})))
	object("it refuses empty authorization_details", "invalid_authorization_details", is(claim("authorization_details", []any{})))
	object("it refuses a NUL in state", "invalid_request", is(claim("state", "a\x00b")))
	object("it refuses a NUL in nonce", "invalid_request", is(claim("nonce", "a\x00b")))
	object("it refuses a NUL in login_hint", "invalid_request", is(claim("login_hint", "a\x00b")))
	object("it refuses a NUL in ui_locales", "invalid_request", is(claim("ui_locales", "ko \x00")))
	return list
}

func parForms() []attempt {
	return []attempt{
		{name: "it refuses plain parameters of a client that signs", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			form := with(w.walletPAR(newVerifier()), "client_id", w.asks.client, "redirect_uri", w.asks.redirect, "scope", "openid")
			return postForm(t, w.hub+"/par", w.asks.authenticated(t, w, form))
		}},
		{name: "it refuses a request_uri that is pushed", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "request_uri", "urn:x"))
		}},
		{name: "it refuses a request object of a client without keys", status: 400, code: "invalid_request_object", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "request", w.asks.object(t, w, newVerifier())))
		}},
		{name: "it refuses a parameter given twice", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			form := w.walletPAR(newVerifier())
			form.Add("scope", "openid")
			return postForm(t, w.hub+"/par", form)
		}},
		{name: "it refuses parameters in the address", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par?client_id=demo-wallet", w.walletPAR(newVerifier()))
		}},
		{name: "it refuses JSON where a form belongs", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postJSON(t, w.hub+"/par", `{"client_id":"demo-wallet"}`)
		}},
		{name: "it refuses a body without a content type", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return ask(t, "POST", w.hub+"/par", w.walletPAR(newVerifier()).Encode())
		}},
		{name: "it refuses a form in parts", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return ask(t, "POST", w.hub+"/par", "--x\r\n\r\n--x--", "Content-Type", "multipart/form-data; boundary=x")
		}},
		{name: "it refuses broken percent encoding", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return ask(t, "POST", w.hub+"/par", "client_id=%zz", "Content-Type", formType)
		}},
		{name: "it refuses a body of 200 KiB", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "state", long(200<<10)))
		}},
		{name: "it refuses a thousand parameters", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			form := w.walletPAR(newVerifier())
			for range 1000 {
				form.Set(text(), "x")
			}
			return postForm(t, w.hub+"/par", form)
		}},
		{name: "it refuses a max_age that is no number", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "max_age", "soon"))
		}},
		{name: "it refuses a max_age beyond all numbers", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "max_age", "99999999999999999999"))
		}},
		{name: "it refuses a state that is not UTF-8", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "state", "\xff\xfe"))
		}},
		{name: "it refuses a proof that it cannot read", status: 400, code: "invalid_dpop_proof", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", w.walletPAR(newVerifier()), "DPoP", "x.y.z")
		}},
		{name: "it refuses a proof by another key than dpop_jkt", status: 400, code: "invalid_dpop_proof", try: func(t *testing.T, w *world) answer {
			form := with(w.walletPAR(newVerifier()), "dpop_jkt", thumbprint(t, newKey(t)))
			return postForm(t, w.hub+"/par", form, "DPoP", proof(t, newKey(t), "POST", w.hub+"/par", ""))
		}},
		{name: "it refuses authorization_details that are no JSON", status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "authorization_details", "{"))
		}},
		{name: "it refuses authorization_details nested 10000 deep", status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "authorization_details", deep(10000)))
		}},
		{name: "it refuses a transfer that a wallet asks for", status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "authorization_details", `[{"type":"urn:mydata:transfer","request":"x"}]`))
		}},
	}
}

// parClients attack client authentication (RFC 6749, 2.3; RFC 7523, 3).
func parClients() []attempt {
	var list []attempt
	assertion := func(name string, bends ...func(w *world) bend) {
		list = append(list, attempt{name: name, status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			var all []bend
			for _, b := range bends {
				all = append(all, b(w))
			}
			return postForm(t, w.hub+"/par", url.Values{
				"request": {w.asks.object(t, w, newVerifier())}, "client_assertion_type": {assertionType}, "client_assertion": {w.asks.assertion(t, w, all...)},
			})
		}})
	}
	is := func(b bend) func(*world) bend { return func(*world) bend { return b } }
	assertion("it refuses an unsigned assertion", is(unsigned()))
	assertion("it refuses an assertion signed with the public key as a secret", func(w *world) bend { return symmetric(&w.asks.key.PublicKey) })
	assertion("it refuses an assertion by another agency's key", func(w *world) bend { return by(w.other.key) })
	assertion("it refuses an assertion that brings its own key", func(w *world) bend {
		return func(j *jwt) { j.key = w.other.key; j.head["jwk"] = public(w.other.key); delete(j.head, "kid") }
	})
	assertion("it refuses an assertion of a key that is not registered", is(head("kid", "nobody")))
	assertion("it refuses an assertion for another server", is(claim("aud", "https://elsewhere.example")))
	assertion("it refuses an assertion for the token endpoint", func(w *world) bend { return claim("aud", w.hub+"/token") })
	assertion("it refuses an assertion whose aud is an array", func(w *world) bend { return claim("aud", []string{w.hub}) })
	assertion("it refuses an assertion about another client", is(claim("sub", "demo-wallet")))
	assertion("it refuses an assertion by an unknown client", is(claim("iss", "nobody")))
	assertion("it refuses an assertion by a client whose name no row can hold", is(claim("iss", "a\x00b")))
	assertion("it refuses an expired assertion", is(claim("exp", in(-60))))
	assertion("it refuses an assertion without exp", is(claim("exp", nil)))
	assertion("it refuses an assertion that lives an hour", is(claim("exp", in(3600))))
	assertion("it refuses an assertion from the future", is(claim("iat", in(300))))
	assertion("it refuses an assertion without jti", is(claim("jti", nil)))
	assertion("it refuses an assertion with a jti of a kilobyte", is(claim("jti", long(1024))))
	assertion("it refuses an assertion with a jti that is a number", is(claim("jti", 7)))
	assertion("it refuses an assertion with a name given twice", is(payload(`{"iss":"driving-licence","iss":"driving-licence"}`)))
	return append(list, []attempt{
		{name: "it refuses an assertion twice", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			form := w.asks.authenticated(t, w, url.Values{})
			form.Set("request", w.asks.object(t, w, newVerifier()))
			postForm(t, w.hub+"/par", form)
			form.Set("request", w.asks.object(t, w, newVerifier()))
			return postForm(t, w.hub+"/par", form)
		}},
		{name: "it refuses another type of assertion", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			form := w.asks.authenticated(t, w, url.Values{"request": {w.asks.object(t, w, newVerifier())}})
			return postForm(t, w.hub+"/par", with(form, "client_assertion_type", "urn:hostile"))
		}},
		{name: "it refuses an assertion beside a secret", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			form := w.asks.authenticated(t, w, url.Values{"request": {w.asks.object(t, w, newVerifier())}})
			return postForm(t, w.hub+"/par", with(form, "client_secret", "x"))
		}},
		{name: "it refuses a client_id beside another's assertion", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			form := w.asks.authenticated(t, w, url.Values{"request": {w.asks.object(t, w, newVerifier())}})
			return postForm(t, w.hub+"/par", with(form, "client_id", "demo-wallet"))
		}},
		{name: "it refuses a client that has keys and shows none", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", url.Values{"client_id": {w.asks.client}, "request": {w.asks.object(t, w, newVerifier())}})
		}},
		{name: "it refuses nobody", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_id", "-"))
		}},
		{name: "it refuses an unknown client", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_id", mark))
		}},
		{name: "it refuses a client whose name no row can hold", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_id", "a\x00b"))
		}},
		{name: "it refuses a client whose name is not UTF-8", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_id", "\xff"))
		}},
		{name: "it refuses a secret of a public client", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_secret", "x"))
		}},
		{name: "it refuses a wrong secret", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", w.walletPAR(newVerifier()), "Authorization", basic(w.issuer.ID, "wrong"))
		}},
		{name: "it refuses a secret in the body", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_id", w.issuer.ID, "client_secret", w.issuer.Secret))
		}},
		{name: "it refuses a secret beside another's name", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", w.walletPAR(newVerifier()), "Authorization", basic(w.issuer.ID, w.issuer.Secret))
		}},
		{name: "it refuses HTTP Basic that is not base64", status: 401, code: "invalid_client", try: func(t *testing.T, w *world) answer {
			return postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "client_id", "-"), "Authorization", "Basic ???")
		}},
	}...)
}
