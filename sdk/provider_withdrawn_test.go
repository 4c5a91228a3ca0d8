package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// signedBy is a withdrawal of terms that a person approved on a page of their own.
func (f *fixture) signedBy(who string, passkey *consenttest.Passkey, terms consent.Terms) []byte {
	f.Helper()
	history, err := f.world.People.History(context.Background(), who)
	if err != nil {
		f.Fatal(err)
	}
	digest, err := terms.Digest()
	if err != nil {
		f.Fatal(err)
	}
	var nonce [32]byte
	w := consent.SignedWithdrawal{Terms: terms, Key: passkey.JWK().KeyID, Assertion: passkey.Sign(consent.WithdrawalChallenge(digest)),
		Approval: consent.Approval{Assertion: passkey.Sign(approval.Challenge([][32]byte{digest}, nonce)), Key: passkey.JWK().KeyID,
			Nonce: nonce[:], Digests: []string{consent.Encode(digest[:])}, History: history, Salt: make([]byte, 32)}}
	raw, err := json.Marshal(w)
	if err != nil {
		f.Fatal(err)
	}
	return raw
}

// Whoever has a passkey can sign what he likes. It ends nobody else's grant, whether
// he knows its name or every word of its terms, nor does it stand in the way of the
// withdrawal that does.
func TestProviderTakesAWithdrawalForWhatItsSignerApproved(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	lees := f.world.People.Enrol("lee")
	f.world.Pass(73 * time.Hour)
	c := f.call()
	terms, err := consent.ParseTerms(c.body.Terms)
	if err != nil {
		t.Fatal(err)
	}
	named := terms
	named.Purpose.Text = "another"
	for name, of := range map[string]consent.Terms{"it knows the grant": named, "it knows the terms": terms} {
		if err := f.provider.Withdrawn(ctx, f.signedBy("lee", lees, of)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.mustSend() // at first, and again
	}
	if err := f.provider.Withdrawn(ctx, f.signedBy(citizen, f.passkey, terms)); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusGone, "already_sent", "retry")
	t2, err := f.consumer.hub.token(ctx, refreshOf(f), c.proofs)
	if err != nil {
		t.Fatal(err)
	}
	next := f.callWith(t2, c.body.Request, c.proofs)
	next.body.IdempotencyKey = "a-fresh-idempotency-key"
	next.want(http.StatusConflict, "withdrawn", consent.CheckWithdrawal)
}

// What cannot be kept for lack of a date is refused, not a fault.
func TestProviderRefusesAWithdrawalOfNoTime(t *testing.T) {
	f := newFixture(t)
	terms, err := consent.ParseTerms(f.call().body.Terms)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []int64{-1 << 40, 1 << 40, 1 << 49} {
		terms.Validity.Expires = end
		r := httptest.NewRequest(http.MethodPost, "https://insurer.example/release", bytes.NewReader(f.signedBy(citizen, f.passkey, terms)))
		r.Header.Set("Content-Type", consent.WithdrawalType)
		w := httptest.NewRecorder()
		f.provider.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%d: %d %s", end, w.Code, w.Body)
		}
	}
}
