package dashboard_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/credential"
)

// several are copies of one card, another card, and what an operator has to say.
type several struct {
	cards
	revoked []string
}

func (s *several) Of(_ context.Context, citizen string) ([]credential.Issued, error) {
	if citizen != s.owner {
		return nil, nil
	}
	one := func(id, config string, status credential.Status) credential.Issued {
		return credential.Issued{ID: id, Config: config, IssuedAt: day, Status: status, Device: "Demo wallet"}
	}
	return []credential.Issued{
		one("b1", credential.ConfigResidentCard, credential.Revoked), one("b1.1", credential.ConfigResidentCard, credential.Valid),
		one("b1.2", credential.ConfigResidentCard, credential.Valid), one("b2", credential.ConfigAgeCard, credential.Revoked),
	}, nil
}

func (s *several) RevokeBatch(_ context.Context, _, batch string) error {
	s.revoked = append(s.revoked, batch)
	return nil
}

type desk struct{ *office }

func (d desk) Of(_ context.Context, citizen string) ([]credential.Deferral, error) {
	if citizen != d.owner {
		return nil, nil
	}
	return []credential.Deferral{
		{ID: "t1", Config: credential.ConfigResidentCard, State: credential.DeferralWaiting, Device: "Phone A", Created: day},
		{ID: "t2", Config: credential.ConfigAgeCard, State: credential.DeferralRefused, Reason: "register", Created: day},
	}, nil
}

// What was issued together is one card, with one button for all of it.
func TestCopiesAreOneCard(t *testing.T) {
	s := newSite(t)
	issuer := &several{cards: cards{s.office}}
	s.handler.Issuer, s.handler.Deferrals = issuer, desk{s.office}
	b := s.open(t, s.phone)
	for lang, words := range map[string][]string{
		"en": {"Mobile resident card", "Proof of age", "<dt>Copies</dt><dd>3</dd>", "The office looks at this request", "Phone A", "the register has to be put right"},
		"ko": {"성인 확인증", "<dt>사본 수</dt><dd>3</dd>", "담당 기관에서 요청을 확인하고 있습니다", "먼저 주민등록 정보를 바로잡아야"},
	} {
		page := b.do(http.MethodGet, "/me", "", "Accept-Language", lang)
		for _, word := range words {
			if !strings.Contains(page.body, word) {
				t.Errorf("%s: it does not say %q\n%s", lang, word, page.body)
			}
		}
		if strings.Count(page.body, `/revoke"`) != 1 || strings.Contains(page.body, "b1.1") || strings.Contains(page.body, "me.deferral") {
			t.Errorf("%s: it shows the copies one by one\n%s", lang, page.body)
		}
	}
	list := b.do(http.MethodGet, "/me", "", "Accept", "application/json")
	if !strings.Contains(list.body, `"id":"b1"`) || !strings.Contains(list.body, `"copies":3`) || strings.Contains(list.body, "b1.1") {
		t.Errorf("%s", list.body)
	}
	for _, id := range []string{"b1", "b1.2"} { // by the card, and by a copy
		if r := b.do(http.MethodPost, "/me/credentials/"+id+"/revoke", "", "Sec-Fetch-Site", "same-origin"); r.status != http.StatusSeeOther {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if len(issuer.revoked) != 2 || issuer.revoked[0] != "b1" || issuer.revoked[1] != "b1" {
		t.Errorf("revoked %v", issuer.revoked)
	}
}
