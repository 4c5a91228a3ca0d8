package hostile_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// releaseControls show that the insurer gives what was granted: the first use of
// a grant of kim's.
var releaseControls = []control{
	{"a release", func(t *testing.T, w *world) answer {
		w.grants.released = w.transfer(t, w.kim)
		w.grants.key = text()
		w.grants.token = w.grants.released.Access
		return w.release(t, w.grants.released, w.grants.token, map[string]any{"idempotency_key": w.grants.key})
	}, 200},
	{"the same release again", func(t *testing.T, w *world) answer {
		return w.release(t, w.grants.released, w.grants.token, map[string]any{"idempotency_key": w.grants.key})
	}, 200},
}

// releases attack a provider's door, and the refresh of a grant's tokens.
func releases() []attempt {
	return append(append(releaseTokens(), releaseBodies()...), refreshes()...)
}

func releaseTokens() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world, x *transfer) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, w *world) answer { return try(t, w, w.grants.fresh) }})
	}
	var t testing.T
	for _, b := range bentProofs(&t) {
		add("it refuses "+b.name+" for a release", 401, "refused", "proof", func(t *testing.T, w *world, x *transfer) answer {
			token := x.again(t, w)
			return w.release(t, x, token, nil, bearer(t, x.dpop, "POST", w.insurer+"/release", token, b.bends(x.dpop, newKey(t))...)...)
		})
	}
	for name, headers := range map[string]func(t *testing.T, w *world, x *transfer) []string{
		"nobody": func(*testing.T, *world, *transfer) []string { return []string{"X-Nobody", "1"} },
		"a bearer": func(t *testing.T, w *world, x *transfer) []string {
			return []string{"Authorization", "Bearer " + x.again(t, w)}
		},
		"two tokens": func(t *testing.T, w *world, x *transfer) []string {
			return append(bearer(t, x.dpop, "POST", w.insurer+"/release", x.again(t, w)), "Authorization", "DPoP x")
		},
		"a token that is none": func(t *testing.T, w *world, x *transfer) []string {
			return bearer(t, x.dpop, "POST", w.insurer+"/release", "x.y.z")
		},
		"a token of 600 KiB": func(t *testing.T, w *world, x *transfer) []string {
			return []string{"Authorization", "DPoP " + long(600<<10)}
		},
		"a login's token": func(t *testing.T, w *world, _ *transfer) []string {
			s, given := w.login(t, w.kim.watcher)
			return bearer(t, s.dpop, "POST", w.insurer+"/release", given.Access)
		},
		"a token with other claims": func(t *testing.T, w *world, x *transfer) []string {
			parts := strings.Split(x.again(t, w), ".")
			return bearer(t, x.dpop, "POST", w.insurer+"/release", parts[0]+"."+b64.EncodeToString([]byte(`{}`))+"."+parts[2])
		},
		"a token that the consumer signed": func(t *testing.T, w *world, x *transfer) []string {
			claims := map[string]any{}
			decode(t, x.again(t, w), &claims)
			return bearer(t, x.dpop, "POST", w.insurer+"/release", jwt{head: map[string]any{"typ": "at+jwt", "kid": w.asks.kid, "jwk": public(w.asks.key)}, claims: claims, key: w.asks.key}.sign(t))
		},
		"an unsigned token": func(t *testing.T, w *world, x *transfer) []string {
			claims := map[string]any{}
			decode(t, x.again(t, w), &claims)
			return bearer(t, x.dpop, "POST", w.insurer+"/release", jwt{head: map[string]any{"typ": "at+jwt"}, claims: claims}.sign(t, unsigned()))
		},
	} {
		add("it refuses "+name+" for a release", 401, "refused", "token", func(t *testing.T, w *world, x *transfer) answer {
			return w.release(t, x, "", nil, headers(t, w, x)...)
		})
	}
	add("it refuses a token without a proof for a release", 401, "refused", "proof", func(t *testing.T, w *world, x *transfer) answer {
		return w.release(t, x, "", nil, "Authorization", "DPoP "+x.again(t, w))
	})
	add("it refuses a proof by another key than the token's for a release", 401, "refused", "proof", func(t *testing.T, w *world, x *transfer) answer {
		token := x.again(t, w)
		return w.release(t, x, token, nil, bearer(t, newKey(t), "POST", w.insurer+"/release", token)...)
	})
	add("it refuses a release's token at the hub", 401, "invalid_token", "", func(t *testing.T, w *world, x *transfer) answer {
		return get(t, w.hub+"/userinfo", bearer(t, x.dpop, "GET", w.hub+"/userinfo", x.again(t, w))...)
	})
	return list
}

