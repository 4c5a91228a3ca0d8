package consent_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// approved is an approval whose passkey history is proved, and its terms.
func approved(t *testing.T) (*consenttest.World, consent.Approval, [32]byte) {
	t.Helper()
	w, passkey := world(t)
	r := w.Granted(t.Context(), ada, passkey)
	next, err := w.Ledger.NextUse(t.Context(), r.Grant, consenttest.Client)
	ok(t, "next use", err)
	digest, err := next.Terms.Digest()
	ok(t, "digest", err)
	a := next.Approval
	for i, record := range a.History {
		entry, err := consent.KeyEntry(record)
		ok(t, "entry", err)
		proof, err := w.Log.WaitProof(t.Context(), entry)
		ok(t, "proof", err)
		a.History[i].Proof = string(proof.Marshal())
	}
	return w, a, digest
}

func TestApproval(t *testing.T) {
	w, a, digest := approved(t)
	ok(t, "verify", a.Verify(digest, w.RP, w.Trust.Officers))
	ok(t, "included", a.Included(w.Trust.Log))
	closed, err := a.Closed()
	ok(t, "closed", err)
	a.History[0].Proof = "" // proofs grow with the log
	if again, err := a.Closed(); err != nil || again != closed {
		t.Errorf("it closes the proofs too: %v", err)
	}
}

func TestApprovalRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want, says string
		bend             func(a *consent.Approval)
	}{
		{"it refuses a short nonce", "approval", "nonce", func(a *consent.Approval) { a.Nonce = a.Nonce[:31] }},
		{"it refuses no digest", "approval", "0 digests", func(a *consent.Approval) { a.Digests = nil }},
		{"it refuses endless digests", "approval", "101 digests", func(a *consent.Approval) {
			for len(a.Digests) < 101 {
				a.Digests = append(a.Digests, a.Digests[0])
			}
		}},
		{"it refuses a stray digest", "approval", "digest 1", func(a *consent.Approval) { a.Digests = append(a.Digests, "x") }},
		{"it refuses other terms", "approval", "other terms", func(a *consent.Approval) { a.Digests = []string{consent.DigestOf("x")} }},
		{"it refuses terms that were not signed with these", approval.CheckChallenge, "", func(a *consent.Approval) { a.Digests = append(a.Digests, consent.DigestOf("x")) }},
		{"it refuses no history", approval.CheckHistory, "empty", func(a *consent.Approval) { a.History = nil }},
		{"it refuses a passkey that is not active", approval.CheckHistory, "not active", func(a *consent.Approval) { a.Key = "x" }},
		{"it refuses another signature", approval.CheckSignature, "", func(a *consent.Approval) { a.Assertion.Signature[9]++ }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, digest := approved(t)
			c.bend(&a)
			says(t, c.name, a.Verify(digest, w.RP, w.Trust.Officers), c.want, c.says)
		})
	}
}

func TestIncludedRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		bend       func(w *consenttest.World, r *approval.KeyRecord)
	}{
		{"it refuses no proof", "no proof", func(_ *consenttest.World, r *approval.KeyRecord) { r.Proof = "" }},
		{"it refuses what is no proof", "malformed", func(_ *consenttest.World, r *approval.KeyRecord) { r.Proof = "x" }},
		{"it refuses a short salt", "31 bytes", func(_ *consenttest.World, r *approval.KeyRecord) { r.Salt = r.Salt[:31] }},
		{"it refuses another salt", "not in the checkpoint", func(_ *consenttest.World, r *approval.KeyRecord) { r.Salt[0]++ }},
		{"it refuses another event", "not in the checkpoint", func(_ *consenttest.World, r *approval.KeyRecord) { r.Event.Seq++ }},
		{"it refuses another log", "known log", func(w *consenttest.World, _ *approval.KeyRecord) { w.Trust.Log = consenttest.New().Trust.Log }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, _ := approved(t)
			c.bend(w, &a.History[0])
			says(t, c.name, a.Included(w.Trust.Log), "passkey inclusion", c.says)
		})
	}
	t.Run("it closes nothing with a short salt", func(t *testing.T) {
		_, a, _ := approved(t)
		a.Salt = a.Salt[:31]
		_, err := a.Closed()
		check(t, "closed", err, "approval")
	})
}
