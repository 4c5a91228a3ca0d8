package hostile_test

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// A question of the verifier's, as a wallet on another device got it.
type question struct {
	wallet.Asked
	request  string // address of the request object
	response string
	result   string // address of the page of whoever asked
	asker    *citizen.Citizen
}

func (w *world) question(t testing.TB) question { return w.questionFor(t, w.kim) }

// questionFor is one that a person's wallet read.
func (w *world) questionFor(t testing.TB, p *person) question {
	t.Helper()
	asker := citizen.New(w.hub, "verifier's clerk")
	page, err := asker.BeginProof(t.Context(), w.verifier)
	if err != nil {
		t.Fatal(err)
	}
	const open = `<code id="request">`
	text := string(page.Body)
	from := strings.Index(text, open)
	if from < 0 {
		t.Fatal("no request on the page")
	}
	link := strings.ReplaceAll(text[from+len(open):], "&amp;", "&")
	link, _, _ = strings.Cut(link, "<")
	asked, err := p.wallet.ReadRequest(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return question{asked, u.Query().Get("request_uri"), asked.Authorization.ResponseURI, page.URL.String(), asker}
}

// presentation is kim's card for this question, its key binding to bend.
func (w *world) presentation(t testing.TB, q question, bends ...bend) string {
	return w.presentationOf(t, w.kim, q, bends...)
}

func (w *world) presentationOf(t testing.TB, p *person, q question, bends ...bend) string {
	t.Helper()
	way := q.Ways(q.Needed[0])[0]
	token, err := sdjwt.Parse(way.Credential.Token)
	if err != nil {
		t.Fatal(err)
	}
	var paths []sdjwt.Path
	for _, p := range way.Claims {
		paths = append(paths, sdjwt.Path(p))
	}
	shown, err := token.Present(paths...)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(shown))
	return shown + jwt{
		head:   map[string]any{"typ": "kb+jwt"},
		claims: map[string]any{"aud": q.Authorization.ClientID, "nonce": q.Authorization.Nonce, "iat": now(), "sd_hash": b64.EncodeToString(sum[:])},
		key:    readKey(t, filepath.Join(p.cards, way.Credential.ID+".pem")),
	}.sign(t, bends...)
}

