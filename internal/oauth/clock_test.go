package oauth_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/dpop"
)

// TestClockJumps sets the clock an hour forward and back: what was given out by
// the wrong clock is not taken by the right one, what was used once stays used,
// and the next request is served.
func TestClockJumps(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	authorize := func(uri string) answer {
		return agency.visit("/authorize?" + url.Values{"client_id": {"agency"}, "request_uri": {uri}}.Encode())
	}
	code := agency.code("openid")
	first := agency.redeem(agency.code("openid offline_access"))
	token, refresh := first.str("access_token"), first.str("refresh_token")
	pushed := agency.push(agency.authorization("openid")).str("request_uri")
	form := agency.authorization("openid")
	if a := agency.push(form); a.status != http.StatusCreated { // its assertion stays in the form
		t.Fatal(a.text)
	}
	proof, err := agency.dpop.Proof(http.MethodPost, h.url+"/token", "", "")
	check(t, err)
	shown := func(code string) answer {
		form := agency.redemption(code)
		return h.post("/token", form, agency.auth(form), func(r *http.Request) { r.Header.Set(dpop.Header, proof) })
	}
	if a := shown(agency.code("openid")); a.status != http.StatusOK {
		t.Fatal(a.text)
	}

	h.pass(time.Hour) // forward
	refused(t, agency.redeem(code), http.StatusBadRequest, "invalid_grant", "expired")
	refused(t, agency.use("/resource", token), http.StatusUnauthorized, "invalid_token", "expired")
	if a := authorize(pushed); a.status != http.StatusBadRequest {
		t.Errorf("a request_uri of before: %d", a.status)
	}
	ahead := agency.refresh(refresh)
	if ahead.status != http.StatusOK {
		t.Fatalf("refresh, ahead: %s", ahead.text)
	}
	codeAhead := agency.code("openid")
	pushedAhead := agency.push(agency.authorization("openid")).str("request_uri")
	h.leaves("")
	begun := authorize(agency.push(agency.authorization("openid")).str("request_uri")).url.RequestURI()
	h.leaves("ada")
	check(t, h.oauth.Sweep(t.Context()))

	h.pass(-time.Hour) // and back
	refused(t, agency.use("/resource", ahead.str("access_token")), http.StatusUnauthorized, "invalid_token", "future")
	refused(t, agency.redeem(codeAhead), http.StatusBadRequest, "invalid_grant", "expired")
	if a := authorize(pushedAhead); a.status != http.StatusBadRequest {
		t.Errorf("a request_uri of a clock that was ahead: %d", a.status)
	}
	if a := agency.visit(begun); !contains(a.text, oauth.ErrNoInteraction.Error()) {
		t.Errorf("an interaction that would live ninety minutes: %d %s", a.status, a.text)
	}
	refused(t, shown(agency.code("openid")), http.StatusBadRequest, "invalid_dpop_proof", "replay")
	refused(t, h.post("/par", form), http.StatusUnauthorized, "invalid_client", "used before")
	if a := agency.redeem(agency.code("openid")); a.status != http.StatusOK {
		t.Errorf("afterwards: %s", a.text)
	}
	if a := agency.refresh(refresh); a.status != http.StatusOK {
		t.Errorf("refresh, afterwards: %s", a.text)
	}
}
