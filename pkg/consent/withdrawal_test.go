package consent_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// withdrawn is what a person holds to withdraw with: the terms and the approval.
func withdrawn(t testing.TB, w *consenttest.World, passkey *consenttest.Passkey) consent.SignedWithdrawal {
	t.Helper()
	r := w.Granted(t.Context(), "resident-01", passkey)
	_, events, err := w.Store.History(t.Context(), r.Grant)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == consent.KindGranted {
			return consent.SignedWithdrawal{Terms: *e.Evidence.Terms, Approval: *e.Evidence.Approval}
		}
	}
	t.Fatal("it was not granted")
	return consent.SignedWithdrawal{}
}

func sign(t testing.TB, s consent.SignedWithdrawal, passkey *consenttest.Passkey) consent.SignedWithdrawal {
	t.Helper()
	digest, err := s.Terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.Key, s.Assertion = passkey.JWK().KeyID, passkey.Sign(consent.WithdrawalChallenge(digest))
	return s
}

// A phone that came after the approval withdraws, by the history that has grown; one
// that is gone does not.
func TestWithdrawalByALaterPasskey(t *testing.T) {
	w := consenttest.New()
	old, next := w.People.Enrol("resident-01"), consenttest.NewPasskey(w.RP)
	held := withdrawn(t, w, old)
	if err := sign(t, held, old).Verify(w.RP, w.Trust.Officers); err != nil {
		t.Errorf("the passkey that approved: %v", err)
	}
	w.People.Change("resident-01", approval.OpAdd, next, old)
	if err := sign(t, held, next).Verify(w.RP, w.Trust.Officers); err == nil {
		t.Error("it takes a passkey that no history explains")
	}
	w.People.Change("resident-01", approval.OpRemove, old, next)
	var err error
	if held.History, err = w.People.History(t.Context(), "resident-01"); err != nil {
		t.Fatal(err)
	}
	if err := sign(t, held, next).Verify(w.RP, w.Trust.Officers); err != nil {
		t.Errorf("the later passkey: %v", err)
	}
	if err := sign(t, held, old).Verify(w.RP, w.Trust.Officers); err == nil {
		t.Error("it takes the passkey that is gone")
	}
	held.History = held.History[:1:1]
	held.Approval.History = append(held.Approval.History, held.Approval.History[0])
	if err := sign(t, held, old).Verify(w.RP, w.Trust.Officers); err == nil {
		t.Error("it takes a history that is shorter than the approval's")
	}
}

func TestWithdrawalRefuses(t *testing.T) {
	w := consenttest.New()
	passkey := w.People.Enrol("resident-01")
	held := withdrawn(t, w, passkey)
	other := withdrawn(t, w, passkey)
	lee := w.People.Enrol("resident-02")
	theirs, err := w.People.History(t.Context(), "resident-02")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		bend func(s *consent.SignedWithdrawal)
	}{
		{"it refuses terms that were not approved", func(s *consent.SignedWithdrawal) { s.Approval = other.Approval }},
		{"it refuses another history", func(s *consent.SignedWithdrawal) { s.History = theirs }},
		{"it refuses another person's passkey with that person's own history", func(s *consent.SignedWithdrawal) {
			*s = sign(t, *s, lee)
			s.History = theirs
		}},
		{"it refuses a passkey that is not there", func(s *consent.SignedWithdrawal) { s.Key = consent.DigestOf("x") }},
		{"it refuses a signature over other terms", func(s *consent.SignedWithdrawal) { s.Assertion = sign(t, other, passkey).Assertion }},
		{"it refuses a history that does not hold", func(s *consent.SignedWithdrawal) {
			s.History = slices.Concat(s.Approval.History[:1], theirs[:1])
		}},
		{"it refuses a history of a shape that no digest takes", func(s *consent.SignedWithdrawal) {
			s.History = append([]approval.KeyRecord{{}}, s.Approval.History...)
		}},
	} {
		s := sign(t, held, passkey)
		tt.bend(&s)
		if err := s.Verify(w.RP, w.Trust.Officers); err == nil {
			t.Errorf("%s: it is taken", tt.name)
		}
	}
	w.People.Change("resident-01", approval.OpAdd, consenttest.NewPasskey(w.RP), passkey)
	longer := sign(t, withdrawn(t, w, passkey), passkey)
	if longer.History = longer.Approval.History[:1:1]; longer.Verify(w.RP, w.Trust.Officers) == nil {
		t.Error("it takes a history that is shorter than the approval's")
	}
	for _, raw := range []string{"", "[]", `{"hostile":1}`, `{"key":"a","key":"b"}`} {
		if _, err := consent.ParseWithdrawal([]byte(raw)); err == nil {
			t.Errorf("%q is taken", raw)
		}
	}
}

