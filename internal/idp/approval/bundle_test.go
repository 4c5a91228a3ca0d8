package approval_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/consent"
)

// bundled puts three requests before the citizen at once.
func bundled(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	sub, err := s.Accounts.Pairwise(t.Context(), s.desk.citizen, s.world.Consumer.ID)
	ok(t, "sub", err)
	var all []consent.Requested
	for i := range 3 {
		all = append(all, s.world.RequestOf(sub, func(c *consent.RequestClaims) {
			c.Details[0].Bundle = &consent.Bundle{ID: "together", Index: i, Count: 3}
			if i == 1 {
				c.Details[0].MaxUses = 1
			}
		}))
	}
	records, err := s.world.Ledger.RequestAll(t.Context(), all)
	ok(t, "request", err)
	s.desk.grant, s.desk.more = records[0].Grant, []consent.GrantID{records[1].Grant, records[2].Grant}
	return s
}

func (s *site) states(t *testing.T) string {
	t.Helper()
	var all []string
	for _, id := range append([]consent.GrantID{s.desk.grant}, s.desk.more...) {
		r, _, err := s.world.Ledger.Account(t.Context(), id)
		ok(t, "record", err)
		all = append(all, string(r.State))
	}
	return strings.Join(all, " ")
}

func (s *site) signBundle(t *testing.T, body string) reply {
	t.Helper()
	o := s.do(t, "POST", "/approval/known/options", body)
	if o.status != http.StatusOK {
		return o
	}
	return s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(s.phone.Get(t, []byte(o.body)))+`}`)
}

func TestPageOfABundle(t *testing.T) {
	s := bundled(t)
	s.saysAll(t, map[string][]string{
		"ko": {"서로 별개인 동의", `name="grants" value="1" checked`, `name="grants" value="3" checked`, `name="claims" value="2/checked_on" checked`, "최대 2회", "1회", "모두 동의하지 않기"},
		"en": {"separate consents", "Agree to part", "Needed where you agree to this part", "Agree to none of it", `id="part-3"`},
	})
}

// What a claim passes on as it is does not stay where it is, and is not said to.
func TestPageSaysWhatStays(t *testing.T) {
	r := newSite(t).do(t, "GET", "/approval/known", "", "Accept-Language", "en")
	if !strings.Contains(r.body, "<li><bdi>Left eyesight</bdi>") || strings.Contains(r.body, "<li><bdi>Checked on</bdi>") {
		t.Error(r.body)
	}
}

func TestApproveABundle(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"it grants all parts":           {`{"grants":["1","2","3"],"claims":["1/checked_on"]}`, "active active active"},
		"it refuses what was unticked":  {`{"grants":["1","3"],"claims":["1/checked_on","2/checked_on"]}`, "active denied active"},
		"it grants one part of several": {`{"grants":["2"],"claims":[]}`, "denied active denied"},
	} {
		t.Run(name, func(t *testing.T) {
			s := bundled(t)
			r := s.signBundle(t, c.body)
			if r.status != http.StatusOK || !strings.Contains(r.body, `"next":"/authorize/callback?id=known"`) {
				t.Fatalf("%d %s", r.status, r.body)
			}
			if got := s.states(t); got != c.want || len(s.desk.done) != 1 || s.desk.done[0] != oauth.StepApproval {
				t.Errorf("%s, done %v", got, s.desk.done)
			}
			again := s.do(t, "GET", "/approval/known", "")
			if again.status != http.StatusSeeOther {
				t.Errorf("reloaded: %d", again.status)
			}
		})
	}
	t.Run("it leaves out what was unticked in each part", func(t *testing.T) {
		s := bundled(t)
		s.signBundle(t, `{"grants":["1","2"],"claims":["2/checked_on"]}`)
		second, _, err := s.world.Ledger.Account(t.Context(), s.desk.more[0])
		ok(t, "record", err)
		if first := s.record(t); len(first.Agreed.Claims) != 2 || len(second.Agreed.Claims) != 3 {
			t.Errorf("%d and %d claims", len(first.Agreed.Claims), len(second.Agreed.Claims))
		}
	})
}

func TestBundleRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"it refuses to sign for nothing":           `{"grants":[],"claims":[]}`,
		"it refuses a part that is not there":      `{"grants":["4"],"claims":[]}`,
		"it refuses part nought":                   `{"grants":["0"],"claims":[]}`,
		"it refuses a part in another spelling":    `{"grants":["+1"],"claims":[]}`,
		"it refuses a part that is no number":      `{"grants":["x"],"claims":[]}`,
		"it refuses a claim of no part":            `{"grants":["1"],"claims":["checked_on"]}`,
		"it refuses a claim of a part not there":   `{"grants":["1"],"claims":["9/checked_on"]}`,
		"it refuses a claim that was not asked":    `{"grants":["1"],"claims":["1/remarks"]}`,
		"it refuses a claim of an untidy spelling": `{"grants":["1"],"claims":["1/checked_on/x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := bundled(t)
			if r := s.signBundle(t, body); r.status != http.StatusBadRequest || !strings.Contains(r.body, `"code":"choice"`) {
				t.Errorf("%d %s", r.status, r.body)
			}
			if got := s.states(t); got != "requested requested requested" {
				t.Errorf("something came of it: %s", got)
			}
		})
	}
	t.Run("it shows a foreign citizen no part", func(t *testing.T) {
		s := bundled(t)
		s.desk.citizen = s.other.Citizen
		if r := s.signBundle(t, `{"grants":["1"],"claims":[]}`); r.status != http.StatusForbidden {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}

func TestDenyABundle(t *testing.T) {
	s := bundled(t)
	for range 2 {
		r := s.do(t, "POST", "/approval/known/deny", "", "Content-Type", "application/x-www-form-urlencoded")
		if r.status != http.StatusSeeOther {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if got := s.states(t); got != "denied denied denied" {
		t.Error(got)
	}
}

// One request of a bundle that ended meanwhile ends the page: nothing is signed
// that does not wait any more, and what still waits is not taken for answered.
func TestBundleDecidedInPart(t *testing.T) {
	s := bundled(t)
	_, err := s.world.Ledger.Deny(t.Context(), s.desk.more[0], s.desk.citizen)
	ok(t, "deny", err)
	if r := s.do(t, "GET", "/approval/known", ""); r.status != http.StatusConflict {
		t.Errorf("%d", r.status)
	}
	if r := s.signBundle(t, `{"grants":["1"],"claims":[]}`); r.status != http.StatusConflict || s.states(t) != "requested denied requested" {
		t.Errorf("%d, %s", r.status, s.states(t))
	}
}
