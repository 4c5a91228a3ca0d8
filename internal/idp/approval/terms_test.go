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
		"ko": {"최대 2회, 7일에 한 번까지", "2026-01-01", "2026-12-31"},
		"en": {"at most 2 times, once per 7 days at most", "2026-01-01", "2026-12-31", "both days included"},
	})
}
