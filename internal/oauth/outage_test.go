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

type diskFull struct{}

func (diskFull) Error() string     { return "the disk of db-7.internal is full" }
func (diskFull) Unavailable() bool { return true }

// outOf wants an outage answered: by 503, when to come back, and nothing of what
// only the log may hold.
func outOf(t *testing.T, a answer) {
	t.Helper()
	refused(t, a, http.StatusServiceUnavailable, "temporarily_unavailable", "sent again")
	if a.header.Get("Retry-After") != "5" || contains(a.text, "db-7") {
		t.Errorf("Retry-After %q, %s", a.header.Get("Retry-After"), a.text)
	}
}

func TestOutage(t *testing.T) {
	hubWithout := func(t *testing.T) (*hub, *faulty) {
		h, f := faultyHub(t)
		f.err = diskFull{}
		return h, f
	}
	t.Run("it answers a machine that it cannot now", func(t *testing.T) {
		h, f := hubWithout(t)
		agency := h.add("agency", nil)
		first := agency.redeem(agency.code("openid offline_access"))
		token := first.str("access_token")
		for _, tt := range []struct {
			op  string
			ask func() answer
		}{
			{"Once assertion", func() answer { return agency.push(agency.authorization("openid")) }},
			{"PutPushed", func() answer { return agency.push(agency.authorization("openid")) }},
			{"Once dpop", func() answer { return agency.refresh(first.str("refresh_token")) }},
			{"PutTokens", func() answer { return agency.refresh(first.str("refresh_token")) }},
			{"Token", func() answer { return agency.use("/resource", token) }},
			{"Token", func() answer {
				form := url.Values{"token": {token}}
				return h.post("/introspect", form, agency.auth(form))
			}},
			{"RevokeGrant", func() answer {
				form := url.Values{"token": {first.str("refresh_token")}}
				return h.post("/revoke", form, agency.auth(form))
			}},
		} {
			f.fail(tt.op, false)
			outOf(t, tt.ask())
			f.fail("", false)
		}
		if a := agency.refresh(first.str("refresh_token")); a.status != http.StatusOK {
			t.Errorf("afterwards: %d %s", a.status, a.text)
		}
	})
	t.Run("it answers a person that it cannot now", func(t *testing.T) {
		h, f := hubWithout(t)
		agency := h.add("agency", nil)
		query := url.Values{"client_id": {"agency"}, "request_uri": {agency.push(agency.authorization("openid")).str("request_uri")}}
		f.fail("PutRequest", false)
		a := agency.visit("/authorize?" + query.Encode())
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "5" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it takes a session that cannot be read for no answer, not for no session", func(t *testing.T) {
		h, _ := hubWithout(t)
		agency := h.add("agency", nil)
		form := agency.authorization("openid")
		form.Set("prompt", "none")
		h.lost = diskFull{}
		query := url.Values{"client_id": {"agency"}, "request_uri": {agency.push(form).str("request_uri")}}
		a := agency.visit("/authorize?" + query.Encode())
		if a.status != http.StatusServiceUnavailable || a.header.Get("Location") != "" {
			t.Errorf("%d to %s", a.status, a.header.Get("Location"))
		}
	})
	t.Run("it forgets no step of a session that cannot be read", func(t *testing.T) {
		h, f := hubWithout(t)
		agency := h.add("agency", nil)
		query := url.Values{"client_id": {"agency"}, "request_uri": {agency.push(agency.authorization("openid")).str("request_uri")}}
		f.fail("FinishRequest", false) // it stops before the code
		a := agency.visit("/authorize?" + query.Encode())
		f.fail("", false)
		h.lost = diskFull{}
		if a = agency.visit(a.url.RequestURI()); a.status != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", a.status, a.text)
		}
		h.lost = nil
		h.leaves("ada")
		if a = agency.visit(a.url.RequestURI()); a.header.Get("Location") == "" || !contains(a.header.Get("Location"), "code=") {
			t.Errorf("%d to %s: the login was forgotten", a.status, a.header.Get("Location"))
		}
	})
}

// meter is a Limits of so much for each budget and name.
type meter struct {
	mu    sync.Mutex
	each  map[string]int
	taken map[string]int
	err   error
}

type usedUp struct{}

func (usedUp) Error() string             { return "used up" }
func (usedUp) RetryAfter() time.Duration { return 90 * time.Second }

func (m *meter) Take(_ context.Context, budget, whom string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit, bounded := m.each[budget]
	if m.err != nil && bounded {
		return m.err
	}
	if bounded && m.taken[budget+" "+whom] >= limit {
		return usedUp{}
	}
	m.taken[budget+" "+whom]++
	return nil
}

func (m *meter) Return(_ context.Context, budget, whom string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken[budget+" "+whom]--
}

func (m *meter) spent(budget, whom string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken[budget+" "+whom]
}

func meteredHub(t *testing.T, budget string, limit int) (*hub, *meter) {
	m := &meter{each: map[string]int{budget: limit}, taken: map[string]int{}}
	return newHub(t, func(c *oauth.Config) { c.Limits = m }), m
}

