package hostile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// A visit to the credential endpoint: token, its key, the holder's key, a nonce.
type issue struct {
	dpop, holder *ecdsa.PrivateKey
	token, nonce string
}

func (w *world) issue(t testing.TB, p *person) issue {
	t.Helper()
	i := issue{dpop: newKey(t), holder: newKey(t)}
	i.token = into[tokenResponse](t, w.redeem(t, i.dpop, w.offer(t, p).form())).Access
	i.nonce = w.nonce(t)
	return i
}

func (w *world) nonce(t testing.TB) string {
	t.Helper()
	return into[struct {
		Nonce string `json:"c_nonce"`
	}](t, ask(t, http.MethodPost, w.hub+"/nonce", "")).Nonce
}

// keyProof is an openid4vci-proof+jwt (OpenID4VCI 1.0, appendix F.1).
func (i issue) keyProof(t testing.TB, w *world, bends ...bend) string {
	return jwt{
		head:   map[string]any{"typ": "openid4vci-proof+jwt", "jwk": public(i.holder)},
		claims: map[string]any{"iss": "demo-wallet", "aud": w.hub, "iat": now(), "nonce": i.nonce},
		key:    i.holder,
	}.sign(t, bends...)
}

func (i issue) ask(t testing.TB, w *world, body string) answer {
	return postJSON(t, w.hub+"/credential", body, bearer(t, i.dpop, "POST", w.hub+"/credential", i.token)...)
}

func cardRequest(proof string) string {
	return fmt.Sprintf(`{"credential_configuration_id":"resident_card_sd_jwt","proofs":{"jwt":[%q]}}`, proof)
}

var issuanceControls = []control{
	{"a card", func(t *testing.T, w *world) answer {
		i := w.issue(t, w.kim)
		return i.ask(t, w, cardRequest(i.keyProof(t, w)))
	}, 200},
	{"a card with parameters that nobody knows", func(t *testing.T, w *world) answer {
		i := w.issue(t, w.kim)
		return i.ask(t, w, fmt.Sprintf(`{"credential_configuration_id":"resident_card_sd_jwt","unheard_of":[1],"proofs":{"jwt":[%q]}}`, i.keyProof(t, w, claim("unheard_of", 1))))
	}, 200},
}

// issuances attack the nonce, credential and notification endpoints (OpenID4VCI
// 1.0, 7, 8, 11).
func issuances() []attempt {
	return append(append(keyProofs(), credentialRequests()...), notifications()...)
}

