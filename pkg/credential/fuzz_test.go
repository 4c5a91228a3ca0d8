package credential

import (
	"context"
	"strings"
	"testing"
	"time"
)

// FuzzVerify: no text but the presentation that the holder made is found good,
// whatever it is bent into.
func FuzzVerify(f *testing.F) {
	s := newScene(f)
	good := s.present(f)
	f.Add(good.Token)
	f.Add(strings.Replace(good.Token, "~", "~~", 1))
	f.Add(good.Token[:strings.LastIndexByte(good.Token, '~')+1])
	f.Add("a.b.c~d~e.f.g")
	f.Fuzz(func(t *testing.T, token string) {
		p := good
		p.Token = token
		if result := s.verifier.Verify(t.Context(), p); result.OK() && token != good.Token {
			t.Errorf("found good: %q", token)
		}
	})
}

// spent takes every nonce, and tells.
type spent struct {
	OfferStore
	nonces []string
}

func (s *spent) SpendNonce(_ context.Context, nonce string, _, _ time.Time) error {
	s.nonces = append(s.nonces, nonce)
	return nil
}

// FuzzNonce: a nonce is spent under its one spelling, however it was broken into
// lines, so that it is spent once.
func FuzzNonce(f *testing.F) {
	n := &Nonces{Secret: make([]byte, 32), Now: func() time.Time { return testNow }}
	made := n.Make()
	f.Add(made)
	f.Add(made + "\n")
	f.Add(made[:len(made)-1])
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, nonce string) {
		store := &spent{}
		spender := &Nonces{Store: store, Secret: n.Secret, Now: n.Now}
		whole := strings.NewReplacer("\r", "", "\n", "").Replace(nonce)
		if err := spender.Spend(t.Context(), nonce); err == nil && (len(store.nonces) != 1 || store.nonces[0] != whole) {
			t.Errorf("%q was spent as %q", nonce, store.nonces)
		}
	})
}
