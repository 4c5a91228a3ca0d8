package dashboard_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// kept is a legal hold on everybody.
type kept bool

func (k kept) Held(context.Context, string) (bool, error) { return bool(k), nil }

// A citizen erases what the law no longer keeps, with a passkey, and nothing else.
//
//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestErasure(t *testing.T) {
	l := newLedgered(t)
	old := l.granted(t)
	l.used(t, old, 1)
	if _, err := l.world.Ledger.Withdraw(t.Context(), old.Grant, l.mine.Citizen); err != nil {
		t.Fatal(err)
	}
	b := l.open(t, l.phone)
	b.shows(t, "/me/consents", "en", `href="/me/erasure"`)
	b.shows(t, "/me/erasure", "en", "The law keeps the proof of it until", "privacy@agency.example", "Numbers in the public log")
	b.shows(t, "/me/erasure", "ko", "법정 보관 기한", "백업본")
	if r := b.do("POST", "/me/erasure/options", `{}`); r.status != http.StatusConflict {
		t.Errorf("too early: %d %s", r.status, r.body)
	}
	l.world.Pass(consent.ProofKept)
	standing := l.granted(t).Grant
	l.world.Ledger.Holds = kept(true)
	b.shows(t, "/me/erasure", "en", "A court or an authority has ordered")
	if r := b.do("POST", "/me/erasure/options", `{}`); r.status != http.StatusConflict {
		t.Errorf("under a hold: %d %s", r.status, r.body)
	}
	if r := b.do("POST", "/me/erasure/options", `{}`, "Accept-Language", "en"); !strings.Contains(r.body, "A court or an authority has ordered") {
		t.Errorf("it says another reason than the hold: %s", r.body)
	}
	l.world.Ledger.Holds = kept(false)
	b.shows(t, "/me/erasure", "en", "It can be erased now", "It is not over", `data-webauthn="get"`, "to erase 1.")
	if r := b.do("POST", "/me/erasure/finish", `{"credential":{}}`); r.status != http.StatusBadRequest {
		t.Errorf("without a passkey: %d %s", r.status, r.body)
	}
	if r := l.open(t, nil).do("POST", "/me/erasure/finish", `{}`); r.status != http.StatusUnauthorized {
		t.Errorf("by nobody: %d", r.status)
	}
	options := b.do("POST", "/me/erasure/options", `{}`)
	answer := `{"credential":` + string(l.phone.Get(t, json.RawMessage(options.body))) + `}`
	if r := b.do("POST", "/me/consents/"+string(standing)+"/resume/finish", answer); r.status != http.StatusBadRequest {
		t.Errorf("an answer for something else: %d %s", r.status, r.body)
	}
	if r := b.do("POST", "/me/erasure/finish", answer); r.status != http.StatusOK || !strings.Contains(r.body, "/me/erasure?erased") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if _, _, err := l.world.Store.History(t.Context(), old.Grant); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("it is still there: %v", err)
	}
	if _, _, err := l.world.Store.History(t.Context(), standing); err != nil {
		t.Errorf("what lasts is gone: %v", err)
	}
	if r := b.do("POST", "/me/erasure/finish", answer); r.status != http.StatusBadRequest {
		t.Errorf("the answer again: %d", r.status)
	}
	b.shows(t, "/me/erasure?erased", "en", "It is erased")
}

// What a consumer said it deleted, and what it has not, is in front of the citizen.
func TestDeletionIsShown(t *testing.T) {
	l := newLedgered(t)
	r := l.granted(t)
	l.used(t, r, 1)
	b := l.open(t, l.phone)
	b.shows(t, "/me/consents", "en", "They may keep it until")
	if _, err := l.world.Ledger.Withdraw(t.Context(), r.Grant, l.mine.Citizen); err != nil {
		t.Fatal(err)
	}
	l.world.Pass(32 * 24 * time.Hour)
	b.shows(t, "/me/consents", "en", "Deletion not confirmed")
	b.shows(t, "/me/consents", "ko", "삭제가 확인되지 않았습니다")
	if _, err := l.world.Ledger.Deleted(t.Context(), l.world.Deleted(r, 1, nil)); err != nil {
		t.Fatal(err)
	}
	b.shows(t, "/me/consents", "en", "They confirmed its deletion")
	b.shows(t, "/me/history", "en", "confirmed that it deleted what it received")
	b.shows(t, "/me/history", "ko", "삭제했다고 확인")
}