func slowed(t *testing.T, a answer) {
	t.Helper()
	refused(t, a, http.StatusTooManyRequests, "slow_down", "too many")
	if a.header.Get("Retry-After") != "90" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
}

func TestLimits(t *testing.T) {
	t.Run("it bounds what an address is refused, at every machine endpoint", func(t *testing.T) {
		for _, path := range []string{"/token", "/par", "/introspect", "/revoke"} {
			h, m := meteredHub(t, "oauth", 2)
			agency := h.add("agency", nil)
			for range 2 {
				if a := h.post(path, url.Values{"grant_type": {"authorization_code"}, "client_id": {"nobody"}}); a.status == http.StatusTooManyRequests {
					t.Fatal(path, a.text)
				}
			}
			slowed(t, h.post(path, url.Values{"grant_type": {"authorization_code"}, "client_id": {"nobody"}}))
			slowed(t, agency.push(agency.authorization("openid")))
			if n := m.spent("oauth", ""); n != 2 {
				t.Errorf("%s: %d are spent", path, n)
			}
		}
	})
	t.Run("it charges nothing for what is right", func(t *testing.T) {
		h, m := meteredHub(t, "oauth", 1)
		agency := h.add("agency", nil)
		for range 3 {
			if a := agency.redeem(agency.code("openid")); a.status != http.StatusOK {
				t.Fatal(a.text)
			}
		}
		if m.spent("oauth", "") != 0 || m.spent("client", "agency") != 0 || m.spent("par", "agency") != 3 {
			t.Errorf("spent %v", m.taken)
		}
	})
	t.Run("it charges nobody for a fault of ours", func(t *testing.T) {
		h, f := faultyHub(t)
		m := &meter{each: map[string]int{"oauth": 1, "client": 1}, taken: map[string]int{}}
		h.oauth.Limits, f.err = m, diskFull{}
		agency := h.add("agency", nil)
		code := agency.code("openid")
		f.fail("Redeem", false)
		for range 3 {
			outOf(t, agency.redeem(code))
		}
		if m.spent("oauth", "") != 0 || m.spent("client", "agency") != 0 {
			t.Errorf("spent %v", m.taken)
		}
	})
	t.Run("it bounds what a client pushes, and no other's", func(t *testing.T) {
		h, m := meteredHub(t, "par", 2)
		agency, other, wallet := h.add("agency", nil), h.add("other", nil), h.wallet()
		for range 2 {
			agency.push(agency.authorization("openid"))
		}
		slowed(t, agency.push(agency.authorization("openid")))
		if a := other.push(other.authorization("openid")); a.status != http.StatusCreated {
			t.Error(a.text)
		}
		wallet.push(wallet.authorization("resident_card"))
		if m.spent("par", "") != 1 || m.spent("par", "demo-wallet") != 0 {
			t.Errorf("a public client is not charged by its address: %v", m.taken)
		}
	})
	t.Run("it bounds the wrong grants of a client, and lets nobody use up another's", func(t *testing.T) {
		h, m := meteredHub(t, "client", 2)
		agency, other := h.add("agency", nil), h.add("other", nil)
		stranger := *agency
		stranger.key = newKey(t) // the agency's name, not its key
		for range 5 {
			refused(t, stranger.redeem("guess"), http.StatusUnauthorized, "invalid_client", "")
		}
		if n := m.spent("client", "agency"); n != 0 {
			t.Errorf("a stranger spent %d of the agency's", n)
		}
		for range 2 {
			refused(t, agency.redeem("guess"), http.StatusBadRequest, "invalid_grant", "")
		}
		slowed(t, agency.redeem("guess"))
		slowed(t, agency.refresh("guess"))
		refused(t, other.redeem("guess"), http.StatusBadRequest, "invalid_grant", "")
	})
	t.Run("it bounds guesses of a transaction code", func(t *testing.T) {
		h, m := meteredHub(t, "tx_code", 3)
		wallet := h.wallet()
		guess := func(tx string) answer {
			form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"offer"}, "tx_code": {tx}}
			return h.post("/token", form, wallet.auth(form), wallet.proof("/token", ""))
		}
		for range 3 {
			refused(t, guess("9999"), http.StatusBadRequest, "invalid_grant", "tx_code")
		}
		slowed(t, guess("1234")) // the right one, unheard
		m.each["tx_code"] = 4
		if a := guess("1234"); a.status != http.StatusOK {
			t.Error(a.text)
		}
		if n := m.spent("tx_code", ""); n != 3 {
			t.Errorf("a right code was charged: %d", n)
		}
	})
	t.Run("it lets nobody pass when budgets cannot be read", func(t *testing.T) {
		for _, budget := range []string{"oauth", "par"} {
			h, m := meteredHub(t, budget, 1)
			agency := h.add("agency", nil)
			m.err = diskFull{}
			outOf(t, agency.push(agency.authorization("openid")))
			m.err = errors.New("nil map")
			refused(t, agency.push(agency.authorization("openid")), http.StatusInternalServerError, "server_error", "internal error")
		}
	})
}
