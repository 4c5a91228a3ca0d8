package consent_test

import (
	"encoding/json"
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
