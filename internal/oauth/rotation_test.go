package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/oauth"
)

// replica is one of several servers over one database, which can be started anew.
type replica struct {
	*httptest.Server
	now atomic.Pointer[http.Handler]
}

// relying is a party that keeps the published keys as long as it may.
type relying struct {
	alg  jose.SignatureAlgorithm
	set  jose.JSONWebKeySet
	read time.Time
}

func (p *relying) verify(t *testing.T, h *hub, from *replica, token string) (string, bool) {
	t.Helper()
	if h.now().Sub(p.read) >= 5*time.Minute { // Cache-Control: max-age=300
		response, err := http.Get(from.URL + "/jwks")
		check(t, err)
		defer response.Body.Close()
		p.set, p.read = jose.JSONWebKeySet{}, h.now()
		check(t, json.NewDecoder(response.Body).Decode(&p.set))
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{p.alg})
	check(t, err)
	kid := signed.Signatures[0].Protected.KeyID
	found := p.set.Key(kid)
	if len(found) != 1 {
		return kid, false
	}
	_, err = signed.Verify(found[0].Key)
	return kid, err == nil
}

// TestKeyRotation: people log in at two replicas, and their tokens are verified by
// relying parties that keep keys and by the other replica, before, while and after
// the key that signs tokens changes.
//
//clause:as OpenID Connect Core 1.0, 10.1.1: keys rotate with overlap, over several replicas, no verification fails
func TestKeyRotation(t *testing.T) {
	for p, alg := range map[keys.Purpose]jose.SignatureAlgorithm{keys.Token: jose.ES256, keys.IDToken: jose.RS256} {
		t.Run("of "+string(alg), func(t *testing.T) { rotate(t, p, alg) })
	}
}

func rotate(t *testing.T, p keys.Purpose, alg jose.SignatureAlgorithm) {
	dir := t.TempDir()
	check(t, keys.Generate(dir, keys.Options{Issuer: "https://hub.example", LogOrigin: "test", RS256: p == keys.IDToken}))
	var config oauth.Config
	h := newHub(t, func(c *oauth.Config) {
		ring, err := keys.Load(dir)
		check(t, err)
		c.Keys = ring
		config = *c
	})
	h.citizen, h.session = "ada", "ada"
	one := h.plain("one", map[string]any{"id_token_signed_response_alg": string(alg)})
	start := func(r *replica) {
		c := config
		var err error
		c.Keys, err = keys.Load(dir)
		check(t, err)
		server, err := oauth.New(c)
		check(t, err)
		mux := http.NewServeMux()
		server.Mount(mux)
		handler := http.Handler(mux)
		r.now.Store(&handler)
	}
	var replicas [2]*replica
	for i := range replicas {
		r := &replica{}
		r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { (*r.now.Load()).ServeHTTP(w, q) }))
		t.Cleanup(r.Close)
		start(r)
		replicas[i] = r
	}
	parties := [2]*relying{{alg: alg}, {alg: alg}}
	kids, verified, bad := map[string]int{}, 0, 0
	published := func(r *replica) map[string]bool {
		response, err := http.Get(r.URL + "/jwks")
		check(t, err)
		defer response.Body.Close()
		var set jose.JSONWebKeySet
		check(t, json.NewDecoder(response.Body).Decode(&set))
		out := map[string]bool{}
		for _, key := range set.Keys {
			out[key.KeyID] = true
		}
		return out
	}
	var before [2]string // access tokens of the round before
	round := func() {
		t.Helper()
		for i, r := range replicas {
			code := one.open(one.authorization("openid")).Get("code")
			form := one.redemption(code)
			request, err := http.NewRequest(http.MethodPost, r.URL+"/token", strings.NewReader(form.Encode()))
			check(t, err)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			one.auth(form)(request)
			given := h.do(http.DefaultClient, request)
			if given.status != http.StatusOK {
				t.Fatalf("%d %s", given.status, given.text)
			}
			other := replicas[1-i]
			for j, p := range parties { // each reads keys at its own replica
				kid, ok := p.verify(t, h, replicas[j], given.str("id_token"))
				kids[kid]++
				verified++
				if !ok {
					bad++
				}
			}
			for _, token := range []string{given.str("access_token"), before[i]} {
				if token == "" {
					continue
				}
				request, err := http.NewRequest(http.MethodGet, other.URL+"/userinfo", nil)
				check(t, err)
				request.Header.Set("Authorization", "Bearer "+token)
				verified++
				if a := h.do(http.DefaultClient, request); a.status != http.StatusOK {
					bad++
				}
			}
			before[i] = given.str("access_token")
		}
	}
	rounds := func(n int, each time.Duration) {
		for range n {
			round()
			h.pass(each)
		}
	}
	others := len(published(replicas[0])) - 1 // that do not change
	rounds(3, time.Minute)
	from := h.now().Add(30 * time.Minute)
	next, err := keys.Rotate(dir, p, from)
	check(t, err)
	rounds(2, time.Minute)
	start(replicas[0])
	rounds(2, time.Minute)
	t.Run("it publishes the next key before it signs, from the start on at which it is read", func(t *testing.T) {
		if !published(replicas[0])[next] || published(replicas[1])[next] || kids[next] != 0 {
			t.Error("it does not")
		}
	})
	start(replicas[1])
	for h.now().Before(from.Add(10 * time.Minute)) {
		rounds(1, time.Minute)
	}
	t.Run("it signs by each key in its time, and no verification fails", func(t *testing.T) {
		if bad != 0 || len(kids) != 2 || kids[next] == 0 {
			t.Errorf("%d of %d failed, by %d keys", bad, verified, len(kids))
		}
		t.Logf("%d verifications, none failed", verified)
	})
	t.Run("it publishes the old key for a day after, and then no more", func(t *testing.T) {
		if len(published(replicas[0])) != others+2 {
			t.Error("it is gone at once")
		}
		h.pass(keys.TokenOverlap)
		if set := published(replicas[1]); len(set) != others+1 || !set[next] {
			t.Errorf("%v", set)
		}
	})
}

// TestAccessTokenOfAnotherKey: the name of a key of ours is all that a token says
// of its key.
func TestAccessTokenOfAnotherKey(t *testing.T) {
	h := newHub(t)
	one := h.plain("one")
	claims := map[string]any{"iss": h.url, "sub": "x", "aud": h.url, "jti": "x", "iat": h.now().Unix(), "exp": h.now().Add(time.Minute).Unix()}
	for name, kid := range map[string]string{"it refuses a name that no key of ours has": "other", "it refuses a token that names none": ""} {
		t.Run(name, func(t *testing.T) {
			token := sign(t, newKey(t), "at+jwt", kid, claims)
			refused(t, one.use("/userinfo", token), http.StatusUnauthorized, "invalid_token", "not an access token of this server")
		})
	}
}