// answered encrypts an answer and posts it.
func (q question) answered(t testing.TB, token map[string][]string) answer {
	t.Helper()
	jwe, err := q.Authorization.Encrypt(openid4vp.Response{VPToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return postForm(t, q.response, url.Values{"response": {jwe}})
}

// verifiers attack the verifier's addresses for wallets and its pages (OpenID4VP
// 1.0, 5.10, 8.2, 8.3, 8.6).
func verifiers() []attempt {
	return append(append(requestsOfVerifier(), responses()...), presentations()...)
}

func requestsOfVerifier() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: try})
	}
	for _, handle := range []string{"x", "a%00b", "%FF", long(3000)} {
		add("it knows no request "+handle[:min(len(handle), 20)], 404, "unknown_request", "request", func(t *testing.T, w *world) answer { return get(t, w.verifier+"/request/"+handle) })
		add("it takes no response to "+handle[:min(len(handle), 20)], 404, "unknown_request", "request", func(t *testing.T, w *world) answer {
			return postForm(t, w.verifier+"/response/"+handle, url.Values{"response": {"x"}})
		})
		add("it shows no result "+handle[:min(len(handle), 20)], 404, "unknown", "", func(t *testing.T, w *world) answer { return get(t, w.verifier+"/result/"+handle) })
	}
	add("it refuses two wallet nonces", 400, "invalid_request", "wallet_nonce", func(t *testing.T, w *world) answer {
		return postForm(t, w.question(t).request, url.Values{"wallet_nonce": {"a", "b"}})
	})
	add("it refuses a wallet nonce of a kilobyte", 400, "invalid_request", "wallet_nonce", func(t *testing.T, w *world) answer {
		return postForm(t, w.question(t).request, url.Values{"wallet_nonce": {long(1024)}})
	})
	add("it refuses a form that cannot be read", 400, "invalid_request", "wallet_nonce", func(t *testing.T, w *world) answer {
		return ask(t, http.MethodPost, w.question(t).request, "%zz", "Content-Type", formType)
	})
	for _, question := range []string{"", "everything", mark, "a\x00b", long(5000)} {
		add("it asks no question "+question[:min(len(question), 20)], 400, "ask", "", func(t *testing.T, w *world) answer {
			return postForm(t, w.verifier+"/requests", url.Values{"ask": {question}})
		})
	}
	add("it asks nothing for another site", 403, "cross_origin", "", func(t *testing.T, w *world) answer {
		return postForm(t, w.verifier+"/requests", url.Values{"ask": {"identity"}}, "Sec-Fetch-Site", "cross-site")
	})
	add("it shows a result to nobody else", 404, "unknown", "", func(t *testing.T, w *world) answer { return get(t, w.question(t).result) })
	add("it shows a result to no forged cookie", 404, "unknown", "", func(t *testing.T, w *world) answer {
		return get(t, w.question(t).result, "Cookie", "mydata_verifier_session="+long(43))
	})
	add("it refuses a response code that was never given", 403, "session", "", func(t *testing.T, w *world) answer {
		q := w.question(t)
		return as(t, q.asker, http.MethodGet, q.result+"?response_code="+long(43), "", "")
	})
	add("it refuses a response code in another browser", 403, "session", "", func(t *testing.T, w *world) answer {
		page, err := w.lee.BeginProof(t.Context(), w.verifier)
		if err != nil {
			t.Fatal(err)
		}
		asked, err := w.kim.wallet.ReadRequest(t.Context(), citizen.ProofLink(page))
		if err != nil {
			t.Fatal(err)
		}
		back, err := w.kim.wallet.Present(t.Context(), asked, asked.Least())
		if err != nil {
			t.Fatal(err)
		}
		return as(t, w.kim.Citizen, http.MethodGet, back, "", "") // kim's wallet answered lee's question
	})
	for path, method := range map[string]string{"/requests": "GET", "/response/x": "GET", "/result/x": "POST", "/request/x": "DELETE", "/": "POST"} {
		add("it refuses "+method+" at the verifier's "+path, 405, "method", "", func(t *testing.T, w *world) answer { return ask(t, method, w.verifier+path, "") })
	}
	add("it knows no path of the verifier's socket", 404, "not_found", "", func(t *testing.T, w *world) answer { return get(t, w.verifier+"/results/x") })
	return list
}

