package verifier_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

const (
	nameOfCard = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]},"claims":[{"path":["name"]}]}]}`
	toBusan    = `{"type":"urn:mydata:transaction:statement:1","credential_ids":["card"],"transaction_data_hashes_alg":["sha-256"],"statement":"I move to Busan."}`
)

// problem asks the admin's door and reads what refused.
func (h *house) problem(t *testing.T, order string) (status int, code, check, cause string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("POST", "/requests", strings.NewReader(order)))
	var p struct{ Code, Check, Cause string }
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return w.Code, p.Code, p.Check, p.Cause
}

//clause:verifier 5.1, 5.11: verifier_info passed on, its shape checked
//clause:verifier 8.2: direct_post; 200 with JSON; fragment and query refused by name
func TestOrdersRefused(t *testing.T) {
	h := newHouse(t)
	with := func(members string) string { return `{"query":` + nameOfCard + `,` + members + `}` }
	for _, c := range []struct{ name, order, check, cause string }{
		{"it refuses a prefix that nobody defined", `{"client_id_prefix":"x"}`, "client_id_prefix", "not spoken here"},
		{"it refuses decentralized_identifier", `{"client_id_prefix":"decentralized_identifier"}`, "client_id_prefix", "not spoken here"},
		{"it refuses origin", `{"client_id_prefix":"origin"}`, "client_id_prefix", "not spoken here"},
		{"it refuses an unsigned request object", `{"client_id_prefix":"redirect_uri","by_value":true}`, "client_id_prefix", "goes unsigned"},
		{"it refuses the fragment", `{"response_mode":"fragment"}`, "response_mode", "direct_post"},
		{"it refuses the query", `{"response_mode":"query"}`, "response_mode", "direct_post"},
		{"it refuses the Digital Credentials API", `{"response_mode":"dc_api.jwt"}`, "response_mode", "direct_post"},
		{"it refuses a transaction of an unknown type", with(`"transaction_data":[{"type":"x","credential_ids":["card"]}]`), "transaction_data", "not known here"},
		{"it refuses a transaction for another credential", with(`"transaction_data":[` + strings.Replace(toBusan, `"card"`, `"other"`, 1) + `]`), "transaction_data", "not asked for"},
		{"it refuses a transaction twice", with(`"transaction_data":[` + toBusan + `,` + toBusan + `]`), "transaction_data", "twice"},
		{"it refuses nine transactions", with(`"transaction_data":[` + strings.TrimSuffix(strings.Repeat(toBusan+",", 9), ",") + `]`), "transaction_data", ""},
		{"it refuses verifier_info about what it does not ask", with(`"verifier_info":[{"format":"jwt","data":"x","credential_ids":["z"]}]`), "verifier_info", "not asked for"},
		{"it refuses verifier_info of nothing", with(`"verifier_info":[]`), "verifier_info", "1 to"},
		{"it refuses verifier_info without data", with(`"verifier_info":[{"format":"jwt"}]`), "verifier_info", "data"},
		{"it refuses a way back that is no address", `{"return_uri":"javascript:alert(1)"}`, "return_uri", "web address"},
		{"it refuses a way back with a fragment", `{"return_uri":"https://shop.example/#x"}`, "return_uri", "web address"},
		{"it refuses a way back with a name before it", `{"return_uri":"https://verifier@shop.example/"}`, "return_uri", "web address"},
		{"it refuses a way back to a file", `{"return_uri":"file:///etc/passwd"}`, "return_uri", "web address"},
		{"it refuses an issuer that is no address", `{"wallet_issuer":"me"}`, "wallet_issuer", "web address"},
		{"it refuses a page that leads elsewhere", `{"page":true,"return_uri":"https://shop.example/"}`, "page", "come back to us"},
		{"it refuses a page of unsigned requests", `{"page":true,"client_id_prefix":"redirect_uri"}`, "page", "signed"},
		{"it refuses a purpose without a page", `{"purpose":"x"}`, "purpose", "page"},
		{"it refuses a purpose that turns itself around", `{"page":true,"purpose":"a\u202eb"}`, "purpose", ""},
		{"it refuses an authority that it could not check", `{"query":` + strings.Replace(nameOfCard, `"meta"`, `"trusted_authorities":[{"type":"openid_federation","values":["x"]}],"meta"`, 1) + `}`, "query", "openid_federation"},
		{"it refuses a member given twice", `{"page":true,"page":false}`, "order", "JSON"},
		{"it refuses what is no object", `[]`, "order", "JSON"},
		{"it refuses what is too long", `{"x":"` + strings.Repeat("x", 200<<10) + `"}`, "order", "JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, code, check, cause := h.problem(t, c.order)
			if status != 400 || code != "invalid_request" || check != c.check || !strings.Contains(cause, c.cause) {
				t.Fatalf("%d %s %s: %s", status, code, check, cause)
			}
			if n := h.server.Under(); n != 0 {
				t.Fatalf("%d requests are under way", n)
			}
		})
	}
}

//clause:verifier 5.9.3: x509_hash, x509_san_dns, verifier_attestation, each signed by whom it names; redirect_uri unsigned and never signed
func TestOrdersOfAnIdentityItHasNot(t *testing.T) {
	for _, c := range []struct {
		name, prefix, cause string
		change              func(*verifier.Config)
	}{
		{"it refuses a name that its certificate has not", "x509_san_dns", "no name in the certificate", func(c *verifier.Config) { c.URL = "http://elsewhere.example" }},
		{"it refuses an attestation that it has not", "verifier_attestation", "has no attestation", func(c *verifier.Config) { c.Attestation = "" }},
		{"it refuses an attestation that is none", "verifier_attestation", "JWS", func(c *verifier.Config) { c.Attestation = "x" }},
		{"it refuses an attestation of another key", "verifier_attestation", "vouched for", func(c *verifier.Config) { c.Key = wallettest.Key(t) }},
		{"it refuses a certificate of another key", "x509_hash", "vouched for", func(c *verifier.Config) { c.Key = wallettest.Key(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, code, check, cause := newHouse(t, c.change).problem(t, `{"client_id_prefix":"`+c.prefix+`"}`)
			if status != 400 || code != "invalid_request" || check != "client_id_prefix" || !strings.Contains(cause, c.cause) {
				t.Fatalf("%d %s %s: %s", status, code, check, cause)
			}
		})
	}
}

//clause:verifier 5.1, 5.11: verifier_info passed on, its shape checked
//clause:verifier 5.9.3: x509_hash, x509_san_dns, verifier_attestation, each signed by whom it names; redirect_uri unsigned and never signed
//clause:verifier 5.7, RFC 9101: by reference, by value, as parameters; handed out by reference only what went so
func TestOrdersEveryWay(t *testing.T) {
	for _, c := range []struct {
		name, order, begins string
		claims              bool
	}{
		{"it asks by reference", `{"query":` + nameOfCard + `}`, "openid4vp://?client_id=x509_hash%3A", true},
		{"it asks by value", `{"query":` + nameOfCard + `,"by_value":true}`, "openid4vp://?client_id=x509_hash%3A", true},
		{"it asks under its name", `{"query":` + nameOfCard + `,"client_id_prefix":"x509_san_dns"}`, "openid4vp://?client_id=x509_san_dns%3A127.0.0.1", true},
		{"it asks unsigned", `{"query":` + nameOfCard + `,"client_id_prefix":"redirect_uri"}`, "openid4vp://?client_id=redirect_uri%3Ahttp", true},
		{"it asks unsigned for an answer in plain text", `{"query":` + nameOfCard + `,"client_id_prefix":"redirect_uri","response_mode":"direct_post"}`, "openid4vp://?client_id=redirect_uri%3Ahttp", true},
		{"it asks attested", `{"query":` + nameOfCard + `,"client_id_prefix":"verifier_attestation"}`, "openid4vp://?client_id=verifier_attestation%3Ashop", true},
		{"it asks for an answer in plain text", `{"query":` + nameOfCard + `,"response_mode":"direct_post"}`, "openid4vp://?client_id=x509_hash%3A", true},
		{"it asks a wallet whose metadata it knows", `{"query":` + nameOfCard + `,"wallet_issuer":"https://wallet.example"}`, "openid4vp://", true},
		{"it passes on what others say of it", `{"query":` + nameOfCard + `,"verifier_info":[{"format":"jwt","data":"x","credential_ids":["card"]}]}`, "openid4vp://", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			placed, status := h.place(t, c.order)
			if status != 200 || !strings.HasPrefix(placed.Request, c.begins) {
				t.Fatalf("%d %+v", status, placed)
			}
			if _, err := h.present(t, placed.Request); err != nil {
				t.Fatal(err)
			}
			if r := h.result(t, placed.ID); r.Status != verifier.Verified || (r.Claims["card"] != nil) != c.claims {
				t.Fatalf("%+v", r)
			}
			if _, err := h.present(t, placed.Request); err == nil {
				t.Fatal("answered twice")
			}
		})
	}
}

//clause:verifier 8.4, B.3.3: transaction data of registered types, hashed as it travels, authorized by one credential it names
func TestTransactions(t *testing.T) {
	h := newHouse(t)
	placed, status := h.place(t, `{"query":`+nameOfCard+`,"transaction_data":[`+toBusan+`]}`)
	if status != 200 {
		t.Fatal(status)
	}
	a := h.responseURI(t, placed.Request)
	if len(a.Transactions) != 1 || a.Transactions[0].Details[0].Value != "I move to Busan." {
		t.Fatalf("the wallet is shown %+v", a.Transactions)
	}
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatal(err)
	}
	r := h.result(t, placed.ID)
	if r.Status != verifier.Verified || len(r.Transactions) != 1 || r.Transactions[0].Details["statement"] != "I move to Busan." || r.Transactions[0].Hash != a.Transactions[0].Hash() {
		t.Fatalf("%+v", r)
	}
	if passed := names(r.Checks, true); passed[len(passed)-1] != openid4vp.CheckTransactions {
		t.Fatal(passed)
	}
	t.Run("it shows none that was not authorized", func(t *testing.T) {
		placed, _ := h.place(t, `{"query":`+nameOfCard+`,"transaction_data":[`+toBusan+`]}`)
		asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
		if err != nil {
			t.Fatal(err)
		}
		asked.Authorization.Transactions = nil
		var answer *wallet.Answer
		if _, err := h.phone.Present(t.Context(), asked, asked.Least()); !errors.As(err, &answer) || answer.Code != "rejected" {
			t.Fatal(err)
		}
		if r := h.result(t, placed.ID); r.Status != verifier.Rejected || r.Transactions != nil || len(r.Claims) != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

//clause:verifier 5.8: aud is the static one, or the wallet's issuer where it was discovered
func TestWalletIssuer(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{"wallet_issuer":"https://another.example"}`)
	var refused *wallet.Refusal
	if _, err := h.present(t, placed.Request); !errors.As(err, &refused) || refused.Check != "aud" {
		t.Fatalf("a request for another wallet was answered: %v", err)
	}
}

