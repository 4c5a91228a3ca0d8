package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/oauth"
)

//clause:as https, save loop-back in development
func TestHTTPS(t *testing.T) {
	h := newHub(t)
	config := h.oauth.Config
	config.Issuer, config.Development = "http://hub.example", false
	t.Run("it refuses an issuer without https outside of development", func(t *testing.T) {
		if _, err := oauth.New(config); err == nil {
			t.Error("made")
		}
	})
}

//clause:as callback bound to the browser
func TestCookie(t *testing.T) {
	for _, c := range []struct {
		name        string
		development bool
		want        []string
	}{
		{"it binds its cookie to host and https", false, []string{"__Host-mydata_idp_authorization=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"}},
		{"it names the service in development", true, []string{"mydata_idp_authorization=", "HttpOnly", "SameSite=Lax"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			config := h.oauth.Config
			config.Development, config.Issuer = c.development, "https://hub.example"
			s, err := oauth.New(config)
			check(t, err)
			mux := http.NewServeMux()
			s.Mount(mux)
			website := h.website()
			r, err := http.NewRequest(http.MethodGet, "/authorize?"+website.authorization("openid").Encode(), nil)
			check(t, err)
			w := record(mux, r)
			cookie := w.Header().Get("Set-Cookie")
			for _, part := range c.want {
				if !strings.Contains(cookie, part) {
					t.Errorf("%s lacks %s", cookie, part)
				}
			}
		})
	}
	t.Run("it keeps one cookie for two tabs", func(t *testing.T) {
		h := newHub(t)
		website := h.website()
		website.open(website.authorization("openid"))
		a := website.visit("/authorize?" + website.authorization("openid").Encode())
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s", a.header.Get("Set-Cookie"))
		}
	})
}

// BenchmarkProtect is a resource's whole check of a token with DPoP: with the
// rows that know revocation and replay (SQLite in memory). pkg/dpop has the
// ratio to raw cryptography.
func BenchmarkProtect(b *testing.B) {
	h := newHub(b)
	agency := h.add("agency", nil)
	token := agency.redeem(agency.code("openid")).str("access_token")
	mux := http.NewServeMux()
	mux.Handle("/resource", h.oauth.Protect(h.url, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	requests := make([]*http.Request, b.N)
	for n := range requests {
		r, err := http.NewRequest(http.MethodGet, "/resource", nil)
		check(b, err)
		r.Header.Set("Authorization", "DPoP "+token)
		agency.proof("/resource", token)(r)
		requests[n] = r
	}
	b.ResetTimer()
	for _, r := range requests {
		if w := record(mux, r); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}

//clause:as RFC 7662, 7009; userinfo
func TestUserInfo(t *testing.T) {
	h := newHub(t, func(c *oauth.Config) { c.UserInfo = names })
	website := h.website()
	a := website.redeem(website.open(website.authorization("openid")).Get("code"))
	t.Run("it adds claims, and lets none replace sub", func(t *testing.T) {
		got := website.use("/userinfo", a.str("access_token"))
		sub, _ := pairwise{}.Pairwise(t.Context(), "ada", "website")
		if got.str("name") != "Ada" || got.str("sub") != sub || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s", got.status, got.text)
		}
	})
	t.Run("it puts none into the id_token", func(t *testing.T) {
		if _, there := h.claims(a.str("id_token"), "JWT")["name"]; there {
			t.Error("a name")
		}
	})
}

func TestSweep(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	uri := agency.push(agency.authorization("openid")).str("request_uri")
	check(t, h.oauth.Sweep(t.Context()))
	if back := agency.open(url.Values{"client_id": {"agency"}, "request_uri": {uri}}); back.Get("code") == "" {
		t.Errorf("swept what was alive: %v", back)
	}
}