// responses that cannot be opened change nothing: the question stays open.
func responses() []attempt {
	var list []attempt
	add := func(name, check string, form func(t *testing.T, w *world, q question) url.Values) {
		list = append(list, attempt{name: name, status: 400, code: "invalid_request", check: check, try: func(t *testing.T, w *world) answer {
			q := w.question(t)
			a := postForm(t, q.response, form(t, w, q))
			if b := into[struct{ Status string }](t, as(t, q.asker, http.MethodGet, q.result, "", "")); b.Status != "pending" {
				t.Errorf("the question is %s", b.Status)
			}
			return a
		}})
	}
	encrypted := func(t *testing.T, key jose.JSONWebKey, alg jose.KeyAlgorithm, enc jose.ContentEncryption, body string, o *jose.EncrypterOptions) url.Values {
		e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key.Key, KeyID: key.KeyID}, o)
		if err != nil {
			t.Fatal(err)
		}
		object, err := e.Encrypt([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		compact, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return url.Values{"response": {compact}}
	}
	own := func(t *testing.T) jose.JSONWebKey { return public(newKey(t)) }
	const opened = openid4vp.CheckEncryption
	is := func(form url.Values) func(*testing.T, *world, question) url.Values {
		return func(*testing.T, *world, question) url.Values { return form }
	}
	add("it refuses an empty response", opened, is(url.Values{}))
	add("it refuses a response that is none", opened, is(url.Values{"response": {mark}}))
	add("it refuses a response in plain text", opened, is(url.Values{"vp_token": {`{"resident_card":["x"]}`}, "state": {"x"}}))
	add("it refuses two responses", opened, is(url.Values{"response": {"a", "b"}}))
	add("it refuses a response of 200 KiB", opened, is(url.Values{"response": {long(200 << 10)}}))
	add("it refuses a response to another's key", opened, func(t *testing.T, _ *world, _ question) url.Values {
		return encrypted(t, own(t), jose.ECDH_ES, jose.A256GCM, "{}", nil)
	})
	add("it refuses a response to another's key under the right name", opened, func(t *testing.T, _ *world, q question) url.Values {
		key := own(t)
		key.KeyID = keyName(t, q)
		return encrypted(t, key, jose.ECDH_ES, jose.A256GCM, "{}", nil)
	})
	add("it refuses a response with a wrapped key", opened, func(t *testing.T, _ *world, _ question) url.Values {
		return encrypted(t, own(t), jose.ECDH_ES_A256KW, jose.A256GCM, "{}", nil)
	})
	add("it refuses a response with a shared key", opened, func(t *testing.T, _ *world, _ question) url.Values {
		return encrypted(t, jose.JSONWebKey{Key: make([]byte, 32)}, jose.DIRECT, jose.A256GCM, "{}", nil)
	})
	add("it refuses a response that blows up", opened, func(t *testing.T, _ *world, _ question) url.Values {
		return encrypted(t, own(t), jose.ECDH_ES, jose.A256GCM, long(8<<20), &jose.EncrypterOptions{Compression: jose.DEFLATE})
	})
	add("it refuses an error with another state", openid4vp.CheckState, is(url.Values{"error": {"access_denied"}, "state": {long(43)}}))
	add("it refuses an error without state", openid4vp.CheckState, is(url.Values{"error": {"access_denied"}}))
	list = append(list, attempt{name: "it refuses JSON for a response", status: 400, code: "invalid_request", check: opened, try: func(t *testing.T, w *world) answer {
		return postJSON(t, w.question(t).response, `{"response":"x"}`)
	}}, attempt{name: "it refuses a second response", status: 410, code: "answered", check: "request", try: func(t *testing.T, w *world) answer {
		q := w.question(t)
		token := map[string][]string{q.Needed[0]: {w.presentation(t, q)}}
		if a := q.answered(t, token); a.status != http.StatusOK {
			t.Fatalf("the first: %d %s", a.status, a.body)
		}
		return q.answered(t, token)
	}}, attempt{name: "it hands out no request that was answered", status: 410, code: "answered", check: "request", try: func(t *testing.T, w *world) answer {
		q := w.question(t)
		q.answered(t, map[string][]string{q.Needed[0]: {w.presentation(t, q)}})
		return get(t, q.request)
	}})
	return list
}

// keyName is the name of the key that the request asks to encrypt to: that of any
// answer made to it.
func keyName(t *testing.T, q question) string {
	t.Helper()
	jwe, err := q.Authorization.Encrypt(openid4vp.Response{})
	if err != nil {
		t.Fatal(err)
	}
	object, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM, jose.A128GCM})
	if err != nil {
		t.Fatal(err)
	}
	return object.Header.KeyID
}