func releaseBodies() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world, x *transfer) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, w *world) answer { return try(t, w, w.grants.fresh) }})
	}
	changed := func(name string, status int, code, check string, change map[string]any) {
		add(name, status, code, check, func(t *testing.T, w *world, x *transfer) answer { return w.release(t, x, x.again(t, w), change) })
	}
	changed("it refuses a release without request", 400, "malformed", "release request", map[string]any{"request": nil})
	changed("it refuses a release without terms", 400, "malformed", "release request", map[string]any{"terms": nil})
	changed("it refuses a release without idempotency key", 400, "malformed", "release request", map[string]any{"idempotency_key": nil})
	changed("it refuses a short idempotency key", 400, "malformed", "release request", map[string]any{"idempotency_key": "x"})
	changed("it refuses an idempotency key of a kilobyte", 400, "malformed", "release request", map[string]any{"idempotency_key": long(1024)})
	changed("it refuses an idempotency key that is a number", 400, "malformed", "release request", map[string]any{"idempotency_key": 1234567890123456})
	changed("it refuses terms that are a list", 403, "refused", "terms", map[string]any{"terms": []any{}})
	changed("it refuses a request that is none", 403, "refused", "consumer's signature", map[string]any{"request": "x.y.z"})
	for name, change := range map[string]struct {
		member string
		value  any
		check  string
	}{
		"for another provider": {"provider", map[string]any{"id": "urn:x", "name": "x", "contact": "x"}, "terms"}, "for another consumer": {"controller", "urn:mydata:agency:other", "terms"},
		"of another request": {"request", long(43), "terms"}, "of another grant": {"grant_id", long(43), "terms"}, "with more uses": {"max_uses", 9, "citizen's assertion"},
		"with another purpose": {"purpose", map[string]any{"code": "curiosity", "text": "x"}, "citizen's assertion"}, "with another key": {"recipient_key", map[string]any{"kem": "x", "pub": "y"}, "citizen's assertion"},
		"with a longer life": {"validity", map[string]any{"nbf": 1, "exp": in(1 << 30)}, "citizen's assertion"}, "with another schema": {"data_set", map[string]any{"id": "health-checkup", "title": "x", "schema_hash": long(43)}, "citizen's assertion"},
		"with another subject": {"subjects", map[string]any{"consumer": long(43), "provider": long(43)}, "citizen's assertion"}, "with another notice": {"notice", map[string]any{"uri": "x", "sha256": long(43), "lang": "ko"}, "citizen's assertion"},
		"with looser bounds": {"template", map[string]any{"max_uses": 99, "max_days": 99}, "citizen's assertion"}, "without claims": {"claims", []any{}, "citizen's assertion"},
		"with a member that nobody knows": {"hostile", 1, "terms"}, "of another version": {"schema_version", "hostile", "citizen's assertion"},
	} {
		add("it refuses terms "+name, 403, "refused", change.check, func(t *testing.T, w *world, x *transfer) answer {
			var terms map[string]any
			if err := json.Unmarshal(x.terms, &terms); err != nil {
				t.Fatal(err)
			}
			terms = maps.Clone(terms)
			terms[change.member] = change.value
			return w.release(t, x, x.again(t, w), map[string]any{"terms": terms})
		})
	}
	add("it refuses terms with a claim that the citizen unticked", 403, "refused", "citizen's assertion", func(t *testing.T, w *world, x *transfer) answer {
		var terms map[string]any
		if err := json.Unmarshal(x.terms, &terms); err != nil {
			t.Fatal(err)
		}
		terms["claims"] = append(terms["claims"].([]any), map[string]any{"name": "checked_on", "label": "x", "from": []string{"checked_on"}, "optional": true})
		return w.release(t, x, x.again(t, w), map[string]any{"terms": terms})
	})
	add("it refuses another grant's token", 403, "refused", "terms", func(t *testing.T, w *world, x *transfer) answer {
		other := w.grants.used
		return w.release(t, &transfer{session: other.session, request: x.request, terms: x.terms}, other.again(t, w), nil)
	})
	add("it refuses a request that another agency signed", 403, "refused", "consumer's signature", func(t *testing.T, w *world, x *transfer) answer {
		n := w.need(t, "x")
		n.body.Issuer = w.other.agency
		return w.release(t, x, x.again(t, w), map[string]any{"request": w.other.signed(t, consent.RequestJWT, n.body)})
	})
	add("it refuses an idempotency key that another request had", 409, "idempotency_key_reused", "idempotency key", func(t *testing.T, w *world, x *transfer) answer {
		return w.release(t, x, x.again(t, w), map[string]any{"idempotency_key": w.grants.key})
	})
	add("it refuses the use of what was withdrawn meanwhile", 409, "withdrawn", "grant state", func(t *testing.T, w *world, _ *transfer) answer {
		x := w.grants.withdrawn // its token was given before
		return w.release(t, x, x.Access, nil)
	})
	for name, body := range badBodies {
		status, code := 400, "malformed"
		if name == "a body of 200 KiB" {
			name, body, status = "a body of 300 KiB", `{"request":"`+long(300<<10)+`"}`, 413
		}
		add("it refuses "+name+" for a release", status, code, "release request", func(t *testing.T, w *world, x *transfer) answer {
			return postJSON(t, w.insurer+"/release", body, bearer(t, x.dpop, "POST", w.insurer+"/release", "x")...)
		})
	}
	add("it refuses a form for a release", 415, "malformed", "content type", func(t *testing.T, w *world, x *transfer) answer {
		return postForm(t, w.insurer+"/release", url.Values{"request": {"x"}})
	})
	for name, body := range map[string]string{"that is nothing": "", "that is a list": "[]", "that names nothing": "{}", "nested 5000 deep": deep(5000), "with a member that nobody knows": `{"hostile":1}`,
		"of a grant that nobody approved": `{"terms":{"grant_id":"x"},"approval":{"digests":[]},"key":"x","assertion":{}}`} {
		add("it ends nothing by a withdrawal "+name, 403, "refused", "citizen's withdrawal", func(t *testing.T, w *world, x *transfer) answer {
			return ask(t, http.MethodPost, w.insurer+"/release", body, "Content-Type", consent.WithdrawalType)
		})
	}
	add("it refuses GET for a release", 405, "method", "method", func(t *testing.T, w *world, x *transfer) answer { return get(t, w.insurer+"/release") })
	add("it refuses an acknowledgement of a release that never was", 404, "unknown_release", "countersignature", func(t *testing.T, w *world, x *transfer) answer {
		return postJOSE(t, w.insurer+"/release", w.received(t, x, 1, "x"))
	})
	add("it refuses an acknowledgement that is none", 403, "refused", "countersignature", func(t *testing.T, w *world, x *transfer) answer {
		return postJOSE(t, w.insurer+"/release", mark)
	})
	add("it refuses an acknowledgement by another agency", 404, "unknown_release", "countersignature", func(t *testing.T, w *world, _ *transfer) answer {
		return postJOSE(t, w.insurer+"/release", w.other.signed(t, consent.ReceivedJWT, consent.ReceivedClaims{
			Issuer: w.other.agency, Audience: w.hub, IssuedAt: now(), GrantID: consent.GrantID(w.grants.released.grant), Use: 1, Commit: consent.DigestOf("x"),
		}))
	})
	return list
}

