package approval_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// asks puts another request of the consumer before the citizen.
func (s *site) asks(t *testing.T, bend func(*consent.RequestClaims)) {
	t.Helper()
	sub, err := s.Accounts.Pairwise(t.Context(), s.desk.citizen, s.world.Consumer.ID)
	ok(t, "sub", err)
	record, err := s.world.Ledger.Request(t.Context(), s.world.RequestOf(sub, bend))
	ok(t, "request", err)
	s.desk.grant = record.Grant
}

// saysAll wants the page in each language to say these texts.
func (s *site) saysAll(t *testing.T, want map[string][]string) {
	t.Helper()
	for lang, texts := range want {
		page := s.do(t, "GET", "/approval/known", "", "Accept-Language", lang)
		if page.status != http.StatusOK {
			t.Errorf("%s: %d", lang, page.status)
		}
		for _, text := range texts {
			if !strings.Contains(page.body, text) {
				t.Errorf("%s: the page does not say %q", lang, text)
			}
		}
	}
}

func TestPageOfARecurringRequest(t *testing.T) {
	s := newSite(t)
	s.asks(t, func(c *consent.RequestClaims) {
		c.Details[0].Frequency, c.Details[0].DataRange = "P7D", &consent.DataRange{From: "2026-01-01", To: "2026-12-31"}
	})
	s.saysAll(t, map[string][]string{
		"ko": {"최대 2회, 7일에 한 번까지", "2026년 1월 1일", "2026년 12월 31일"},
		"en": {"at most 2 times, once per 7 days at most", "1 January 2026", "31 December 2026", "both days included"},
	})
}

func TestPageOfAnAmendment(t *testing.T) {
	s := newSite(t)
	if r := s.sign(t, `["checked_on"]`); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	old := s.desk.grant
	s.asks(t, func(c *consent.RequestClaims) {
		d := &c.Details[0]
		d.Supersedes, d.MaxUses, d.Retention, d.Claims = old, 1, "P10D", d.Claims[:2]
	})
	s.saysAll(t, map[string][]string{
		"ko": {"달라지는 내용", "더 이상 제공되지 않는 항목", "검진일", "최대 2회", "최대 1회", "30일, 대한민국", "10일, 대한민국", "앞의 동의는 그대로 유지됩니다"},
		"en": {"What would change", "No longer", "Date of the check-up", "at most 2 times", "so far:", "once", "10 days, South Korea"},
	})
	if strings.Contains(s.do(t, "GET", "/approval/known", "", "Accept-Language", "en").body, "What for</dt><dd>so far") {
		t.Error("the page shows a change where there is none")
	}
	if r := s.sign(t, `[]`); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	was, _, err := s.world.Ledger.Account(t.Context(), old)
	ok(t, "the old version", err)
	if was.State != consent.StateSuperseded || s.record(t).State != consent.StateActive {
		t.Errorf("%s, %s", was.State, s.record(t).State)
	}
}