func keyProofs() []attempt {
	var list []attempt
	bent := func(name, code string, bends ...func(t *testing.T, w *world, i issue) bend) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			i := w.issue(t, w.kim)
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w, i))
			}
			return i.ask(t, w, cardRequest(i.keyProof(t, w, all...)))
		}})
	}
	is := func(b bend) func(*testing.T, *world, issue) bend {
		return func(*testing.T, *world, issue) bend { return b }
	}
	const bad = "invalid_proof"
	bent("it refuses an unsigned key proof", bad, is(unsigned()))
	bent("it refuses a key proof signed with the public key as a secret", bad, func(_ *testing.T, _ *world, i issue) bend { return symmetric(&i.holder.PublicKey) })
	bent("it refuses a key proof by another key than it carries", bad, func(_ *testing.T, _ *world, i issue) bend { return by(i.dpop) })
	bent("it refuses a key proof of another typ", bad, is(head("typ", "JWT")))
	bent("it refuses a DPoP proof as key proof", bad, is(head("typ", "dpop+jwt")))
	bent("it refuses a key proof without key", bad, is(head("jwk", nil)))
	bent("it refuses a key proof with two keys", bad, is(head("kid", "did:jwk:x")))
	bent("it refuses a key proof with a kid that is none", bad, is(head("jwk", nil)), is(head("kid", "did:web:evil.example#1")))
	bent("it refuses a key proof with certificates", bad, is(head("jwk", nil)), func(_ *testing.T, w *world, _ issue) bend { return head("x5c", w.asks.chain) })
	bent("it refuses a key proof that carries its private key", bad, func(_ *testing.T, _ *world, i issue) bend { return head("jwk", jose.JSONWebKey{Key: i.holder}) })
	bent("it refuses a key proof with a key of another curve", bad, func(t *testing.T, _ *world, _ issue) bend {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return head("jwk", jose.JSONWebKey{Key: &key.PublicKey})
	})
	bent("it refuses a key proof for another issuer", bad, is(claim("aud", "https://elsewhere.example")))
	bent("it refuses a key proof for two issuers", bad, func(_ *testing.T, w *world, _ issue) bend { return claim("aud", []string{w.hub}) })
	bent("it refuses a key proof without aud", bad, is(claim("aud", nil)))
	bent("it refuses a key proof by another client", bad, is(claim("iss", "driving-licence")))
	bent("it refuses an old key proof", bad, is(claim("iat", in(-600))))
	bent("it refuses a key proof from the future", bad, is(claim("iat", in(600))))
	bent("it refuses a key proof without iat", bad, is(claim("iat", nil)))
	bent("it refuses a key proof with an iat beyond all numbers", bad, is(claim("iat", 1e300)))
	bent("it refuses a key proof with a name given twice", bad, is(payload(`{"aud":"a","aud":"b"}`)))
	bent("it refuses a key proof that is no JSON", bad, is(payload("\xff")))
	bent("it refuses a key proof without nonce", "invalid_nonce", is(claim("nonce", nil)))
	bent("it refuses a key proof with a nonce of somebody else", "invalid_nonce", is(claim("nonce", long(43))))
	bent("it refuses a key proof with a nonce that no row can hold", "invalid_nonce", is(claim("nonce", "a\x00b")))
	bent("it refuses a key proof with a bent nonce", "invalid_nonce", func(_ *testing.T, _ *world, i issue) bend { return claim("nonce", i.nonce[:len(i.nonce)-2]+"xx") })
	list = append(list, attempt{name: "it refuses a nonce twice", status: 400, code: "invalid_nonce", try: func(t *testing.T, w *world) answer {
		i := w.issue(t, w.kim)
		if a := i.ask(t, w, cardRequest(i.keyProof(t, w))); a.status != http.StatusOK {
			t.Fatalf("the first time: %d %s", a.status, a.body)
		}
		w.settle(t)
		return i.ask(t, w, cardRequest(i.keyProof(t, w)))
	}})
	return list
}