// presentations that open and are not good.
func presentations() []attempt {
	var list []attempt
	token := func(name, check string, make func(t *testing.T, w *world, q question) map[string][]string) {
		list = append(list, attempt{name: name, status: 400, code: "rejected", check: check, try: func(t *testing.T, w *world) answer {
			q := w.question(t)
			a := q.answered(t, make(t, w, q))
			if b := into[struct {
				Status string
				Claims map[string]any
			}](t, as(t, q.asker, http.MethodGet, q.result, "", "")); b.Status != "rejected" || len(b.Claims) > 0 {
				t.Errorf("the result is %s, with %d claims", b.Status, len(b.Claims))
			}
			return a
		}})
	}
	bent := func(name, check string, bends ...func(t *testing.T, w *world, q question) bend) {
		token(name, check, func(t *testing.T, w *world, q question) map[string][]string {
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w, q))
			}
			return map[string][]string{q.Needed[0]: {w.presentation(t, q, all...)}}
		})
	}
	is := func(b bend) func(*testing.T, *world, question) bend {
		return func(*testing.T, *world, question) bend { return b }
	}
	const shape, binding = openid4vp.CheckShape, "key binding"
	token("it rejects an empty token", shape, func(*testing.T, *world, question) map[string][]string { return nil })
	token("it rejects an answer to another question", shape, func(t *testing.T, w *world, q question) map[string][]string {
		return map[string][]string{"passport": {w.presentation(t, q)}}
	})
	token("it rejects two cards", shape, func(t *testing.T, w *world, q question) map[string][]string {
		return map[string][]string{q.Needed[0]: {w.presentation(t, q), w.presentation(t, q)}}
	})
	token("it rejects no card", shape, func(_ *testing.T, _ *world, q question) map[string][]string {
		return map[string][]string{q.Needed[0]: {}}
	})
	token("it rejects a card that is none", "format", func(_ *testing.T, _ *world, q question) map[string][]string {
		return map[string][]string{q.Needed[0]: {mark}}
	})
	token("it rejects a card without key binding", binding, func(t *testing.T, w *world, q question) map[string][]string {
		whole := w.presentation(t, q)
		return map[string][]string{q.Needed[0]: {whole[:strings.LastIndexByte(whole, '~')+1]}}
	})
	token("it rejects a card whose claims were bent", "", func(t *testing.T, w *world, q question) map[string][]string {
		whole := w.presentation(t, q)
		at := strings.IndexByte(whole, '.') + 20
		return map[string][]string{q.Needed[0]: {whole[:at] + "AAAA" + whole[at+4:]}}
	})
	token("it rejects a card that shows what was not asked for in place of it", "", func(t *testing.T, w *world, q question) map[string][]string {
		whole := w.presentation(t, q)
		return map[string][]string{q.Needed[0]: {whole[:strings.IndexByte(whole, '~')+1] + whole[strings.LastIndexByte(whole, '~')+1:]}}
	})
	token("it rejects a card with a disclosure twice", "", func(t *testing.T, w *world, q question) map[string][]string {
		parts := strings.Split(w.presentation(t, q), "~")
		parts = append(parts[:2], append([]string{parts[1]}, parts[2:]...)...)
		return map[string][]string{q.Needed[0]: {strings.Join(parts, "~")}}
	})
	token("it rejects an answer to another request, replayed", binding, func(t *testing.T, w *world, q question) map[string][]string {
		return map[string][]string{q.Needed[0]: {w.presentation(t, w.question(t))}}
	})
	bent("it rejects an unsigned key binding", binding, is(unsigned()))
	bent("it rejects a key binding by a thief", binding, func(t *testing.T, _ *world, _ question) bend { return by(newKey(t)) })
	bent("it rejects a key binding of another typ", binding, is(head("typ", "JWT")))
	bent("it rejects a key binding for another verifier", binding, is(claim("aud", "x509_hash:"+long(43))))
	bent("it rejects a key binding without aud", binding, is(claim("aud", nil)))
	bent("it rejects a key binding with another nonce", binding, is(claim("nonce", long(43))))
	bent("it rejects a key binding of another presentation", binding, is(claim("sd_hash", long(43))))
	bent("it rejects an old key binding", binding, is(claim("iat", in(-3600))))
	bent("it rejects a key binding from the future", binding, is(claim("iat", in(3600))))
	bent("it rejects a key binding without iat", binding, is(claim("iat", nil)))
	bent("it rejects a key binding with a name given twice", binding, is(payload(`{"nonce":"a","nonce":"b"}`)))
	return list
}
