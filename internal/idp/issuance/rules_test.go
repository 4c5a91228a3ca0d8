package issuance_test

import (
	"crypto"
	"encoding/base64"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

func TestStatusListsMayHaveAKeyOfTheirOwn(t *testing.T) {
	w, _ := withSpy(t)
	_, issued, err := w.Issuer.Issue(t.Context(), w.order(t))
	if err != nil {
		t.Fatal(err)
	}
	_, key := newIssuerKey(t, w.URL, w.now)
	w.Issuer.StatusKey = func() credential.Key { return key }
	token, err := w.Issuer.StatusList(t.Context(), issued.List)
	if err != nil {
		t.Fatal(err)
	}
	trust := func([][]byte) (crypto.PublicKey, error) { return key.Signer.Public(), nil }
	if _, err := statuslist.Verify(token, w.Issuer.ListURI(issued.List), w.now, trust); err != nil {
		t.Error(err)
	}
}

func TestNonces(t *testing.T) {
	w := newWorld(t)
	alter := func(nonce string, at int) string {
		b, err := base64.RawURLEncoding.DecodeString(nonce)
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	for name, nonce := range map[string]string{
		"another life":         alter(w.Nonces.Make(), 7),
		"other random bits":    alter(w.Nonces.Make(), 8),
		"another tag":          alter(w.Nonces.Make(), 39),
		"one byte more":        w.Nonces.Make()[:53] + "AAA",
		"one that is cut off":  w.Nonces.Make()[:40],
		"nothing":              "",
		"what is no base64url": "!",
	} {
		if err := w.Nonces.Spend(t.Context(), nonce); !errors.Is(err, credential.ErrNonce) {
			t.Errorf("it refuses %s: %v", name, err)
		}
	}
	nonce := w.Nonces.Make()
	if err := w.Nonces.Spend(t.Context(), nonce); err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{nonce, nonce[:4] + "\n" + nonce[4:]} {
		if err := w.Nonces.Spend(t.Context(), again); !errors.Is(err, credential.ErrNonce) {
			t.Errorf("it takes %q again: %v", again, err)
		}
	}
}

// One of many who show one code at once gets the card, and each wrong
// transaction code is counted.
func TestRedeemAtOnce(t *testing.T) {
	w := newWorld(t)
	offer, tx, err := w.Offers.Make(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	redeemed := 0
	for range 8 {
		wait.Go(func() {
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(offer), tx); err == nil {
				mu.Lock()
				redeemed++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if redeemed != 1 {
		t.Errorf("redeemed %d times", redeemed)
	}
	offer, tx, err = w.Offers.Make(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for range 12 {
		wait.Go(func() {
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(offer), other(tx)); errors.Is(err, credential.ErrTxCode) {
				mu.Lock()
				wrong++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if wrong > credential.TxCodeTries {
		t.Errorf("%d wrong codes were weighed", wrong)
	}
}

func TestIssueRefusesAPrivateKey(t *testing.T) {
	w, _ := withSpy(t)
	order := w.order(t)
	order.Holder = jose.JSONWebKey{Key: newKey(t)}
	if _, _, err := w.Issuer.Issue(t.Context(), order); err == nil {
		t.Error("it puts a private key into a credential")
	}
}

// Nineteen years are counted by the calendar, in Korea.
func TestAgeOver19(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		born string
		now  time.Time
		want bool
	}{
		{"2005-03-02", time.Date(2024, 3, 1, 14, 59, 0, 0, time.UTC), false},
		{"2005-03-02", time.Date(2024, 3, 1, 15, 0, 0, 0, time.UTC), true}, // midnight in Seoul
		{"2004-02-29", time.Date(2023, 2, 28, 15, 0, 0, 0, time.UTC), true},
		{"2004-02-29", time.Date(2023, 2, 27, 15, 0, 0, 0, time.UTC), false},
	} {
		w.now = c.now
		people := w.Residents.(residents)
		kim := people["kim"]
		kim.BirthDate = c.born
		people["kim"] = kim
		card, _ := w.issue(t, newKey(t))
		if got := disclosed(t, card)["age_over_19"]; got != c.want {
			t.Errorf("born %s, on %s: %v", c.born, c.now, got)
		}
	}
}
