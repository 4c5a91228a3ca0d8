package oauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/oauth"
)

// listener is a relying party's back-channel logout endpoint.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	tokens []string
	status int
	to     string // a redirect
}

func newListener(t testing.TB) *listener {
	l := &listener{status: http.StatusOK}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tokens = append(l.tokens, r.PostFormValue("logout_token"))
		if l.to != "" {
			w.Header().Set("Location", l.to)
		}
		w.WriteHeader(l.status)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) answers(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
}

func (l *listener) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.tokens...)
}

// party is an ordinary relying party that hears of logouts.
func (h *hub) party(id string, l *listener) *client {
	return h.add(id, map[string]any{
		"agency": nil, "token_endpoint_auth_method": "client_secret_basic", "jwks": nil, "dpop_bound_access_tokens": false,
		"require_pushed_authorization_requests": false, "backchannel_logout_uri": l.URL + "/out?x=1", "post_logout_redirect_uris": []string{"https://client.example/bye", "https://client.example/bye?a=b"},
	})
}

func (c *client) login(t testing.TB) answer {
	a := c.redeem(c.open(c.authorization("openid")).Get("code"))
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.text)
	}
	return a
}

//clause:as Back-Channel Logout 1.0, 2.1 to 2.5: discovery; `sid` in id_tokens; the logout token's typ, claims and life; POST, 200 and 204, retries with backoff from rows, no redirect followed
func TestBackChannelLogout(t *testing.T) {
	h, l := newHub(t), newListener(t)
	h.sessionID = "session-1"
	one, two := h.party("one", l), h.party("two", l)
	silent := h.website()
	id := h.claims(one.login(t).str("id_token"), "JWT")
	other := h.claims(two.login(t).str("id_token"), "JWT")
	silent.login(t)
	t.Run("it names the session in id_tokens, to each client by another name", func(t *testing.T) {
		if id["sid"] == nil || id["sid"] == other["sid"] || id["sid"] == "session-1" {
			t.Errorf("%v and %v", id["sid"], other["sid"])
		}
		if again := h.claims(one.login(t).str("id_token"), "JWT"); again["sid"] != id["sid"] {
			t.Error("one session has two names at one client")
		}
	})
	t.Run("it tells nobody while the session goes on", func(t *testing.T) {
		check(t, h.oauth.TellLogouts(t.Context()))
		if n := len(l.heard()); n != 0 {
			t.Errorf("%d were told", n)
		}
	})
	t.Run("it tells each client of that session once, in a token of its own", func(t *testing.T) {
		check(t, h.oauth.EndSession(t.Context(), "session-1"))
		check(t, h.oauth.EndSession(t.Context(), "session-1"))
		check(t, h.oauth.TellLogouts(t.Context()))
		check(t, h.oauth.TellLogouts(t.Context()))
		heard := l.heard()
		if len(heard) != 2 {
			t.Fatalf("%d tokens", len(heard))
		}
		found := map[any]bool{}
		for _, token := range heard {
			c := h.claims(token, "logout+jwt")
			want := id
			if c["aud"] == "two" {
				want = other
			}
			found[c["aud"]] = true
			events, _ := json.Marshal(c["events"])
			if c["iss"] != h.url || c["sub"] != want["sub"] || c["sid"] != want["sid"] || c["nonce"] != nil || c["jti"] == nil ||
				c["exp"].(float64)-c["iat"].(float64) > 120 || string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` {
				t.Errorf("the token says %v", c)
			}
		}
		if len(found) != 2 {
			t.Errorf("told: %v", found)
		}
	})
	t.Run("it says that it does", func(t *testing.T) {
		d := one.visit("/.well-known/openid-configuration")
		if d.body["backchannel_logout_supported"] != true || d.body["backchannel_logout_session_supported"] != true || d.str("end_session_endpoint") != h.url+"/end_session" {
			t.Error(d.text)
		}
	})
	t.Run("it tries again, more and more patiently, by the same jti, and gives up after a week", func(t *testing.T) {
		l.answers(http.StatusServiceUnavailable)
		one.login(t)
		check(t, h.oauth.EndSession(t.Context(), "session-1"))
		before := len(l.heard())
		rounds := func(every time.Duration, n int) int {
			from := len(l.heard())
			for range n {
				check(t, h.oauth.TellLogouts(t.Context()))
				h.pass(every)
			}
			return len(l.heard()) - from
		}
		if n := rounds(0, 5); n != 1 {
			t.Errorf("%d tries at once", n)
		}
		if early, late := rounds(2*time.Second, 30), rounds(10*time.Second, 30); late >= 5*early || late < 1 {
			t.Errorf("%d tries in a minute, then %d in five", early, late)
		}
		jti := map[any]bool{}
		for _, token := range l.heard()[before:] {
			jti[h.claims(token, "logout+jwt")["jti"]] = true
		}
		if len(jti) != 1 {
			t.Errorf("%d ids", len(jti))
		}
		h.pass(8 * 24 * time.Hour)
		if n := rounds(2*time.Hour, 5); n != 1 {
			t.Errorf("after a week it tried %d times", n)
		}
	})
	t.Run("it does not go on where the client sends it", func(t *testing.T) {
		trap := newListener(t)
		l.mu.Lock()
		l.status, l.to = http.StatusTemporaryRedirect, trap.URL
		l.mu.Unlock()
		one.login(t)
		check(t, h.oauth.EndSession(t.Context(), "session-1"))
		check(t, h.oauth.TellLogouts(t.Context()))
		if len(trap.heard()) != 0 {
			t.Error("it followed")
		}
		l.answers(http.StatusNoContent)
		h.pass(time.Hour)
		check(t, h.oauth.TellLogouts(t.Context()))
		n := len(l.heard())
		h.pass(time.Hour)
		check(t, h.oauth.TellLogouts(t.Context()))
		if len(l.heard()) != n {
			t.Error("204 did not do")
		}
	})
	t.Run("it lets a client call a token no token five times", func(t *testing.T) {
		l.answers(http.StatusBadRequest)
		one.login(t)
		check(t, h.oauth.EndSession(t.Context(), "session-1"))
		n := len(l.heard())
		for range 9 {
			check(t, h.oauth.TellLogouts(t.Context()))
			h.pass(2 * time.Hour)
		}
		if n = len(l.heard()) - n; n != 5 {
			t.Errorf("%d times", n)
		}
		l.answers(http.StatusOK)
	})
}

// TestLogoutEverywhere: whatever ends a person's sessions is told.
//
//clause:as Back-Channel Logout 1.0, 2.3: told of logout here and everywhere, a lost phone, a removed passkey, a death, and what ended unnoticed
func TestLogoutEverywhere(t *testing.T) {
	l := newListener(t)
	lives := map[string]bool{}
	h := newHub(t, func(c *oauth.Config) {
		c.SessionLives = func(_ context.Context, id string) (bool, error) { return lives[id], nil }
	})
	one := h.party("one", l)
	told := func(t *testing.T, want int) {
		t.Helper()
		before := len(l.heard())
		check(t, h.oauth.TellLogouts(t.Context()))
		if n := len(l.heard()) - before; n != want {
			t.Errorf("%d were told, want %d", n, want)
		}
	}
	in := func(session string) {
		h.sessionID, lives[session] = session, true
		one.login(t)
	}
	t.Run("it tells of every session when a phone was lost or somebody died", func(t *testing.T) {
		in("a")
		in("b")
		check(t, h.oauth.RevokeCitizen(t.Context(), "somebody else"))
		told(t, 0)
		check(t, h.oauth.RevokeCitizen(t.Context(), "ada"))
		told(t, 2)
	})
	t.Run("it tells of the sessions alone that ended with a passkey", func(t *testing.T) {
		in("c")
		in("d")
		lives["c"] = false
		check(t, h.oauth.Ended(t.Context(), "ada"))
		told(t, 1)
	})
	t.Run("it finds in time what ended unnoticed", func(t *testing.T) {
		lives["d"] = false
		told(t, 0)
		h.pass(11 * time.Minute)
		told(t, 1)
	})
	t.Run("it tells nobody when a person logs in anew, and then of the end of that", func(t *testing.T) {
		in("e")
		check(t, h.oauth.Replaced(t.Context(), "e", "f"))
		check(t, h.oauth.EndSession(t.Context(), "e"))
		told(t, 0)
		check(t, h.oauth.EndSession(t.Context(), "f"))
		told(t, 1)
	})
}

//clause:as RP-Initiated Logout 1.0, 2 and 3: GET and POST; `id_token_hint`, also expired; `client_id`; `post_logout_redirect_uri` byte for byte; `state`; the person is asked unless the hint is of this session; unknown parameters ignored
func TestEndRequest(t *testing.T) {
	h, l := newHub(t), newListener(t)
	h.sessionID = "session-1"
	one, two := h.party("one", l), h.party("two", l)
	hint := one.login(t)
	ask := func(form url.Values) (oauth.EndRequest, error) {
		return h.oauth.EndRequest(httptest.NewRequest(http.MethodGet, "/end_session", nil), form)
	}
	form := func(pairs ...string) url.Values {
		out := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	id := hint.str("id_token")
	for _, c := range []struct {
		name    string
		form    url.Values
		certain bool
		back    string
	}{
		{"it is certain of the id_token of this session", form("id_token_hint", id), true, ""},
		{"it goes back where the client registered, with its state", form("id_token_hint", id, "client_id", "one", "post_logout_redirect_uri", "https://client.example/bye", "state", "s t"), true, "https://client.example/bye?state=s+t"},
		{"it keeps the query of the registered address", form("id_token_hint", id, "post_logout_redirect_uri", "https://client.example/bye?a=b", "state", "x"), true, "https://client.example/bye?a=b&state=x"},
		{"it asks the person where there is no hint", form("client_id", "one", "post_logout_redirect_uri", "https://client.example/bye"), false, "https://client.example/bye"},
		{"it asks the person where nobody says anything", form(), false, ""},
		{"it ignores what it does not know", form("logout_hint", "ada", "id_token_hint", id), true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ask(c.form)
			if err != nil || got.Certain != c.certain || got.Return != c.back {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	t.Run("it takes an expired hint", func(t *testing.T) {
		h.pass(24 * time.Hour)
		defer h.pass(-24 * time.Hour)
		if got, err := ask(form("id_token_hint", id)); err != nil || !got.Certain {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("it asks the person where the hint is of another session", func(t *testing.T) {
		h.sessionID = "session-2"
		defer func() { h.sessionID = "session-1" }()
		if got, err := ask(form("id_token_hint", id)); err != nil || got.Certain {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("it asks nobody where nobody is logged in", func(t *testing.T) {
		h.leaves("")
		defer h.leaves("ada")
		if got, err := ask(form("id_token_hint", id)); err != nil || !got.Certain {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := ask(form("client_id", "one")); err != nil || got.Certain {
			t.Errorf("without a hint: %+v, %v", got, err)
		}
	})
	forged := newKey(t)
	mine, _ := h.ring.TokenSigner(h.now())
	claims := map[string]any{"iss": h.url, "sub": "x", "aud": "one", "sid": "y"}
	ours := h.ring.JWKS().Keys[0].KeyID
	for name, c := range map[string]struct {
		form url.Values
		why  string
	}{
		"an access token for a hint":            {form("id_token_hint", hint.str("access_token")), "id_token_hint"},
		"a hint that another signed":            {form("id_token_hint", sign(t, forged, "JWT", ours, claims)), "id_token_hint"},
		"a hint of another issuer":              {form("id_token_hint", sign(t, mine, "JWT", ours, map[string]any{"iss": "https://evil.example", "sub": "x", "aud": "one"})), "id_token_hint"},
		"a hint about nobody":                   {form("id_token_hint", sign(t, mine, "JWT", ours, map[string]any{"iss": h.url, "aud": "one"})), "id_token_hint"},
		"a hint for two clients":                {form("id_token_hint", sign(t, mine, "JWT", ours, map[string]any{"iss": h.url, "sub": "x", "aud": []string{"one", "two"}})), "id_token_hint"},
		"a hint that says nothing":              {form("id_token_hint", sign(t, mine, "JWT", ours, "[]")), "id_token_hint"},
		"a logout token for a hint":             {form("id_token_hint", sign(t, mine, "logout+jwt", ours, claims)), "id_token_hint"},
		"a hint with a key in its header":       {form("id_token_hint", embedded(t, claims)), "id_token_hint"},
		"a hint without signature":              {form("id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), "id_token_hint"},
		"a hint that is no token":               {form("id_token_hint", "x"), "id_token_hint"},
		"the hint of another client":            {form("id_token_hint", id, "client_id", two.id), "client_id: not that of id_token_hint"},
		"a client that nobody knows":            {form("client_id", "nobody"), "client_id: unknown"},
		"an address without a client":           {form("post_logout_redirect_uri", "https://client.example/bye"), "nobody says whose it is"},
		"an address longer than the registered": {form("client_id", "one", "post_logout_redirect_uri", "https://client.example/bye/"), "not registered"},
		"an address in other letters":           {form("client_id", "one", "post_logout_redirect_uri", "https://client.example/%62ye"), "not registered"},
		"the address of a login":                {form("client_id", "one", "post_logout_redirect_uri", redirect), "not registered"},
		"a script for an address":               {form("client_id", "one", "post_logout_redirect_uri", "javascript:alert(1)"), "not registered"},
		"a state that breaks lines":             {form("client_id", "one", "post_logout_redirect_uri", "https://client.example/bye", "state", "a\r\nSet-Cookie: x"), "no text has"},
		"an address given twice":                {form("client_id", "one", "post_logout_redirect_uri", "https://client.example/bye", "post_logout_redirect_uri", "https://evil.example"), "twice"},
		"a state that is too long":              {form("client_id", "one", "state", strings.Repeat("x", 4096)), "too long"},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			got, err := ask(c.form)
			no, ok := errors.AsType[*oauth.Refusal](err)
			if !ok || no.Code != "invalid_request" || !contains(no.Description, c.why) || got.Return != "" || got.Certain {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// embedded is a JWS whose header brings its own key.
func embedded(t testing.TB, claims any) string {
	key := newKey(t)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	check(t, err)
	payload, err := json.Marshal(claims)
	check(t, err)
	signed, err := signer.Sign(payload)
	check(t, err)
	compact, err := signed.CompactSerialize()
	check(t, err)
	return compact
}

// FuzzEndRequest: whatever comes is refused or understood, and leads nowhere that
// is not registered.
//
//clause:as RP-Initiated Logout 1.0, 2 and 3: GET and POST; `id_token_hint`, also expired; `client_id`; `post_logout_redirect_uri` byte for byte; `state`; the person is asked unless the hint is of this session; unknown parameters ignored
func FuzzEndRequest(f *testing.F) {
	h, l := newHub(f), newListener(f)
	one := h.party("one", l)
	id := one.login(f).str("id_token")
	f.Add("id_token_hint=" + id + "&state=x")
	f.Add("client_id=one&post_logout_redirect_uri=https%3A%2F%2Fclient.example%2Fbye&state=%26")
	f.Add("client_id=one&post_logout_redirect_uri=%2F%2Fevil.example")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		got, err := h.oauth.EndRequest(httptest.NewRequest(http.MethodGet, "/end_session", nil), form)
		if err == nil && got.Return != "" && !strings.HasPrefix(got.Return, "https://client.example/bye") {
			t.Errorf("it leads to %q", got.Return)
		}
	})
}