// The ledger takes a signature of the citizen's own alone, for their own grant.
func TestWithdrawSigned(t *testing.T) {
	w := consenttest.New()
	kim, lee := w.People.Enrol("resident-01"), w.People.Enrol("resident-02")
	r := w.Granted(t.Context(), "resident-01", kim)
	challenge, err := w.Ledger.WithdrawalToSign(t.Context(), r.Grant, "resident-01")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.WithdrawalToSign(t.Context(), r.Grant, "resident-02"); err == nil {
		t.Error("it asks another citizen to sign")
	}
	if _, err := w.Ledger.WithdrawSigned(t.Context(), r.Grant, "resident-01", lee.Sign(challenge)); err == nil {
		t.Error("it takes another's passkey")
	}
	if _, err := w.Ledger.WithdrawSigned(t.Context(), r.Grant, "resident-01", kim.Sign([32]byte{1})); err == nil {
		t.Error("it takes a signature for another thing")
	}
	if _, err := w.Ledger.WithdrawSigned(t.Context(), r.Grant, "resident-02", lee.Sign(challenge)); err == nil {
		t.Error("it takes another's grant")
	}
	if _, err := w.Ledger.SignedWithdrawal(t.Context(), r.Grant, "resident-01"); err == nil {
		t.Error("it has a signature that nobody made")
	}
	waiting, err := w.Ledger.Request(t.Context(), w.Request("resident-01", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.WithdrawalToSign(t.Context(), waiting.Grant, "resident-01"); !errors.Is(err, consent.ErrPending) {
		t.Errorf("before a decision: %v", err)
	}
	if _, err := w.Ledger.WithdrawSigned(t.Context(), waiting.Grant, "resident-01", kim.Sign(challenge)); !errors.Is(err, consent.ErrPending) {
		t.Errorf("before a decision: %v", err)
	}
	if _, err := w.Ledger.SignedWithdrawal(t.Context(), waiting.Grant, "resident-01"); !errors.Is(err, consent.ErrPending) {
		t.Errorf("before a decision: %v", err)
	}
	done, err := w.Ledger.WithdrawSigned(t.Context(), r.Grant, "resident-01", kim.Sign(challenge))
	if err != nil || done.State != consent.StateWithdrawn {
		t.Fatalf("%s %v", done.State, err)
	}
	if _, err := w.Ledger.SignedWithdrawal(t.Context(), r.Grant, "resident-02"); err == nil {
		t.Error("another citizen gets the file")
	}
	file, err := w.Ledger.SignedWithdrawal(t.Context(), r.Grant, "resident-01")
	if err != nil || file.Verify(w.RP, w.Trust.Officers) != nil {
		t.Errorf("the file: %v", err)
	}
}

// An approval is no withdrawal, and a withdrawal no approval.
func TestWithdrawalChallenge(t *testing.T) {
	if consent.WithdrawalChallenge([32]byte{1}) == consent.WithdrawalChallenge([32]byte{2}) ||
		consent.WithdrawalChallenge([32]byte{1}) == approval.Challenge([][32]byte{{1}}, [32]byte{}) {
		t.Error("two things have one challenge")
	}
}

func FuzzWithdrawal(f *testing.F) {
	w := consenttest.New()
	passkey := w.People.Enrol("resident-01")
	good, err := json.Marshal(sign(f, withdrawn(f, w, passkey), passkey))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), "", "{}", "[]", `{"terms":{},"approval":{"digests":["x"]},"key":"a"}`, `{"history":[{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := consent.ParseWithdrawal(raw)
		if err != nil {
			return
		}
		sum, err := s.Terms.Digest()
		if err == nil && s.Verify(w.RP, w.Trust.Officers) == nil && consent.Encode(sum[:]) != s.Approval.Digests[0] {
			t.Error("a withdrawal of what was not approved")
		}
	})
}
