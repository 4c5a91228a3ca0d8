package hostile_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// orders places an order at the verifier's door for relying parties.
func (w *world) orders(t testing.TB, body string, headers ...string) answer {
	if len(headers) == 0 {
		headers = []string{"Authorization", "Bearer " + w.apiToken}
	}
	return postJSON(t, "http://"+w.api+"/requests", body, headers...)
}

type placed struct{ Request, ID, Page string }

var orderControls = []control{{"the usual question", func(t *testing.T, w *world) answer { return w.orders(t, `{}`) }, 200}}

// orders attack that door.
func orders() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: try})
	}
	for name, header := range map[string]string{"nobody": "", "a stranger": "Bearer " + long(43), "a password": basic("a", "b"), "an empty token": "Bearer "} {
		headers := []string{"X", "y"}
		if header != "" {
			headers = []string{"Authorization", header}
		}
		add("it takes no order of "+name, 401, "unauthorized", "token", func(t *testing.T, w *world) answer { return w.orders(t, `{}`, headers...) })
		add("it tells no result to "+name, 401, "unauthorized", "token", func(t *testing.T, w *world) answer {
			return get(t, "http://"+w.api+"/results/"+into[placed](t, w.orders(t, `{}`)).ID, headers...)
		})
	}
	add("it takes no order of two tokens", 401, "unauthorized", "token", func(t *testing.T, w *world) answer {
		return w.orders(t, `{}`, "Authorization", "Bearer "+w.apiToken, "Authorization", "Bearer x")
	})
	bad := func(name, member, body string) {
		add("it takes no order "+name, 400, "invalid_request", member, func(t *testing.T, w *world) answer { return w.orders(t, body) })
	}
	query := func(name, body string) { bad(name, "query", `{"query":`+body+`}`) }
	const card = `"format":"dc+sd-jwt","meta":{"vct_values":["urn:x"]}`
	bad("that is no JSON", "order", "{")
	bad("that is a list", "order", "[]")
	bad("with a member given twice", "order", `{"format":"dc+sd-jwt","format":"mso_mdoc"}`)
	bad("nested 9000 deep", "query", `{"query":`+deep(9000)+`}`)
	bad("of 2 MiB", "order", `{"purpose":"`+long(2<<20)+`"}`)
	bad("with a query and a format", "order", `{"format":"dc+sd-jwt","query":{"credentials":[{"id":"a",`+card+`}]}}`)
	bad("of another format", "format", `{"format":"mso_mdoc"}`)
	query("of no credentials", `{"credentials":[]}`)
	query("of a credential without name", `{"credentials":[{`+card+`}]}`)
	query("of two credentials of one name", `{"credentials":[{"id":"a",`+card+`},{"id":"a",`+card+`}]}`)
	query("of a name that is a path", `{"credentials":[{"id":"../a",`+card+`}]}`)
	query("of claims of no path", `{"credentials":[{"id":"a",`+card+`,"claims":[{"path":[]}]}]}`)
	query("of claims at a negative place", `{"credentials":[{"id":"a",`+card+`,"claims":[{"path":["x",-1]}]}]}`)
	query("of sets of what is not asked for", `{"credentials":[{"id":"a",`+card+`}],"credential_sets":[{"options":[["b"]]}]}`)
	query("of claims that are not there", `{"credentials":[{"id":"a",`+card+`,"claims":[{"id":"x","path":["x"]}],"claim_sets":[["y"]]}]}`)
	bad("with a response by redirect", "response_mode", `{"response_mode":"fragment"}`)
	bad("of an unknown prefix", "client_id_prefix", `{"client_id_prefix":"openid_federation"}`)
	bad("of no attestation there is", "client_id_prefix", `{"client_id_prefix":"verifier_attestation"}`)
	bad("that goes unsigned by value", "client_id_prefix", `{"client_id_prefix":"redirect_uri","by_value":true}`)
	bad("that comes back to a script", "return_uri", `{"return_uri":"javascript:alert(1)"}`)
	bad("that comes back to a user", "return_uri", `{"return_uri":"https://a@evil.example/"}`)
	bad("that comes back to a fragment", "return_uri", `{"return_uri":"https://a.example/#x"}`)
	bad("for a wallet of a file", "wallet_issuer", `{"wallet_issuer":"file:///etc/passwd"}`)
	bad("with a purpose and no page", "purpose", `{"purpose":"x"}`)
	bad("with a purpose that turns the text around", "purpose", `{"page":true,"purpose":"a\u202eb"}`)
	bad("of an unknown transaction", "transaction_data", `{"transaction_data":[{"type":"x","credential_ids":["a"]}]}`)
	bad("of a transaction with more in it than is shown", "transaction_data", `{"query":{"credentials":[{"id":"a",`+card+`}]},"transaction_data":[{"type":"urn:mydata:transaction:statement:1","credential_ids":["a"],"statement":"x","hidden":"y"}]}`)
	for _, id := range []string{"x", "a%00b", "%FF", long(3000)} {
		short := id[:min(len(id), 20)]
		told := func(name string, status int, code, check, path string) {
			add(name+" "+short, status, code, check, func(t *testing.T, w *world) answer {
				return get(t, "http://"+w.api+path, "Authorization", "Bearer "+w.apiToken)
			})
		}
		told("it knows no result", 404, "unknown_request", "request", "/results/"+id)
		told("it knows no record", 404, "unknown_request", "request", "/results/"+id+"/record")
		told("it opens no result by a code to", 403, "response_code", "same session", "/results/"+id+"?response_code=x")
	}
	add("it makes no record of what nobody answered", 409, "record", "record", func(t *testing.T, w *world) answer {
		return get(t, "http://"+w.api+"/results/"+into[placed](t, w.orders(t, `{}`)).ID+"/record", "Authorization", "Bearer "+w.apiToken)
	})
	return list
}

