package hostile_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// ageToken is a token of the age wallet's for a scope of a person's.
func (w *world) ageToken(t testing.TB, p *person, scope string) issue {
	t.Helper()
	i := issue{dpop: newKey(t), holder: newKey(t)}
	verifier := newVerifier()
	form := with(w.walletPAR(verifier), "client_id", "age-wallet", "redirect_uri", "http://localhost:9/age", "scope", scope)
	uri := into[par](t, postForm(t, w.hub+"/par", form)).RequestURI
	back, err := p.Authorize(t.Context(), w.authorizeURL("age-wallet", uri))
	if err != nil {
		t.Fatal(err)
	}
	i.token = into[tokenResponse](t, w.redeem(t, i.dpop, url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"age-wallet"}, "code": {back.Query().Get("code")},
		"redirect_uri": {"http://localhost:9/age"}, "code_verifier": {verifier},
	})).Access
	i.nonce = w.nonce(t)
	return i
}

func (i issue) later(t testing.TB, w *world, body string, headers ...string) answer {
	return postJSON(t, w.hub+"/credential-deferred", body, append(bearer(t, i.dpop, "POST", w.hub+"/credential-deferred", i.token), headers...)...)
}

func (w *world) transacted() string { return fmt.Sprintf(`{"transaction_id":%q}`, w.transaction) }

var deferredControls = []control{{"a card that an operator has to allow", func(t *testing.T, w *world) answer {
	i := w.ageToken(t, w.kim, "age_card")
	a := i.ask(t, w, fmt.Sprintf(`{"credential_configuration_id":%q,"proofs":{"jwt":[%q]}}`, deferredCard, i.keyProof(t, w, claim("iss", "age-wallet"))))
	w.transaction = into[struct {
		ID string `json:"transaction_id"`
	}](t, a).ID
	return a
}, 202}}

// deferrals attack the deferred credential endpoint (OpenID4VCI 1.0, 9).
func deferrals() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	body := func(name, code, body string) {
		add(name, 400, code, func(t *testing.T, w *world) answer { return w.issue(t, w.kim).later(t, w, body) })
	}
	const bad, unknown = "invalid_credential_request", "invalid_transaction_id"
	body("it fetches nothing that is not JSON", bad, "{")
	body("it fetches nothing of no name", bad, `{}`)
	body("it fetches nothing of a name that is a number", bad, `{"transaction_id":7}`)
	body("it fetches nothing of a name given twice", bad, `{"transaction_id":"a","transaction_id":"b"}`)
	body("it fetches nothing nested 9000 deep", bad, `{"transaction_id":`+deep(9000)+`}`)
	body("it fetches nothing of a name that is not UTF-8", unknown, "{\"transaction_id\":\"\xff\"}")
	body("it fetches nothing of an unknown name", unknown, `{"transaction_id":"`+long(43)+`"}`)
	body("it fetches nothing of a name that no row can hold", unknown, `{"transaction_id":"a\u0000b"}`)
	body("it refuses a body of 200 KiB for a deferred card", "body", `{"x":"`+long(200<<10)+`"}`)
	list[len(list)-1].status = 413
	add("it gives nothing before the operator decided", 202, "", func(t *testing.T, w *world) answer {
		a := w.ageToken(t, w.kim, "age_card").later(t, w, w.transacted())
		if got := into[map[string]any](t, a); got["credentials"] != nil {
			t.Error("it gave it")
		}
		return a
	})
	add("it gives another person nothing", 400, unknown, func(t *testing.T, w *world) answer {
		return w.ageToken(t, w.lee, "age_card").later(t, w, w.transacted())
	})
	add("it gives another wallet nothing", 400, unknown, func(t *testing.T, w *world) answer { return w.issue(t, w.kim).later(t, w, w.transacted()) })
	add("it gives nothing for another card's token", 403, "insufficient_scope", func(t *testing.T, w *world) answer {
		return w.ageToken(t, w.kim, "resident_card").later(t, w, w.transacted())
	})
	add("it encrypts no deferred answer that was asked for in plain", 400, "invalid_encryption_parameters", func(t *testing.T, w *world) answer {
		return w.ageToken(t, w.kim, "age_card").later(t, w, fmt.Sprintf(`{"transaction_id":%q,"credential_response_encryption":{"jwk":%s,"enc":"A256GCM"}}`, w.transaction, encode(t, public(newKey(t)))))
	})
	add("it takes no transaction for a notification", 400, "invalid_notification_id", func(t *testing.T, w *world) answer {
		i := w.ageToken(t, w.kim, "age_card")
		return postJSON(t, w.hub+"/notification", fmt.Sprintf(`{"notification_id":%q,"event":"credential_accepted"}`, w.transaction), bearer(t, i.dpop, "POST", w.hub+"/notification", i.token)...)
	})
	add("it takes no proof of another endpoint for a deferred card", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		i := w.ageToken(t, w.kim, "age_card")
		return postJSON(t, w.hub+"/credential-deferred", w.transacted(), bearer(t, i.dpop, "POST", w.hub+"/credential", i.token)...)
	})
	add("it takes no thief's proof for a deferred card", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		i := w.ageToken(t, w.kim, "age_card")
		i.dpop = newKey(t)
		return i.later(t, w, w.transacted())
	})
	add("it takes no form for a deferred card", 415, "media_type", func(t *testing.T, w *world) answer {
		i := w.issue(t, w.kim)
		return ask(t, http.MethodPost, w.hub+"/credential-deferred", "a=b", append(bearer(t, i.dpop, "POST", w.hub+"/credential-deferred", i.token), "Content-Type", formType)...)
	})
	add("it gives nobody a deferred card", 401, "", func(t *testing.T, w *world) answer { return postJSON(t, w.hub+"/credential-deferred", w.transacted()) })
	add("it gives nothing that the operator refused", 400, "credential_request_denied", func(t *testing.T, w *world) answer {
		if out, err := w.Command(t.Context(), "idp", "issuance", "refuse", w.transaction, "--reason", "identity"); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		w.settle(t)
		return w.ageToken(t, w.kim, "age_card").later(t, w, w.transacted())
	})
	return list
}
