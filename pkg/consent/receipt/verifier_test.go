package receipt_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// TestVerifierRemembers: a Verifier that has seen all of a receipt before says of
// a changed one what a new Verifier says of it, check by check; and what it found
// good is good for no other trust.
func TestVerifierRemembers(t *testing.T) {
	w, id, passkey := storyWith(t)
	sibling, err := assembler(w).ForCitizen(t.Context(), grantOf(t, w, ada, passkey), ada)
	ok(t, "assemble", err)
	raw, err := json.Marshal(citizens(t, w, id))
	ok(t, "marshal", err)
	v := receipt.NewVerifier(w.Trust)
	read := func() receipt.Receipt {
		r, err := receipt.Parse(raw)
		ok(t, "parse", err)
		return r
	}
	for _, r := range []receipt.Receipt{read(), sibling, read()} {
		if report := v.Verify(r); !report.OK() {
			t.Fatalf("failed: %+v", report.Failed())
		}
	}
	flip := func(b approval.Bytes) approval.Bytes {
		b = slices.Clone(b)
		b[len(b)-1] ^= 1
		return b
	}
	swap := func(s, from, to string) string {
		if !strings.Contains(s, from) {
			t.Fatalf("no %q in it", from)
		}
		return strings.Replace(s, from, to, 1)
	}
	tail := func(s string) string { // another byte in a cosignature
		at := len(s) - 8
		return s[:at] + map[bool]string{true: "B", false: "A"}[s[at] == 'A'] + s[at+1:]
	}
	for _, c := range []struct {
		name, fails string
		bend        func(*receipt.Receipt)
	}{
		{"it checks a changed passkey assertion of the history", "passkey history", func(r *receipt.Receipt) {
			changed := *r.Approval.History[1].Event.By.Assertion
			changed.Signature = flip(changed.Signature)
			r.Approval.History[1].Event.By.Assertion = &changed
		}},
		{"it checks a changed order of officers", "passkey history", func(r *receipt.Receipt) {
			r.Approval.History[0].Event.By.Orders = slices.Clone(r.Approval.History[0].Event.By.Orders)
			r.Approval.History[0].Event.By.Orders[1] = r.Approval.History[0].Event.By.Orders[0]
		}},
		{"it checks a shorter history", "citizen's assertion", func(r *receipt.Receipt) { r.Approval.History = r.Approval.History[:1] }},
		{"it checks a history in another order", "passkey history", func(r *receipt.Receipt) {
			r.Approval.History = []approval.KeyRecord{r.Approval.History[1], r.Approval.History[0]}
		}},
		{"it checks the place of a remembered passkey event", "passkey history in the log", func(r *receipt.Receipt) {
			r.Approval.History[0].Salt = flip(r.Approval.History[0].Salt)
		}},
		{"it checks a changed cosignature", "event 1 (requested) in the log", func(r *receipt.Receipt) {
			r.Events[0].Proof = tail(r.Events[0].Proof)
		}},
		{"it checks a changed size of a checkpoint", "event 1 (requested) in the log", func(r *receipt.Receipt) {
			proof, note, _ := strings.Cut(r.Events[0].Proof, "\n\n")
			lines := strings.SplitN(note, "\n", 3)
			r.Events[0].Proof = proof + "\n\n" + lines[0] + "\n" + lines[1] + "0\n" + lines[2]
		}},
		{"it checks another place under a remembered checkpoint", "event 1 (requested) in the log", func(r *receipt.Receipt) {
			r.Events[0].Proof, r.Events[1].Proof = r.Events[1].Proof, r.Events[0].Proof
		}},
		{"it checks a changed request under a remembered chain", "request signature", func(r *receipt.Receipt) {
			parts := strings.Split(r.Request, ".")
			parts[1] = strings.Split(sibling.Request, ".")[1]
			r.Request = strings.Join(parts, ".")
		}},
		{"it checks a changed commit under a remembered chain", "commit of use 1", func(r *receipt.Receipt) {
			r.Commits = []string{sibling.Commits[0]}
		}},
		{"it checks the record", "hub record", func(r *receipt.Receipt) { r.Record = sibling.Record }},
		{"it checks changed terms", "hub record", func(r *receipt.Receipt) { r.Terms.Purpose.Text = swap(r.Terms.Purpose.Text, r.Terms.Purpose.Text, "x") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := read()
			c.bend(&r)
			report := v.Verify(r)
			if !slices.ContainsFunc(report.Failed(), func(f receipt.Check) bool { return f.Name == c.fails }) {
				t.Errorf("failed: %s", failed(report))
			}
			if anew := receipt.Verify(r, w.Trust); !slices.Equal(report.Checks, anew.Checks) {
				t.Errorf("it says\n%+v\ninstead of\n%+v", report.Checks, anew.Checks)
			}
			if report := v.Verify(read()); !report.OK() {
				t.Errorf("afterwards the good one fails: %+v", report.Failed())
			}
		})
	}
	t.Run("it knows its own trust alone", func(t *testing.T) { foreign(t, w.Trust, read()) })
	t.Run("it does not follow later changes of the trust's lists", func(t *testing.T) {
		trust := w.Trust
		trust.Officers, trust.HubKeys.Keys = slices.Clone(trust.Officers), slices.Clone(trust.HubKeys.Keys)
		v := receipt.NewVerifier(trust)
		trust.Officers[0], trust.HubKeys.Keys[0] = trust.Officers[1], trust.Officers[1]
		if report := v.Verify(read()); !report.OK() {
			t.Errorf("failed: %+v", report.Failed())
		}
	})
	t.Run("it is asked by many at once", func(t *testing.T) {
		v := receipt.NewVerifier(w.Trust)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 5 {
					if report := v.Verify(read()); !report.OK() {
						t.Errorf("failed: %+v", report.Failed())
					}
				}
			})
		}
		all.Wait()
	})
}

// foreign: with any one part of another hub's trust, what was good is not.
func foreign(t *testing.T, trust consent.Trust, r receipt.Receipt) {
	t.Helper()
	other, _ := story(t)
	for name, bend := range map[string]func(*consent.Trust){
		"request signature":              func(c *consent.Trust) { c.AgencyRoots = other.Trust.AgencyRoots },
		"passkey history":                func(c *consent.Trust) { c.Officers = other.Trust.Officers },
		"citizen's assertion":            func(c *consent.Trust) { c.RP.Origin = "https://other.example" },
		"event 1 (requested) in the log": func(c *consent.Trust) { c.Log = other.Trust.Log },
		"hub record":                     func(c *consent.Trust) { c.HubKeys = other.Trust.HubKeys },
	} {
		bent := trust
		bend(&bent)
		v := receipt.NewVerifier(bent)
		for range 2 {
			if report := v.Verify(r); !strings.Contains(", "+failed(report)+",", ", "+name+",") {
				t.Errorf("%s: failed: %s", name, failed(report))
			}
		}
	}
}