// A relying party sends people to its own page: the result opens with the code
// that came with them, and never without.
//
//clause:verifier 8.2, 13.3: a fresh response_code; lands in the session that asked, or is rejected; never lands, expires; at a relying party too
func TestReturn(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{"query":`+nameOfCard+`,"return_uri":"https://shop.example/done?basket=7"}`)
	next, err := h.present(t, placed.Request)
	if err != nil || !strings.HasPrefix(next, "https://shop.example/done?basket=7&response_code=") {
		t.Fatalf("%s, %v", next, err)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Pending || r.Waiting != "return" || r.Claims != nil {
		t.Fatalf("shown before: %+v", r)
	}
	u, err := url.Parse(next)
	if err != nil {
		t.Fatal(err)
	}
	code := u.Query().Get("response_code")
	for _, c := range []struct {
		name, id, code string
		status         int
	}{
		{"it refuses another code", placed.ID, "x", 403},
		{"it refuses the code at another request", "other", code, 403},
		{"it opens with the code", placed.ID, code, 200},
		{"it opens once", placed.ID, code, 403},
		{"it stays open", placed.ID, "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.admin.ServeHTTP(w, httptest.NewRequest("GET", "/results/"+c.id+"?response_code="+c.code, nil))
			if w.Code != c.status || (w.Code == 200) != strings.Contains(w.Body.String(), `"verified"`) {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
	t.Run("it expires what never came back", func(t *testing.T) {
		placed, _ := h.place(t, `{"return_uri":"https://shop.example/done"}`)
		if _, err := h.present(t, placed.Request); err != nil {
			t.Fatal(err)
		}
		h.pass(6 * time.Minute)
		if r := h.result(t, placed.ID); r.Status != verifier.Expired || r.Claims != nil {
			t.Fatalf("%+v", r)
		}
	})
}

//clause:verifier relying parties ask by socket, command and, with a token, a local address; a page for the first browser that opens it
func TestAPI(t *testing.T) {
	h := newHouse(t)
	server := httptest.NewServer(h.server.API("secret-of-the-shop"))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"it takes the token", []string{"Bearer secret-of-the-shop"}, 200},
		{"it takes the scheme in any letters", []string{"bearer secret-of-the-shop"}, 200},
		{"it refuses no token", nil, 401},
		{"it refuses another", []string{"Bearer x"}, 401},
		{"it refuses another scheme", []string{"Basic secret-of-the-shop"}, 401},
		{"it refuses the token without a scheme", []string{"secret-of-the-shop"}, 401},
		{"it refuses two", []string{"Bearer secret-of-the-shop", "Bearer x"}, 401},
		{"it refuses an empty one", []string{"Bearer "}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest("POST", server.URL+"/requests", strings.NewReader(`{"query":`+nameOfCard+`}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Authorization"] = c.header
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status || (c.status == 401) != (resp.Header.Get("WWW-Authenticate") != "") || resp.Header.Get("X-Correlation-Id") == "" {
				t.Fatal(resp.StatusCode)
			}
		})
	}
	t.Run("it is closed without a token", func(t *testing.T) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/results/x", nil)
		r.Header.Set("Authorization", "Bearer ")
		h.server.API("").ServeHTTP(w, r)
		if w.Code != 401 {
			t.Fatal(w.Code)
		}
	})
}
