package receipt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// BenchmarkVerify reports what checking a receipt offline costs, as a number of
// bare ECDSA verifications on P-256, measured in the same run: of a citizen's
// copy with five events and two passkeys, and of the same with its anchor.
func BenchmarkVerify(b *testing.B) {
	w, id := story(b)
	channel := endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP")
	a := &anchors{world: w, channel: channel}
	r, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: a}.ForCitizen(b.Context(), id, ada)
	ok(b, "assemble", err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(b, "key", err)
	digest := sha256.Sum256(nil)
	signature := endorsementtest.Sign(key, nil, false)
	for name, options := range map[string][]receipt.Option{"receipt": nil, "anchored": {receipt.WithFabric(channel.Trust())}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if report := receipt.Verify(r, w.Trust, options...); !report.OK() {
					b.Fatal(report.Failed())
				}
			}
			spent, began := b.Elapsed(), time.Now()
			for range b.N {
				if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
					b.Fatal("the floor fails")
				}
			}
			b.ReportMetric(float64(spent)/float64(time.Since(began)), "ecdsa-verifications")
		})
	}
}