func credentialRequests() []attempt {
	var list []attempt
	request := func(name string, status int, code string, body func(t *testing.T, w *world, i issue) string) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			i := w.issue(t, w.kim)
			return i.ask(t, w, body(t, w, i))
		}})
	}
	is := func(body string) func(*testing.T, *world, issue) string {
		return func(*testing.T, *world, issue) string { return body }
	}
	const bad = "invalid_credential_request"
	request("it refuses an empty body", 400, bad, is(""))
	request("it refuses JSON that breaks off", 400, bad, is(`{"credential_configuration_id":`))
	request("it refuses an array", 400, bad, is(`[]`))
	request("it refuses JSON and more", 400, bad, is(`{"credential_configuration_id":"resident_card_sd_jwt"} {}`))
	request("it refuses a member given twice", 400, bad, is(`{"credential_configuration_id":"a","credential_configuration_id":"b"}`))
	request("it refuses a request nested 10000 deep", 400, bad, is(`{"credential_configuration_id":`+deep(10000)+`}`))
	request("it refuses a request that is not UTF-8", 400, "unknown_credential_configuration", is("{\"credential_configuration_id\":\"\xff\"}"))
	request("it refuses a request for nothing", 400, bad, is(`{}`))
	request("it refuses a request for two things", 400, bad, is(`{"credential_configuration_id":"a","credential_identifier":"b"}`))
	request("it refuses an unknown configuration", 400, "unknown_credential_configuration", is(`{"credential_configuration_id":"passport"}`))
	request("it refuses an identifier that was never given", 400, "unknown_credential_identifier", is(`{"credential_identifier":"b"}`))
	request("it refuses a request for encryption", 400, "invalid_encryption_parameters", is(`{"credential_configuration_id":"resident_card_sd_jwt","credential_response_encryption":{}}`))
	request("it refuses to issue without a proof", 400, "invalid_proof", is(`{"credential_configuration_id":"resident_card_sd_jwt"}`))
	request("it refuses to issue for no proof", 400, "invalid_proof", is(`{"credential_configuration_id":"resident_card_sd_jwt","proofs":{"jwt":[]}}`))
	request("it refuses a proof of another kind", 400, "invalid_proof", is(`{"credential_configuration_id":"resident_card_sd_jwt","proofs":{"ldp_vp":[{}]}}`))
	request("it refuses proofs that are numbers", 400, "invalid_proof", is(`{"credential_configuration_id":"resident_card_sd_jwt","proofs":{"jwt":[7]}}`))
	request("it refuses two cards for one key", 400, "invalid_proof", func(t *testing.T, w *world, i issue) string {
		one := i.keyProof(t, w)
		return fmt.Sprintf(`{"credential_configuration_id":"resident_card_sd_jwt","proofs":{"jwt":[%q,%q]}}`, one, i.keyProof(t, w))
	})
	request("it refuses a thousand proofs", 400, "invalid_proof", func(*testing.T, *world, issue) string {
		proofs := `"x"`
		for range 999 {
			proofs += `,"x"`
		}
		return `{"credential_configuration_id":"resident_card_sd_jwt","proofs":{"jwt":[` + proofs + `]}}`
	})
	request("it refuses a body of 200 KiB", 413, "body", is(`{"x":"`+long(200<<10)+`"}`))
	list = append(list, attempt{name: "it refuses a form where JSON belongs", status: 415, code: "media_type", try: func(t *testing.T, w *world) answer {
		i := w.issue(t, w.kim)
		return ask(t, "POST", w.hub+"/credential", "a=b", append(bearer(t, i.dpop, "POST", w.hub+"/credential", i.token), "Content-Type", formType)...)
	}})
	return list
}

func notifications() []attempt {
	var list []attempt
	notify := func(name, code string, body func(t *testing.T, w *world) string) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			i := w.issue(t, w.kim)
			return postJSON(t, w.hub+"/notification", body(t, w), bearer(t, i.dpop, "POST", w.hub+"/notification", i.token)...)
		}})
	}
	is := func(body string) func(*testing.T, *world) string {
		return func(*testing.T, *world) string { return body }
	}
	notify("it refuses a notification that is no JSON", "invalid_notification_request", is("{"))
	notify("it refuses a notification of nothing", "invalid_notification_request", is(`{"event":"credential_accepted"}`))
	notify("it refuses a notification with a member given twice", "invalid_notification_request", is(`{"event":"credential_accepted","event":"credential_deleted","notification_id":"x"}`))
	notify("it refuses an unknown event", "invalid_notification_request", is(`{"notification_id":"x","event":"credential_eaten"}`))
	notify("it refuses an unknown notification", "invalid_notification_id", is(`{"notification_id":"x","event":"credential_accepted"}`))
	notify("it refuses a notification that no row can hold", "invalid_notification_id", is(`{"notification_id":"a\u0000b","event":"credential_accepted"}`))
	notify("it refuses another citizen's notification", "invalid_notification_id", func(t *testing.T, w *world) string {
		cards, err := w.lee.watcher.Credentials(t.Context())
		if err != nil || len(cards) == 0 {
			t.Fatalf("%v %v", cards, err)
		}
		return fmt.Sprintf(`{"notification_id":%q,"event":"credential_deleted"}`, cards[0].ID)
	})
	return list
}