// ordered is a question of a relying party's, as kim's wallet reads it.
func (w *world) ordered(t testing.TB, order string) (question, string) {
	t.Helper()
	p := into[placed](t, w.orders(t, order))
	asked, err := w.kim.wallet.ReadRequest(t.Context(), p.Request)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(p.Request)
	if err != nil {
		t.Fatal(err)
	}
	return question{Asked: asked, request: u.Query().Get("request_uri"), response: asked.Authorization.ResponseURI}, p.ID
}

// plainAnswers attack the response modes, what wallets say of themselves, and the
// numbers and pages of answers from another device (OpenID4VP 1.0, 5.10, 8.2, 14.2).
func plainAnswers() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: try})
	}
	open := func(name, check string, form func(q question, t *testing.T, w *world) url.Values) {
		add(name, 400, "invalid_request", check, func(t *testing.T, w *world) answer {
			q, id := w.ordered(t, `{"response_mode":"direct_post"}`)
			a := postForm(t, q.response, form(q, t, w))
			result := into[struct{ Status string }](t, get(t, "http://"+w.api+"/results/"+id, "Authorization", "Bearer "+w.apiToken))
			if result.Status != "pending" {
				t.Errorf("the question is %s", result.Status)
			}
			return a
		})
	}
	token := func(t *testing.T, w *world, q question) string {
		return string(encode(t, map[string][]string{q.Needed[0]: {w.presentation(t, q)}}))
	}
	open("it opens no plain answer without state", openid4vp.CheckState, func(q question, t *testing.T, w *world) url.Values { return url.Values{"vp_token": {token(t, w, q)}} })
	open("it opens no plain answer with another state", openid4vp.CheckState, func(q question, t *testing.T, w *world) url.Values {
		return url.Values{"vp_token": {token(t, w, q)}, "state": {long(43)}}
	})
	open("it opens no encrypted answer where none was asked for", openid4vp.CheckEncryption, func(q question, _ *testing.T, _ *world) url.Values {
		return url.Values{"response": {"a.b.c.d.e"}, "state": {q.Authorization.State}}
	})
	open("it opens no two plain answers", openid4vp.CheckEncryption, func(q question, t *testing.T, w *world) url.Values {
		return url.Values{"vp_token": {token(t, w, q), token(t, w, q)}, "state": {q.Authorization.State}}
	})
	rejected := func(name string, check string, vp func(t *testing.T, w *world, q question) string) {
		add(name, 400, "rejected", check, func(t *testing.T, w *world) answer {
			q, id := w.ordered(t, `{"response_mode":"direct_post"}`)
			a := postForm(t, q.response, url.Values{"vp_token": {vp(t, w, q)}, "state": {q.Authorization.State}})
			result := into[struct {
				Status string
				Claims map[string]any
			}](t, get(t, "http://"+w.api+"/results/"+id, "Authorization", "Bearer "+w.apiToken))
			if result.Status != "rejected" || len(result.Claims) > 0 {
				t.Errorf("the result is %s, with %d claims", result.Status, len(result.Claims))
			}
			return a
		})
	}
	rejected("it takes no plain answer that is no JSON", openid4vp.CheckShape, func(*testing.T, *world, question) string { return mark })
	rejected("it takes no plain answer nested 9000 deep", openid4vp.CheckShape, func(*testing.T, *world, question) string { return deep(9000) })
	rejected("it takes no plain answer with a name given twice", openid4vp.CheckShape, func(t *testing.T, w *world, q question) string {
		one := string(encode(t, q.Needed[0])) + ":" + string(encode(t, []string{w.presentation(t, q)}))
		return "{" + one + "," + one + "}"
	})
	rejected("it takes no plain answer to a question of before", "key binding", func(t *testing.T, w *world, q question) string {
		before, _ := w.ordered(t, `{"response_mode":"direct_post"}`)
		return string(encode(t, map[string][]string{q.Needed[0]: {w.presentation(t, before)}}))
	})
	rejected("it takes no answer for an encrypted question in a plain one", "key binding", func(t *testing.T, w *world, q question) string {
		return string(encode(t, map[string][]string{q.Needed[0]: {w.presentation(t, w.question(t))}}))
	})
	says := func(name, check string, form url.Values) {
		add(name, 400, "invalid_request", check, func(t *testing.T, w *world) answer { return postForm(t, w.question(t).request, form) })
	}
	const metadata = "wallet_metadata"
	says("it reads no wallet's metadata that is no JSON", metadata, url.Values{metadata: {"{"}})
	says("it reads no wallet's metadata that is a list", metadata, url.Values{metadata: {"[]"}})
	says("it reads no two wallets' metadata", metadata, url.Values{metadata: {"{}", "{}"}})
	says("it reads no wallet's metadata with a name given twice", metadata, url.Values{metadata: {`{"vp_formats_supported":{},"vp_formats_supported":{}}`}})
	says("it reads no wallet's metadata of 40 KiB", metadata, url.Values{metadata: {`{"x":"` + long(40<<10) + `"}`}})
	says("it reads no wallet's metadata nested 9000 deep", metadata, url.Values{metadata: {`{"jwks":` + deep(9000) + `}`}})
	says("it reads no wallet nonce with a line break", "wallet_nonce", url.Values{"wallet_nonce": {"a\nb"}})
	person := func(name string, status int, code string, method, path string, headers ...string) {
		add(name, status, code, "", func(t *testing.T, w *world) answer {
			return ask(t, method, w.verifier+path, "number=123456", append([]string{"Content-Type", formType}, headers...)...)
		})
	}
	for _, id := range []string{"x", "a%00b", long(3000)} {
		short := " " + id[:min(len(id), 20)]
		person("it shows no number of"+short, 404, "number", "GET", "/number/"+id+"?response_code=x")
		person("it takes no number for"+short, 404, "unknown", "POST", "/result/"+id+"/number")
		person("it opens no page of"+short, 404, "unknown", "POST", "/open/"+id)
		person("it keeps no record of"+short, 404, "unknown", "GET", "/result/"+id+"/record")
	}
	person("it takes no number from another site", 403, "cross_origin", "POST", "/result/x/number", "Sec-Fetch-Site", "cross-site")
	person("it opens no page for another site", 403, "cross_origin", "POST", "/open/x", "Sec-Fetch-Site", "cross-site")
	add("it opens a page to one browser", 404, "unknown", "", func(t *testing.T, w *world) answer {
		page := into[placed](t, w.orders(t, `{"page":true}`)).Page
		if a := postForm(t, page, nil); a.status != http.StatusSeeOther {
			t.Fatalf("the first: %d %s", a.status, a.body)
		}
		return postForm(t, page, nil)
	})
	add("it takes no number in another browser", 404, "unknown", "", func(t *testing.T, w *world) answer {
		return postForm(t, w.question(t).result+"/number", url.Values{"number": {"000000"}})
	})
	add("it keeps no record for another browser", 404, "unknown", "", func(t *testing.T, w *world) answer { return get(t, w.question(t).result+"/record") })
	return list
}
