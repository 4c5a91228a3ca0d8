package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/oauth"
)

func (f *faulty) UpdateRequest(ctx context.Context, r oauth.Request) error {
	return f.do("UpdateRequest", func() error { return f.Store.UpdateRequest(ctx, r) })
}

func (f *faulty) RevokeToken(ctx context.Context, jti string) error {
	return f.do("RevokeToken", func() error { return f.Store.RevokeToken(ctx, jti) })
}

func (f *faulty) RevokeCitizen(ctx context.Context, citizen string) error {
	return f.do("RevokeCitizen", func() error { return f.Store.RevokeCitizen(ctx, citizen) })
}

// TestStepFaults breaks the writes between the pages, and the ends of tokens.
func TestStepFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: "lost", true: "kept although it failed"}[kept]
		t.Run("a step of the pages "+way+": it goes no further, and on at the next try", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			query := url.Values{"client_id": {"agency"}, "request_uri": {agency.push(agency.authorization("openid")).str("request_uri")}}
			h.session = "" // so that somebody has to log in
			f.fail("UpdateRequest", kept)
			stuck, err := agency.browser.Get(h.url + "/authorize?" + query.Encode())
			check(t, err)
			stuck.Body.Close()
			if stuck.StatusCode < 400 || stuck.Request.URL.Path != "/login" {
				t.Fatalf("answered %d at %s", stuck.StatusCode, stuck.Request.URL)
			}
			f.fail("", false)
			at := agency.visit(stuck.Request.URL.RequestURI())
			back, err := url.Parse(at.header.Get("Location"))
			check(t, err)
			if back.Query().Get("code") == "" {
				t.Errorf("then it answered %d %s, to %s", at.status, at.text, back)
			}
		})
		t.Run("the end of an access token "+way+": it says that it failed", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			token := agency.redeem(agency.code("openid")).str("access_token")
			form := url.Values{"token": {token}}
			f.fail("RevokeToken", kept)
			refused(t, h.post("/revoke", form, agency.auth(form)), http.StatusInternalServerError, "server_error", "internal error")
			if a := agency.use("/resource", token); (a.status == http.StatusOK) == kept {
				t.Errorf("the token then: %d %s", a.status, a.text)
			}
		})
		t.Run("the end of all of a citizen's "+way+": it says that it failed, and ends them at the next try", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			token := agency.redeem(agency.code("openid")).str("access_token")
			f.fail("RevokeCitizen", kept)
			if err := h.oauth.RevokeCitizen(t.Context(), "ada"); !errors.Is(err, errDisk) {
				t.Error(err)
			}
			f.fail("", false)
			check(t, h.oauth.RevokeCitizen(t.Context(), "ada"))
			if a := agency.use("/resource", token); a.status == http.StatusOK {
				t.Error("the token lives")
			}
		})
	}
	// With the eleven of TestStorageFaults and the four of TestDeviceFaults
	// and the seven of TestLogoutFaults.
	figure.Hold(t, "faults-authorization", 11+3+4+7, "writes of the authorization server, each lost, and kept but called lost")
}
