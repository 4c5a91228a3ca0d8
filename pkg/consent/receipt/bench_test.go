package receipt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// BenchmarkVerify reports what checking a citizen's copy offline costs, with five
// events and two passkeys: as a number of bare ECDSA verifications on P-256, and
// times the signatures that it has to verify, each once. Both are CPU time of the
// whole process, measured in turns.
//
//   - receipt: with a Verifier of its own and a trust that never was used, so that
//     every chain and every checkpoint is checked
//   - file: the same, read from its text
//   - stranger: with a Verifier that has seen another citizen's receipt
//   - again: with a Verifier that has seen another receipt of the same citizen
//   - anchored: receipt, with its anchor of two organisations
func BenchmarkVerify(b *testing.B) {
	w, id, passkey := storyWith(b)
	other := "resident-02"
	first := grantOf(b, w, other, w.People.Enrol(other))
	second := grantOf(b, w, ada, passkey)
	channel := endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP")
	a := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: &anchors{world: w, channel: channel}}
	own, err := a.ForCitizen(b.Context(), id, ada)
	ok(b, "assemble", err)
	sibling, err := a.ForCitizen(b.Context(), second, ada)
	ok(b, "assemble", err)
	strangers, err := a.ForCitizen(b.Context(), first, other)
	ok(b, "assemble", err)
	raw, err := json.Marshal(own)
	ok(b, "marshal", err)
	cold := func(options ...receipt.Option) *receipt.Verifier {
		trust, err := w.Files.Trust()
		ok(b, "trust", err)
		return receipt.NewVerifier(trust, options...)
	}
	after := func(r receipt.Receipt) *receipt.Verifier {
		v := cold()
		v.Verify(r)
		return v
	}
	kept := after(sibling)
	const objects, chains, orders, history, log = 5, 2, 2, 1, 4 // request, commit, countersignature, record, assertion
	for _, c := range []struct {
		name      string
		ecdsa, ed int
		verifier  func() *receipt.Verifier
		text      bool
	}{
		{"receipt", objects + chains + orders + history, log, func() *receipt.Verifier { return cold() }, false},
		{"file", objects + chains + orders + history, log, func() *receipt.Verifier { return cold() }, true},
		{"stranger", objects + orders + history, 0, func() *receipt.Verifier { return after(strangers) }, false},
		{"again", objects, 0, func() *receipt.Verifier { return kept }, false},
		{"anchored", objects + chains + orders + history + 4, log, func() *receipt.Verifier { return cold(receipt.WithFabric(channel.Trust())) }, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := newFloor(b)
			var spent, floor, one time.Duration
			for b.Loop() {
				v := c.verifier()
				began := cpu()
				r := own
				if c.text {
					r, err = receipt.Parse(raw)
					ok(b, "parse", err)
				}
				report := v.Verify(r)
				checked := cpu()
				f.ecdsa(c.ecdsa)
				raw := cpu()
				f.ed25519(c.ed)
				spent, one, floor = spent+checked-began, one+raw-checked, floor+cpu()-checked
				if !report.OK() {
					b.Fatal(report.Failed())
				}
			}
			b.ReportMetric(float64(spent)/float64(one)*float64(c.ecdsa), "ecdsa-verifications")
			b.ReportMetric(float64(spent)/float64(floor), "x-own-signatures")
		})
	}
}

// grantOf walks one more grant through a use and its countersignature.
func grantOf(t testing.TB, w *consenttest.World, citizen string, passkey *consenttest.Passkey) consent.GrantID {
	t.Helper()
	r := w.Granted(t.Context(), citizen, passkey)
	commit := w.Commit(r, 1, nil)
	_, err := w.Ledger.Use(t.Context(), commit)
	ok(t, "use", err)
	_, err = w.Ledger.Received(t.Context(), w.Received(r, 1, commit, nil))
	ok(t, "received", err)
	return r.Grant
}

// floor verifies bare signatures.
type floor struct {
	b         *testing.B
	key       *ecdsa.PrivateKey
	edwards   ed25519.PublicKey
	digest    [32]byte
	one, note []byte
}

func newFloor(b *testing.B) floor {
	f := floor{b: b, key: consenttest.NewKey(), digest: sha256.Sum256(nil)}
	f.one = endorsementtest.Sign(f.key, nil, false)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ok(b, "key", err)
	f.edwards, f.note = public, ed25519.Sign(private, f.digest[:])
	return f
}

func (f floor) ecdsa(n int) {
	for range n {
		if !ecdsa.VerifyASN1(&f.key.PublicKey, f.digest[:], f.one) {
			f.b.Fatal("the floor fails")
		}
	}
}

func (f floor) ed25519(n int) {
	for range n {
		if !ed25519.Verify(f.edwards, f.digest[:], f.note) {
			f.b.Fatal("the floor fails")
		}
	}
}

// cpu is the time that this process has had of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
