package verifier_test

import (
	"crypto/x509"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

func (h *house) record(t *testing.T, id, query string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("GET", "/results/"+id+"/record?query="+query, nil))
	return w.Code, w.Body.String()
}

//clause:verifier what they keep verifies again offline
func TestRecord(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{"query":`+nameOfCard+`,"transaction_data":[`+toBusan+`]}`)
	if status, body := h.record(t, placed.ID, ""); status != 409 || !strings.Contains(body, `"record"`) {
		t.Fatalf("before the answer: %d %s", status, body)
	}
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatal(err)
	}
	status, body := h.record(t, placed.ID, "")
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	r, err := credential.ParseRecord([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	policy := credential.Policy{Roots: map[string]*x509.CertPool{credential.VCTResidentCard: h.issuer.Authority.Pool()}}
	if again := r.Verify(t.Context(), policy, openid4vp.Answer, r.When); !again.OK() || r.Result.Claims["name"] != "김민준" || len(r.TransactionDataHashes) != 1 {
		t.Fatalf("%+v", again)
	}
	for _, c := range []struct{ name, id, query string }{
		{"it keeps nothing of another question", placed.ID, "other"},
		{"it keeps nothing of a request that it does not know", "other", "card"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, _ := h.record(t, c.id, c.query); status != 409 && status != 404 {
				t.Fatal(status)
			}
		})
	}
	t.Run("it keeps nothing of what nobody signed", func(t *testing.T) {
		placed, _ := h.place(t, `{"query":`+nameOfCard+`,"client_id_prefix":"redirect_uri"}`)
		if _, err := h.present(t, placed.Request); err != nil {
			t.Fatal(err)
		}
		if status, _ := h.record(t, placed.ID, ""); status != 409 {
			t.Fatal(status)
		}
	})
	t.Run("it keeps nothing that shows more than was asked for", func(t *testing.T) {
		placed, _ := h.place(t, `{"query":`+nameOfCard+`}`)
		asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
		if err != nil {
			t.Fatal(err)
		}
		ways := asked.Matches[0].Ways
		ways[0].Claims = append(ways[0].Claims, openid4vp.Path(sdjwt.Path{"birthdate"}))
		if _, err := h.phone.Present(t.Context(), asked, asked.Least()); err != nil {
			t.Fatal(err)
		}
		if r := h.result(t, placed.ID); r.Status != verifier.Verified {
			t.Fatalf("%+v", r)
		}
		if status, body := h.record(t, placed.ID, ""); status != 409 || !strings.Contains(body, `"unasked"`) {
			t.Fatalf("%d %s", status, body)
		}
	})
	t.Run("it hands it to the browser that asked, and to no other", func(t *testing.T) {
		b := browser(t)
		address, page := h.start(t, b, "identity")
		if _, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil {
			t.Fatal(err)
		}
		_, page = get(t, b, address)
		link := h.url + find(t, page, `href="(/result/[A-Z0-9]+/record\?query=resident_card)"`)
		if status, body := get(t, b, link); status != 200 || !strings.Contains(body, "mydata-presentation-record/1") {
			t.Fatalf("%d %s", status, body)
		}
		if status, body := get(t, browser(t), link); status != 404 || strings.Contains(body, "김민준") {
			t.Fatal(status)
		}
		if status, _ := get(t, b, link+"x"); status != 409 {
			t.Fatal(status)
		}
	})
}
