package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// faulty is a real store of which one operation fails: lost, or kept although
// the caller saw an error.
type faulty struct {
	oauth.Store
	mu   sync.Mutex
	op   string
	kept bool
	err  error // errDisk when nil
}

var errDisk = errors.New("the disk is gone")

func (f *faulty) fail(op string, kept bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.op, f.kept = op, kept
}

func (f *faulty) do(op string, call func() error) error {
	f.mu.Lock()
	broken, kept, fault := f.op == op, f.kept, f.err
	f.mu.Unlock()
	if fault == nil {
		fault = errDisk
	}
	if broken && !kept {
		return fault
	}
	err := call()
	if broken && err == nil {
		return fault
	}
	return err
}

func (f *faulty) Once(ctx context.Context, scope, key string, until time.Time) error {
	return f.do("Once "+scope, func() error { return f.Store.Once(ctx, scope, key, until) })
}

func (f *faulty) PutPushed(ctx context.Context, p oauth.Pushed) error {
	return f.do("PutPushed", func() error { return f.Store.PutPushed(ctx, p) })
}

func (f *faulty) TakePushed(ctx context.Context, hash, client string, now time.Time) (p oauth.Pushed, err error) {
	err = f.do("TakePushed", func() (err error) { p, err = f.Store.TakePushed(ctx, hash, client, now); return err })
	return p, err
}

func (f *faulty) PutRequest(ctx context.Context, r oauth.Request) error {
	return f.do("PutRequest", func() error { return f.Store.PutRequest(ctx, r) })
}

func (f *faulty) FinishRequest(ctx context.Context, id string, version int64, code *oauth.Code) error {
	return f.do("FinishRequest", func() error { return f.Store.FinishRequest(ctx, id, version, code) })
}

func (f *faulty) Redeem(ctx context.Context, hash string, g oauth.Grant, t oauth.Tokens) error {
	return f.do("Redeem", func() error { return f.Store.Redeem(ctx, hash, g, t) })
}

func (f *faulty) Rotate(ctx context.Context, hash, grant string, t oauth.Tokens) error {
	return f.do("Rotate", func() error { return f.Store.Rotate(ctx, hash, grant, t) })
}

func (f *faulty) PutTokens(ctx context.Context, grant string, t oauth.Tokens) error {
	return f.do("PutTokens", func() error { return f.Store.PutTokens(ctx, grant, t) })
}

func (f *faulty) PutGrant(ctx context.Context, g oauth.Grant, t oauth.Tokens) error {
	return f.do("PutGrant", func() error { return f.Store.PutGrant(ctx, g, t) })
}

func (f *faulty) RevokeGrant(ctx context.Context, grant string) error {
	return f.do("RevokeGrant", func() error { return f.Store.RevokeGrant(ctx, grant) })
}

func (f *faulty) Token(ctx context.Context, jti string, now time.Time) (t oauth.AccessToken, g oauth.Grant, err error) {
	err = f.do("Token", func() (err error) { t, g, err = f.Store.Token(ctx, jti, now); return err })
	return t, g, err
}

func faultyHub(t *testing.T) (*hub, *faulty) {
	f := &faulty{}
	h := newHub(t, func(c *oauth.Config) { f.Store = c.Store; c.Store = f })
	return h, f
}

// TestStorageFaults breaks each write in both ways: nothing may be given, and
// what may be used once is either still whole or used up.
func TestStorageFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: "lost", true: "kept although it failed"}[kept]
		t.Run("a client assertion "+way+": it gives nothing", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			f.fail("Once assertion", kept)
			refused(t, agency.push(agency.authorization("openid")), http.StatusInternalServerError, "server_error", "internal error")
		})
		t.Run("a proof "+way+": it gives nothing", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			code := agency.code("openid")
			f.fail("Once dpop", kept)
			refused(t, agency.redeem(code), http.StatusInternalServerError, "server_error", "internal error")
		})
		t.Run("a pushed request "+way+": it gives no request_uri", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			f.fail("PutPushed", kept)
			refused(t, agency.push(agency.authorization("openid")), http.StatusInternalServerError, "server_error", "internal error")
		})
		for _, op := range []string{"TakePushed", "PutRequest", "FinishRequest"} {
			t.Run(op+" "+way+": it sends nobody back", func(t *testing.T) {
				h, f := faultyHub(t)
				agency := h.add("agency", nil)
				query := url.Values{"client_id": {"agency"}, "request_uri": {agency.push(agency.authorization("openid")).str("request_uri")}}
				f.fail(op, kept)
				a := agency.visit("/authorize?" + query.Encode())
				if a.status != http.StatusInternalServerError || a.header.Get("Location") != "" || contains(a.text, "disk") {
					t.Errorf("answered %d %s", a.status, a.text)
				}
			})
		}
		t.Run("a code's redemption "+way+": it gives nothing, and the code is whole or used up", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			code := agency.code("openid")
			f.fail("Redeem", kept)
			refused(t, agency.redeem(code), http.StatusInternalServerError, "server_error", "internal error")
			f.fail("", false)
			if a := agency.redeem(code); (a.status == http.StatusOK) == kept {
				t.Errorf("then it answered %d %s", a.status, a.text)
			}
		})
		t.Run("a rotation "+way+": it gives nothing, and the token is whole or used up", func(t *testing.T) {
			h, f := faultyHub(t)
			website := h.website()
			first := website.redeem(website.open(website.authorization("openid offline_access")).Get("code")).str("refresh_token")
			f.fail("Rotate", kept)
			refused(t, website.refresh(first), http.StatusInternalServerError, "server_error", "internal error")
			f.fail("", false)
			if a := website.refresh(first); (a.status == http.StatusOK) == kept {
				t.Errorf("then it answered %d %s", a.status, a.text)
			}
		})
		t.Run("a further token "+way+": it gives nothing, and goes on later", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			first := agency.redeem(agency.code("openid offline_access")).str("refresh_token")
			f.fail("PutTokens", kept)
			refused(t, agency.refresh(first), http.StatusInternalServerError, "server_error", "internal error")
			f.fail("", false)
			if a := agency.refresh(first); a.status != http.StatusOK {
				t.Errorf("then it answered %d %s", a.status, a.text)
			}
		})
		t.Run("an offer's grant "+way+": it gives nothing", func(t *testing.T) {
			h, f := faultyHub(t)
			wallet := h.wallet()
			form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"offer"}, "tx_code": {"1234"}}
			f.fail("PutGrant", kept)
			a := h.post("/token", form, wallet.auth(form), wallet.proof("/token", ""))
			refused(t, a, http.StatusInternalServerError, "server_error", "internal error")
		})
		t.Run("a revocation "+way+": it says that it failed", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			form := url.Values{"token": {agency.redeem(agency.code("openid offline_access")).str("refresh_token")}}
			f.fail("RevokeGrant", kept)
			refused(t, h.post("/revoke", form, agency.auth(form)), http.StatusInternalServerError, "server_error", "internal error")
		})
	}
	t.Run("a token's row unreadable: it lets nobody in", func(t *testing.T) {
		h, f := faultyHub(t)
		agency := h.add("agency", nil)
		token := agency.redeem(agency.code("openid")).str("access_token")
		f.fail("Token", false)
		refused(t, agency.use("/resource", token), http.StatusInternalServerError, "server_error", "internal error")
	})
}
