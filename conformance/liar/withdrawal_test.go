package liar_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// The citizen's own word ends a grant at the provider, at once, for good and also
// after a restart, before a first use too, while the hub says yes to everything.
func TestSignedWithdrawal(t *testing.T) {
	s := newcomer(t)
	to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
	if err != nil {
		t.Fatal(err)
	}
	query := s.kim.MustGrant(to)
	signed := s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.kim.Grants()[0]))
	for range 2 { // again does no harm
		w := post(s, consent.WithdrawalType, signed)
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	before := s.state(t)
	s.Lie(sdktest.ReleaseEndedGrant)
	_, err = s.consumer.Complete(t.Context(), to.State, query)
	refused(t, err, provider, consent.CheckWithdrawal)
	if sdk.Reason(err) != "withdrawn" {
		t.Errorf("the reason is %q", sdk.Reason(err))
	}
	if after := s.state(t); after != before {
		t.Errorf("loaded and released %v, before %v", after, before)
	}
}

// A released answer is not sent again after the citizen's word.
func TestSignedWithdrawalDropsTheCiphertext(t *testing.T) {
	s := open(t)
	other := s.kim.MustRelease(s.consumer, s.Need(s.kim))
	if err := s.provider.Withdrawn(t.Context(), s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))); err != nil {
		t.Fatal(err)
	}
	refused(t, s.again(t), provider, consent.CheckWithdrawal)
	if _, err := s.consumer.Again(t.Context(), other.GrantID); err != nil {
		t.Errorf("another grant of the same person: %v", err)
	}
}

// What was ready, and waited for a hub that did not answer, does not leave any more.
func TestSignedWithdrawalBetweenRecordAndCommit(t *testing.T) {
	s := open(t)
	s.Break(sdktest.Fault{Path: "/agency/commits", Down: true})
	if err := s.again(t); err == nil {
		t.Fatal("a release without a commit")
	}
	if err := s.provider.Withdrawn(t.Context(), s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))); err != nil {
		t.Fatal(err)
	}
	s.Break(sdktest.Fault{})
	before := s.state(t)
	refused(t, s.again(t), provider, consent.CheckWithdrawal)
	if after := s.state(t); after != before {
		t.Errorf("loaded and released %v, before %v", after, before)
	}
}

// A hub, or anybody, that invents a withdrawal is refused by name, and nothing ends.
func TestInventedWithdrawal(t *testing.T) {
	s := open(t)
	lee := s.MustCitizen("lee")
	lees := lee.MustRelease(s.consumer, s.Need(lee))
	mine, theirs := s.kim.MustReceipt(s.first.GrantID), lee.MustReceipt(lees.GrantID)
	for _, tt := range []struct {
		name string
		bend func(t *testing.T, w *consent.SignedWithdrawal)
	}{
		{"it refuses another person's passkey", func(t *testing.T, w *consent.SignedWithdrawal) {
			other := parse(t, lee.MustSignWithdrawal(mine))
			w.Key, w.Assertion = other.Key, other.Assertion
		}},
		{"it refuses another person's passkey under the right name", func(t *testing.T, w *consent.SignedWithdrawal) {
			w.Assertion = parse(t, lee.MustSignWithdrawal(mine)).Assertion
		}},
		{"it refuses another person's history", func(_ *testing.T, w *consent.SignedWithdrawal) {
			w.History = theirs.Approval.History
		}},
		{"it refuses a history without its beginning", func(_ *testing.T, w *consent.SignedWithdrawal) {
			w.History = w.Approval.History[:0:0]
			w.History = append(w.History, theirs.Approval.History...)
		}},
		{"it refuses the approval's own signature", func(_ *testing.T, w *consent.SignedWithdrawal) { w.Assertion = w.Approval.Assertion }},
		{"it refuses the signature over other terms", func(t *testing.T, w *consent.SignedWithdrawal) {
			second := s.kim.MustReceipt(s.kim.MustRelease(s.consumer, s.Need(s.kim)).GrantID)
			w.Assertion = parse(t, s.kim.MustSignWithdrawal(second)).Assertion
		}},
		{"it refuses terms that nobody approved", func(_ *testing.T, w *consent.SignedWithdrawal) { w.Terms.GrantID = "another" }},
		{"it refuses an approval of other terms", func(_ *testing.T, w *consent.SignedWithdrawal) { w.Approval = *theirs.Approval }},
		{"it refuses a passkey that is not there", func(_ *testing.T, w *consent.SignedWithdrawal) { w.Key = consent.DigestOf("x") }},
		{"it refuses no signature", func(_ *testing.T, w *consent.SignedWithdrawal) { w.Assertion.Signature = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := parse(t, s.kim.MustSignWithdrawal(mine))
			tt.bend(t, &w)
			raw, err := json.Marshal(w)
			if err != nil {
				t.Fatal(err)
			}
			answer := post(s, consent.WithdrawalType, raw)
			var p struct{ Code, Check, Mender string }
			if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || answer.Code != http.StatusForbidden || p.Check != consent.CheckWithdrawal {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
	}
	for name, raw := range map[string]string{"nothing": "", "a list": "[]", "no JSON": "\xff", "a member twice": `{"key":"a","key":"b"}`, "a member nobody knows": `{"hostile":1}`} {
		if answer := post(s, consent.WithdrawalType, []byte(raw)); answer.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
	if err := s.again(t); err != nil {
		t.Errorf("an invented withdrawal ended the grant: %v", err)
	}
}

// A withdrawal for another provider is not this one's.
func TestWithdrawalElsewhere(t *testing.T) {
	s := open(t)
	keys := s.ConsumerKeys() // an agency that is not the grant's provider
	keys.Encryption = s.ProviderKeys().Encryption
	other, err := sdk.NewProvider(sdk.ProviderConfig{Trust: s.Trust(), Keys: keys, Journal: journal(t), AllowLoopback: true,
		PromiseInterval: -1, DataSets: map[string]sdk.DataSet{"x": {Load: s.load}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	refused(t, other.Withdrawn(t.Context(), s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))), "sdk", consent.CheckWithdrawal)
}

func parse(t *testing.T, raw []byte) consent.SignedWithdrawal {
	t.Helper()
	w, err := consent.ParseWithdrawal(raw)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func post(s *scene, kind string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/release", bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.provider.ServeHTTP(w, r)
	return w
}

func journal(t *testing.T) sdk.Journal {
	t.Helper()
	j, err := sdk.OpenFileJournal(t.TempDir() + "/journal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}
