package wallet_test

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// claimsOf a JWS that a test looks into.
func claimsOf(t *testing.T, compact string) map[string]any {
	t.Helper()
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// How the wallet shows itself to authorization servers (attestation draft, 5 and 6).
//
//clause:wallet its attestation goes to the authorization server alone, with another key for each issuer, and a new proof for each challenge
func TestAttestation(t *testing.T) {
	provider := wallettest.NewProvider(t, "provider.example")
	var mu sync.Mutex
	var tokens []http.Header
	// asks makes an issuer that wants n times another challenge before it answers.
	asks := func(n int) *wallettest.Issuer {
		i := wallettest.NewIssuer(t)
		tokens = nil
		i.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.URL.Path != "/token" {
				if r.Header.Get(openid4vci.AttestationHeader) != "" {
					t.Errorf("%s hears the attestation", r.URL.Path)
				}
				return false
			}
			tokens = append(tokens, r.Header.Clone())
			if len(tokens) > n {
				return false
			}
			w.Header().Set(openid4vci.ChallengeHeader, "challenge-of-the-answer")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"use_attestation_challenge"}`))
			return true
		}
		return i
	}
	attested := func(c *wallet.Config) { c.Attester = provider }
	t.Run("it proves its key anew with the challenge that an error brings", func(t *testing.T) {
		i := asks(1)
		_, err := accept(t.Context(), phone(i, attested), i.Offer(t, true), "")
		wants(t, err, "")
		if len(tokens) != 2 {
			t.Fatalf("%d requests", len(tokens))
		}
		first, second := claimsOf(t, tokens[0].Get(openid4vci.AttestationPoPHeader)), claimsOf(t, tokens[1].Get(openid4vci.AttestationPoPHeader))
		if first["challenge"] != nil || second["challenge"] != "challenge-of-the-answer" || first["jti"] == second["jti"] || second["aud"] != i.URL || second["iss"] != "demo-wallet" {
			t.Errorf("%v, then %v", first, second)
		}
	})
	t.Run("it gives up on a server that wants ever more challenges", func(t *testing.T) {
		i := asks(100)
		_, err := accept(t.Context(), phone(i, attested), i.Offer(t, true), "")
		wants(t, err, "use_attestation_challenge")
		if len(tokens) > 3 {
			t.Errorf("%d requests", len(tokens))
		}
	})
	t.Run("it shows another key to each issuer", func(t *testing.T) {
		seen := map[string]bool{}
		w := phone(asks(0), attested)
		for range 2 {
			i := asks(0)
			_, _ = accept(t.Context(), w, i.Offer(t, true), "") // whose card it does not trust
			cnf, err := json.Marshal(claimsOf(t, tokens[0].Get(openid4vci.AttestationHeader))["cnf"])
			if err != nil {
				t.Fatal(err)
			}
			seen[string(cnf)] = true
		}
		if len(seen) != 2 {
			t.Errorf("%d keys", len(seen))
		}
	})
	t.Run("it sends the DPoP proof alone in combined mode", func(t *testing.T) {
		i := asks(0)
		_, err := accept(t.Context(), phone(i, attested, func(c *wallet.Config) { c.CombinedProof = true }), i.Offer(t, true), "")
		wants(t, err, "")
		if h := tokens[0]; h.Get(openid4vci.AttestationHeader) == "" || h.Get(openid4vci.AttestationPoPHeader) != "" || h.Get(dpop.Header) == "" {
			t.Errorf("%v", h)
		}
	})
	t.Run("it fetches a challenge where the server has an endpoint for them", func(t *testing.T) {
		i := asks(0)
		i.ServerInfo = func(m map[string]any) { m["challenge_endpoint"] = i.URL + "/challenge" }
		inner := i.Intercept
		i.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/challenge" {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"attestation_challenge":"fetched"}`))
				return true
			}
			return inner(w, r)
		}
		_, err := accept(t.Context(), phone(i, attested), i.Offer(t, true), "")
		wants(t, err, "")
		if c := claimsOf(t, tokens[0].Get(openid4vci.AttestationPoPHeader)); c["challenge"] != "fetched" {
			t.Errorf("%v", c)
		}
	})
	t.Run("it says so where its provider does not vouch for it", func(t *testing.T) {
		i := asks(0)
		_, err := accept(t.Context(), phone(i, func(c *wallet.Config) { c.Attester = silent{} }), i.Offer(t, true), "")
		if !errors.Is(err, errSilent) || len(tokens) > 0 {
			t.Errorf("%v, %d requests", err, len(tokens))
		}
	})
}

var errSilent = errors.New("the phone is rooted")

// silent vouches for nothing.
type silent struct{}

func (silent) AttestWallet(context.Context, string, crypto.PublicKey) (string, error) {
	return "", errSilent
}

func (silent) AttestKeys(context.Context, []crypto.PublicKey, string) (string, error) {
	return "", errSilent
}