func refreshes() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world, x *transfer) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer { return try(t, w, w.grants.fresh) }})
	}
	add("it refuses a refresh by another key", 400, "invalid_dpop_proof", func(t *testing.T, w *world, x *transfer) answer { return w.redeem(t, newKey(t), x.refresh(t, w)) })
	add("it refuses a refresh without a proof", 400, "invalid_dpop_proof", func(t *testing.T, w *world, x *transfer) answer { return postForm(t, w.hub+"/token", x.refresh(t, w)) })
	add("it refuses a refresh by another client", 400, "invalid_grant", func(t *testing.T, w *world, x *transfer) answer {
		return w.redeem(t, x.dpop, with(x.refresh(t, w), "client_assertion", w.other.assertion(t, w)))
	})
	add("it refuses a refresh without its client", 401, "invalid_client", func(t *testing.T, w *world, x *transfer) answer {
		return w.redeem(t, x.dpop, with(x.refresh(t, w), "client_assertion", "-", "client_assertion_type", "-"))
	})
	add("it refuses a refresh to more than was given", 400, "invalid_scope", func(t *testing.T, w *world, x *transfer) answer {
		return w.redeem(t, x.dpop, with(x.refresh(t, w), "scope", "openid resident_card"))
	})
	add("it refuses an access token for a refresh token", 400, "invalid_grant", func(t *testing.T, w *world, x *transfer) answer {
		return w.redeem(t, x.dpop, with(x.refresh(t, w), "refresh_token", long(43)))
	})
	add("it refuses a token for what was withdrawn", 400, "invalid_grant", func(t *testing.T, w *world, _ *transfer) answer {
		x := w.grants.withdrawn
		a := w.redeem(t, x.dpop, x.refresh(t, w))
		if !strings.Contains(a.body, "withdrawn") {
			t.Errorf("it does not say why: %s", a.body)
		}
		return a
	})
	return list
}
