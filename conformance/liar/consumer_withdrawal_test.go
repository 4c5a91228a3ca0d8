package liar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

func show(c *sdk.Consumer, kind string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/withdrawals", bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	c.Withdrawals().ServeHTTP(w, r)
	return w
}

// The citizen's own word ends a grant at the consumer too, while the hub would go on.
func TestConsumerTakesASignedWithdrawal(t *testing.T) {
	s := open(t)
	signed := s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))
	other := s.kim.MustRelease(s.consumer, s.Need(s.kim))
	for range 2 { // again does no harm
		if w := show(s.consumer, consent.WithdrawalType, signed); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	before := s.state(t)
	err := s.again(t)
	refused(t, err, consumer, consent.CheckWithdrawal)
	if sdk.Reason(err) != "withdrawn" {
		t.Errorf("the reason is %q", sdk.Reason(err))
	}
	if reason, err := s.consumer.Ended(t.Context(), s.first.GrantID); err != nil || reason != "withdrawn" {
		t.Errorf("ended: %q %v", reason, err)
	}
	if after := s.state(t); after != before {
		t.Errorf("loaded and released %v, before %v", after, before)
	}
	if last, err := s.consumer.Last(t.Context(), s.first.GrantID); err != nil || last.Use != 1 {
		t.Errorf("what was received before is kept as the terms say: %v", err)
	}
	if _, err := s.consumer.Again(t.Context(), other.GrantID); err != nil {
		t.Errorf("another grant of the same person: %v", err)
	}
	if err := s.consumer.Forget(t.Context(), s.first.GrantID); err != nil {
		t.Error(err)
	}
}

// An answer that was lost is not fetched any more after the citizen's word.
func TestConsumerFetchesNothingAfterASignedWithdrawal(t *testing.T) {
	s := open(t)
	s.Break(sdktest.Fault{Path: "/agency/commits", Down: true})
	if err := s.again(t); err == nil {
		t.Fatal("a release without a commit")
	}
	s.Break(sdktest.Fault{})
	if err := s.consumer.Withdrawn(t.Context(), s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))); err != nil {
		t.Fatal(err)
	}
	before := s.state(t)
	refused(t, s.again(t), consumer, consent.CheckWithdrawal)
	if after := s.state(t); after != before {
		t.Errorf("loaded and released %v, before %v", after, before)
	}
}

func TestConsumerRefusesAnInventedWithdrawal(t *testing.T) {
	s := open(t)
	lee := s.MustCitizen("lee")
	lees := lee.MustRelease(s.consumer, s.Need(lee))
	mine := s.kim.MustReceipt(s.first.GrantID)
	good := s.kim.MustSignWithdrawal(mine)
	bent := func(bend func(*consent.SignedWithdrawal)) []byte {
		w := parse(t, good)
		bend(&w)
		raw, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	stranger := s.MustConsumer() // another journal, which holds no grant
	for _, c := range []struct {
		name   string
		at     *sdk.Consumer
		kind   string
		body   []byte
		status int
		check  string
	}{
		{"it refuses another person's signature", s.consumer, consent.WithdrawalType, lee.MustSignWithdrawal(mine), 403, consent.CheckWithdrawal},
		{"it refuses terms that nobody approved", s.consumer, consent.WithdrawalType, bent(func(w *consent.SignedWithdrawal) { w.Terms.GrantID = consent.GrantID(lees.GrantID) }), 403, consent.CheckWithdrawal},
		{"it refuses the approval's own signature", s.consumer, consent.WithdrawalType, bent(func(w *consent.SignedWithdrawal) { w.Assertion = w.Approval.Assertion }), 403, consent.CheckWithdrawal},
		{"it refuses a grant that it does not hold", stranger, consent.WithdrawalType, good, 404, consent.CheckWithdrawal},
		{"it refuses another form", s.consumer, "application/json", good, 415, "content type"},
		{"it refuses what is endless", s.consumer, consent.WithdrawalType, bytes.Repeat([]byte(" "), consent.MaxWithdrawal+1), 413, consent.CheckWithdrawal},
		{"it refuses nothing at all", s.consumer, consent.WithdrawalType, nil, 403, consent.CheckWithdrawal},
		{"it refuses a member that nobody knows", s.consumer, consent.WithdrawalType, []byte(`{"hostile":1}`), 403, consent.CheckWithdrawal},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := show(c.at, c.kind, c.body)
			var p struct{ Code, Check, Mender string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Check != c.check || p.Mender == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	if w := httptest.NewRecorder(); true {
		s.consumer.Withdrawals().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/withdrawals", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", w.Code)
		}
	}
	if err := s.again(t); err != nil {
		t.Errorf("an invented withdrawal ended the grant: %v", err)
	}
	if _, err := s.consumer.Again(t.Context(), lees.GrantID); err != nil {
		t.Errorf("an invented withdrawal ended another's grant: %v", err)
	}
}

// A withdrawal for another agency is not this one's.
func TestConsumerRefusesAnothersWithdrawal(t *testing.T) {
	s := open(t)
	other := s.MustConsumer(func(c *sdk.ConsumerConfig) { c.Keys = s.ProviderKeys() })
	refused(t, other.Withdrawn(t.Context(), s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))), "sdk", consent.CheckWithdrawal)
}

// Each write of it is lost, and kept but called lost: whoever shows it again is
// done, and what was acknowledged holds.
func TestConsumerWithdrawalWrites(t *testing.T) {
	for n := 1; ; n++ {
		done := false
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, kept %v", n, kept), func(t *testing.T) {
				s := newcomer(t)
				base := journal(t)
				s.consumer = s.MustConsumer(func(c *sdk.ConsumerConfig) { c.Journal = base })
				s.first = s.kim.MustRelease(s.consumer, s.Need(s.kim))
				signed := s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))
				breaker := sdktest.BreakWrite(base, n, kept)
				broken := s.MustConsumer(func(c *sdk.ConsumerConfig) { c.Journal = breaker })
				err := broken.Withdrawn(t.Context(), signed)
				if done = !breaker.Broken(); done {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				if !errors.Is(err, sdktest.ErrBroken) {
					t.Fatalf("acknowledged although the write broke: %v", err)
				}
				if err := s.consumer.Withdrawn(t.Context(), signed); err != nil {
					t.Fatal(err)
				}
				before := s.state(t)
				refused(t, s.again(t), consumer, consent.CheckWithdrawal)
				if after := s.state(t); after != before {
					t.Errorf("loaded and released %v, before %v", after, before)
				}
			})
		}
		if done {
			if n < 4 {
				t.Errorf("only %d writes", n-1)
			}
			return
		}
	}
}
