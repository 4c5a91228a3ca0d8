package issuance_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

func collect(id string) string { return `{"transaction_id":"` + id + `"}` }

// later asks for a deferred card of n copies for kim, and answers its transaction_id.
func (w *world) later(t *testing.T, proofs []string) string {
	t.Helper()
	a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, proofs...))
	var r openid4vci.CredentialResponse
	if err := json.Unmarshal(a.body, &r); err != nil || a.status != 202 || r.TransactionID == "" || r.Interval <= 0 || r.Credentials != nil || r.NotificationID != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("it lets a transaction_id be cached")
	}
	return r.TransactionID
}

func deferring(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.Deferred = []string{credential.ConfigResidentCard}
	return w
}

//clause:issuer 9: 202 with transaction_id and interval, the same id again, invalid_transaction_id, over after pick-up; whatever dies, one credential for one order
func TestDeferred(t *testing.T) {
	w := deferring(t)
	proofs := w.holders(t, 3)
	id := w.later(t, proofs)
	ask := func(citizen, body string) answer {
		return w.do(t, "POST", "/credential-deferred", citizen, "application/json", body)
	}
	t.Run("it answers with the same transaction_id while it waits", func(t *testing.T) {
		for range 2 {
			var r openid4vci.CredentialResponse
			if a := ask("kim", collect(id)); a.status != 202 || json.Unmarshal(a.body, &r) != nil || r.TransactionID != id || r.Interval <= 0 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	})
	t.Run("it gives nothing before", func(t *testing.T) {
		if n := w.count(t); n != 0 {
			t.Errorf("%d issued", n)
		}
	})
	for _, c := range []struct{ name, citizen, body, code string }{
		{"it refuses an unknown transaction_id", "kim", collect("x"), "invalid_transaction_id"},
		{"it refuses one that no row can hold", "kim", `{"transaction_id":"a\u0000b"}`, "invalid_transaction_id"},
		{"it refuses one cut short", "kim", collect(id[:20]), "invalid_transaction_id"},
		{"it refuses another citizen's", "lee", collect(id), "invalid_transaction_id"},
		{"it refuses none", "kim", `{}`, "invalid_credential_request"},
		{"it refuses an empty one", "kim", collect(""), "invalid_credential_request"},
		{"it refuses two", "kim", `{"transaction_id":"a","transaction_id":"b"}`, "invalid_credential_request"},
		{"it refuses a number", "kim", `{"transaction_id":7}`, "invalid_credential_request"},
		{"it refuses what is no JSON", "kim", `{`, "invalid_credential_request"},
		{"it refuses what follows", "kim", collect(id) + "x", "invalid_credential_request"},
		{"it refuses a plain wish for encryption", "kim", `{"transaction_id":"` + id + `","credential_response_encryption":{}}`, "invalid_encryption_parameters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := ask(c.citizen, c.body); a.status != 400 || code(t, a) != c.code || w.count(t) != 0 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	t.Run("it asks for a token", func(t *testing.T) {
		if a := ask("", collect(id)); a.status != 401 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it asks for a token that is good for this card", func(t *testing.T) {
		w.gate.scopes = []string{"openid"}
		defer func() { w.gate.scopes = []string{credential.ScopeResidentCard} }()
		if a := ask("kim", collect(id)); a.status != 403 || code(t, a) != "insufficient_scope" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it takes JSON alone", func(t *testing.T) {
		if a := w.do(t, "POST", "/credential-deferred", "kim", "text/plain", collect(id)); a.status != 415 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	if err := w.Deferrals.Approve(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	t.Run("it issues what was approved, for the keys that were proven", func(t *testing.T) {
		a := ask("kim", collect(id))
		var r openid4vci.CredentialResponse
		if err := json.Unmarshal(a.body, &r); err != nil || a.status != 200 || len(r.Credentials) != 3 || r.NotificationID == "" || r.TransactionID != "" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a := w.do(t, "POST", "/notification", "kim", "application/json", `{"notification_id":"`+r.NotificationID+`","event":"credential_accepted"}`); a.status != 204 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it ends a transaction_id that was used", func(t *testing.T) {
		if a := ask("kim", collect(id)); a.status != 400 || code(t, a) != "invalid_transaction_id" || w.count(t) != 3 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

//clause:issuer 9: 202 with transaction_id and interval, the same id again, invalid_transaction_id, over after pick-up; whatever dies, one credential for one order
func TestDeferredDecisions(t *testing.T) {
	w := deferring(t)
	ctx := t.Context()
	approved, refused := w.later(t, w.holders(t, 1)), w.later(t, w.holders(t, 1))
	for name, err := range map[string]error{
		"it refuses for a reason of the list alone": w.Deferrals.Refuse(ctx, refused, "mood"),
		"it refuses for some reason":                w.Deferrals.Refuse(ctx, refused, ""),
	} {
		if !errors.Is(err, credential.ErrReason) {
			t.Errorf("%s: %v", name, err)
		}
	}
	waiting, err := w.Deferrals.Waiting(ctx)
	if err != nil || len(waiting) != 2 || waiting[0].ID != approved && waiting[1].ID != approved {
		t.Errorf("%+v %v", waiting, err)
	}
	for range 2 { // a decision twice is one
		if err := errors.Join(w.Deferrals.Approve(ctx, approved), w.Deferrals.Refuse(ctx, refused, "register")); err != nil {
			t.Error(err)
		}
	}
	for name, err := range map[string]error{
		"it approves nothing that was refused": w.Deferrals.Approve(ctx, refused),
		"it refuses nothing that was approved": w.Deferrals.Refuse(ctx, approved, "register"),
		"it refuses for one reason":            w.Deferrals.Refuse(ctx, refused, "law"),
		"it decides on nothing unknown":        w.Deferrals.Approve(ctx, "x"),
		"it delivers nothing before its time":  w.Deferrals.Delivered(ctx, approved),
	} {
		if !errors.Is(err, credential.ErrDeferral) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mine, err := w.Deferrals.Of(ctx, "kim")
	if err != nil || len(mine) != 2 {
		t.Errorf("%+v %v", mine, err)
	}
	a := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(refused))
	if a.status != 400 || code(t, a) != "credential_request_denied" || w.count(t) != 0 || strings.Contains(string(a.body), "register") {
		t.Errorf("what was refused: %d %s", a.status, a.body)
	}
	w.now = w.now.Add(credential.DeferralLife)
	a = w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(approved))
	if a.status != 400 || code(t, a) != "invalid_transaction_id" || w.count(t) != 0 {
		t.Errorf("what is too old: %d %s", a.status, a.body)
	}
	if err := w.Deferrals.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	fresh := w.later(t, w.holders(t, 1))
	if err := errors.Join(w.Deferrals.Approve(ctx, fresh), w.Deferrals.End(ctx, "kim")); err != nil {
		t.Fatal(err)
	}
	a = w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(fresh))
	if a.status != 400 || code(t, a) != "invalid_transaction_id" || w.count(t) != 0 {
		t.Errorf("what a lost phone had asked for: %d %s", a.status, a.body)
	}
}

// A wallet that asks again for the same keys finds what it asked for before.
//
//clause:issuer 9: 202 with transaction_id and interval, the same id again, invalid_transaction_id, over after pick-up; whatever dies, one credential for one order
func TestDeferredOnce(t *testing.T) {
	w := deferring(t)
	first, second := newKey(t), newKey(t)
	proofs := func() []string {
		nonce := w.freshNonce(t)
		return []string{w.proof(t, first, nonce, nil), w.proof(t, second, nonce, nil)}
	}
	id := w.later(t, proofs())
	if again := w.later(t, proofs()); again != id {
		t.Error("the same order waits twice")
	}
	if other := w.later(t, w.holders(t, 2)); other == id {
		t.Error("orders for other keys are one")
	}
	if err := w.Deferrals.Approve(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(id)) })
	}
	wait.Wait()
	if n := w.count(t); n != 2 {
		t.Errorf("%d credentials came of two keys", n)
	}
}

func TestDeferredMeanwhile(t *testing.T) {
	collectAs := func(t *testing.T, w *world, id, want string) {
		t.Helper()
		if a := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(id)); a.status != 400 || code(t, a) != want || w.count(t) != 0 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	t.Run("it denies a kind that is no longer given", func(t *testing.T) {
		w := deferring(t)
		o := w.order(t)
		o.Config, o.Holders = "gone", []jose.JSONWebKey{o.Holder}
		d, err := w.Deferrals.Begin(t.Context(), o, "")
		if err != nil {
			t.Fatal(err)
		}
		collectAs(t, w, d.ID, "credential_request_denied")
	})
	t.Run("it denies whom the register no longer knows", func(t *testing.T) {
		w := deferring(t)
		id := w.later(t, w.holders(t, 1))
		if err := w.Deferrals.Approve(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		delete(w.Residents.(residents), "kim")
		collectAs(t, w, id, "credential_request_denied")
	})
	t.Run("it issues nothing that was ended while it was fetched", func(t *testing.T) {
		w, s := withSpy(t)
		w.Deferred = []string{credential.ConfigResidentCard}
		id := w.later(t, w.holders(t, 1))
		if err := w.Deferrals.Approve(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.before = func(c credential.Commit) error {
			if c.Deferral == nil {
				return nil
			}
			return w.Deferrals.End(context.Background(), "kim")
		}
		collectAs(t, w, id, "invalid_transaction_id")
	})
}

// TestDeferredFaults breaks each write on the way of a deferred credential, in both
// ways. Whatever died, the wallet and the operator ask again and there is one
// credential, for one order, and nothing before it was approved.
//
//clause:issuer 9: 202 with transaction_id and interval, the same id again, invalid_transaction_id, over after pick-up; whatever dies, one credential for one order
func TestDeferredFaults(t *testing.T) {
	steps := []string{"AddDeferral", "UpdateDeferral approve", "Commit", "UpdateDeferral deliver", "EndDeferrals", "UpdateDeferral refuse"}
	for _, kept := range []bool{false, true} {
		for _, step := range steps[:4] {
			name := map[bool]string{false: "it survives a lost ", true: "it survives a kept "}[kept] + step
			t.Run(name, func(t *testing.T) {
				w := deferring(t)
				f := &deferringFault{Credentials: w.db.Credentials(), kept: kept}
				w.Issuer.Store, w.Deferrals.Store = f, f
				key := newKey(t)
				ask := func() answer {
					return w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, w.proof(t, key, w.freshNonce(t), nil)))
				}
				f.next = step
				a := ask()
				if step == "AddDeferral" {
					if a.status < 500 {
						t.Fatalf("%d %s", a.status, a.body)
					}
					a = ask()
				}
				var r openid4vci.CredentialResponse
				if err := json.Unmarshal(a.body, &r); err != nil || a.status != 202 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				if waiting, err := w.Deferrals.Waiting(t.Context()); err != nil || len(waiting) != 1 {
					t.Errorf("%d wait, %v", len(waiting), err)
				}
				if err := w.Deferrals.Approve(t.Context(), r.TransactionID); step == "UpdateDeferral approve" {
					if !errors.Is(err, errDisk) {
						t.Fatal(err)
					}
					if err := w.Deferrals.Approve(t.Context(), r.TransactionID); err != nil {
						t.Fatal(err)
					}
				}
				var got answer
				for range 3 {
					if got = w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(r.TransactionID)); got.status < 500 {
						break
					}
				}
				if got.status != 200 || w.count(t) != 1 {
					t.Fatalf("%d %s, %d issued", got.status, got.body, w.count(t))
				}
				again := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(r.TransactionID))
				if lost := step == "UpdateDeferral deliver" && !kept; lost != (again.status == 200) || w.count(t) != 1 {
					t.Errorf("afterwards: %d %s, %d issued", again.status, again.body, w.count(t))
				}
				last := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(r.TransactionID))
				if last.status != 400 || code(t, last) != "invalid_transaction_id" {
					t.Errorf("at last: %d %s", last.status, last.body)
				}
			})
		}
		for _, step := range steps[4:] {
			t.Run(map[bool]string{false: "it says so of a lost ", true: "it says so of a kept "}[kept]+step, func(t *testing.T) {
				w := deferring(t)
				f := &deferringFault{Credentials: w.db.Credentials(), kept: kept}
				w.Deferrals.Store = f
				id := w.later(t, w.holders(t, 1))
				act := func() error { return w.Deferrals.End(t.Context(), "kim") }
				if step == "UpdateDeferral refuse" {
					act = func() error { return w.Deferrals.Refuse(t.Context(), id, "law") }
				}
				f.next = step
				if err := act(); !errors.Is(err, errDisk) {
					t.Fatal(err)
				}
				if err := act(); err != nil {
					t.Errorf("again: %v", err)
				}
				a := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(id))
				if a.status != 400 || w.count(t) != 0 {
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
	}
	figure.Hold(t, "faults-deferred", len(steps), "writes of deferred issuance, each lost, and kept but called lost")
}

// deferringFault is the real store of which the write called next is lost, or kept
// although it fails, once.
type deferringFault struct {
	*store.Credentials
	mu   sync.Mutex
	next string
	kept bool
}

func (f *deferringFault) do(step string, write func() error) error {
	f.mu.Lock()
	broken := f.next == step
	if broken {
		f.next = ""
	}
	f.mu.Unlock()
	if broken && !f.kept {
		return errDisk
	}
	err := write()
	if broken && err == nil {
		return errDisk
	}
	return err
}

func (f *deferringFault) AddDeferral(ctx context.Context, d credential.Deferral) error {
	return f.do("AddDeferral", func() error { return f.Credentials.AddDeferral(ctx, d) })
}

func (f *deferringFault) UpdateDeferral(ctx context.Context, d credential.Deferral) error {
	step := map[credential.DeferralState]string{credential.DeferralApproved: "approve", credential.DeferralRefused: "refuse", credential.DeferralDelivered: "deliver"}[d.State]
	return f.do("UpdateDeferral "+step, func() error { return f.Credentials.UpdateDeferral(ctx, d) })
}

func (f *deferringFault) EndDeferrals(ctx context.Context, citizen string) error {
	return f.do("EndDeferrals", func() error { return f.Credentials.EndDeferrals(ctx, citizen) })
}

func (f *deferringFault) Commit(ctx context.Context, c credential.Commit) error {
	if c.Deferral == nil {
		return f.Credentials.Commit(ctx, c)
	}
	return f.do("Commit", func() error { return f.Credentials.Commit(ctx, c) })
}
