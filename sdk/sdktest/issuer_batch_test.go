package sdktest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// proven are key proofs of one nonce, for n keys.
func (b *bureau) proven(n int, keys ...*ecdsa.PrivateKey) []string {
	b.t.Helper()
	nonce, mine := b.nonce(), b.phone
	defer func() { b.phone = mine }()
	var proofs []string
	for i := range n {
		if i < len(keys) {
			b.phone = keys[i]
		} else if i > 0 {
			var err error
			if b.phone, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
				b.t.Fatal(err)
			}
		}
		proofs = append(proofs, b.proof(b.url, nonce))
	}
	return proofs
}

// ask posts to one of the two credential endpoints.
func (b *bureau) ask(token, path string, body any) (int, string) {
	b.t.Helper()
	text, ok := body.(string)
	if !ok {
		raw, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		text = string(raw)
	}
	req, _ := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, bytes.NewReader([]byte(text)))
	shown, err := b.proofs.Proof(http.MethodPost, b.url+path, token, "")
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header = http.Header{"Dpop": {shown}, "Authorization": {"DPoP " + token}, "Content-Type": {"application/json"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(answer)
}

func (b *bureau) order(proofs []string) map[string]any {
	return map[string]any{"credential_identifier": "extract", "proofs": map[string]any{"jwt": proofs}}
}

// copies asks for n of them.
func (b *bureau) copies(n int, path string, body any) []string {
	b.t.Helper()
	status, text := b.ask(b.token(), path, body)
	var answer openid4vci.CredentialResponse
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || len(answer.Credentials) != n || answer.TransactionID != "" {
		b.t.Fatalf("%d %s", status, text)
	}
	var tokens []string
	for _, c := range answer.Credentials {
		tokens = append(tokens, c.Credential)
	}
	return tokens
}

// reopen is the issuer after a restart, or with another configuration.
func (b *bureau) reopen(journal sdk.Journal, bend ...func(*sdk.IssuerConfig)) {
	b.issuer = b.MustIssuer(b.url, map[string]sdk.Document{"extract": {Type: extract, Claims: []string{"address", "household"},
		Load: func(_ context.Context, who sdk.Subject) (sdk.Record, error) { return b.load(who) }}},
		append([]func(*sdk.IssuerConfig){func(c *sdk.IssuerConfig) { c.Journal = journal }}, bend...)...)
}

// A wallet fetches several copies of a document at once: nothing but what they say
// connects them, and one word takes all of them back.
//
//clause:kit copies of an agency's document for a key each: no salt, index or time connects them; revoked together
func TestIssuerBatch(t *testing.T) {
	b := newBureau(t)
	tokens := b.copies(3, "/credential", b.order(b.proven(3)))
	seen := map[string]bool{}
	fresh := func(what, value string) {
		if seen[what+value] || value == "" {
			t.Errorf("two copies have one %s: %s", what, value)
		}
		seen[what+value] = true
	}
	for _, token := range tokens {
		parsed, err := sdjwt.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := parsed.Unverified()
		if err != nil {
			t.Fatal(err)
		}
		iat, exp := int64(claims["iat"].(float64)), int64(claims["exp"].(float64))
		if iat%3600 != 0 || exp%3600 != 0 {
			t.Errorf("times to the second: %d, %d", iat, exp)
		}
		list := claims["status"].(map[string]any)["status_list"].(map[string]any)
		key, err := json.Marshal(claims["cnf"])
		if err != nil {
			t.Fatal(err)
		}
		index, _ := json.Marshal(list)
		fresh("key", string(key))
		fresh("index", string(index))
		for _, disclosure := range strings.Split(strings.Trim(token, "~"), "~")[1:] {
			fresh("disclosure", disclosure)
		}
	}
	all, err := b.issuer.Documents(t.Context(), "")
	if err != nil || len(all) != 1 || len(all[0].More) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := b.issuer.Revoke(t.Context(), all[0].ID); err != nil {
		t.Fatal(err)
	}
	b.Advance(time.Minute)
	for _, c := range append([]sdk.DocumentCopy{all[0].DocumentCopy}, all[0].More...) {
		if !revoked(t, b, c) {
			t.Errorf("a copy is left: %+v", c)
		}
	}
	if all, _ := b.issuer.Documents(t.Context(), ""); !all[0].Revoked {
		t.Error("not said to be revoked")
	}
}

// revoked asks the status list of a copy.
func revoked(t *testing.T, b *bureau, c sdk.DocumentCopy) bool {
	t.Helper()
	uri := fmt.Sprintf("%s/status/%d", b.url, c.List)
	client := &statuslist.Client{Development: true, Now: b.Now}
	status, err := client.Status(t.Context(), statuslist.Reference{URI: uri, Index: int(c.Index)}, func(x5c [][]byte) (crypto.PublicKey, error) {
		leaf, err := x509.ParseCertificate(x5c[0])
		if err != nil {
			return nil, err
		}
		return leaf.PublicKey, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return status == statuslist.Invalid
}

//clause:kit copies of an agency's document for a key each: no salt, index or time connects them; revoked together
func TestIssuerBatchRefuses(t *testing.T) {
	b := newBureau(t)
	for name, tt := range map[string]struct {
		proofs []string
		check  string
	}{
		"it refuses more copies than it offers": {b.proven(11), "batch size"},
		"it refuses two copies for one key":     {b.proven(2, b.phone, b.phone), "key"},
		"it refuses proofs of two nonces":       {append(b.proven(1), b.proven(2)[1]), "nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			b.seen = nil
			if status, text := b.ask(b.token(), "/credential", b.order(tt.proofs)); status != 400 || !slices.Equal(b.seen, []string{tt.check}) {
				t.Errorf("%d %s, checks %v", status, text, b.seen)
			}
		})
	}
	if n := b.issuer.Metadata().BatchCredentialIssuance; n == nil || n.Size != 10 {
		t.Errorf("by default %+v", n)
	}
	b.reopen(b.journal(), func(c *sdk.IssuerConfig) { c.Batch = 1 })
	if b.issuer.Metadata().BatchCredentialIssuance != nil {
		t.Error("it offers copies of one")
	}
	if status, text := b.ask(b.token(), "/credential", b.order(b.proven(2))); status != 400 {
		t.Errorf("two where one is offered: %d %s", status, text)
	}
	for _, n := range []int{-1, 17} {
		c := sdk.IssuerConfig{Trust: b.Trust(), Keys: b.ProviderKeys(), URL: b.url, Journal: b.journal(), AllowLoopback: true, Batch: n,
			Documents: map[string]sdk.Document{"x": {}}}
		c.Signer, c.Chain = b.DocumentKeys(b.url)
		if _, err := sdk.NewIssuer(t.Context(), c); err == nil || !strings.Contains(err.Error(), "Batch") {
			t.Errorf("Batch %d: %v", n, err)
		}
	}
}

//clause:kit an agency's document that waits for an officer (OpenID4VCI 1.0, 9): the same transaction_id, by any token of this person and wallet, 30 days, over after pick-up
func TestIssuerLater(t *testing.T) {
	b := newBureau(t)
	journal := b.journal()
	b.reopen(journal, func(c *sdk.IssuerConfig) { c.Refused = func(check string) { b.seen = append(b.seen, check) } })
	ready, record := false, b.load
	b.load = func(who sdk.Subject) (sdk.Record, error) {
		if !ready {
			return nil, sdk.ErrLater
		}
		return record(who)
	}
	keys := []*ecdsa.PrivateKey{b.phone, newKey(t)}
	wait := func(token, path string, body any) string {
		t.Helper()
		status, text := b.ask(token, path, body)
		var answer openid4vci.CredentialResponse
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusAccepted || answer.TransactionID == "" || answer.Interval <= 0 || answer.Credentials != nil {
			t.Fatalf("%d %s", status, text)
		}
		return answer.TransactionID
	}
	id := wait(b.token(), "/credential", b.order(b.proven(2, keys...)))
	collect := map[string]any{"transaction_id": id}
	if again := wait(b.token(), "/credential", b.order(b.proven(2, keys...))); again != id {
		t.Error("it gives the same keys another transaction_id")
	}
	if again := wait(b.token(), "/deferred_credential", collect); again != id {
		t.Error("it gives another transaction_id while it waits")
	}
	if all, err := b.issuer.Waiting(t.Context()); err != nil || len(all) != 1 || all[0].Sub != b.kim.ProviderSub() || all[0].Config != "extract" || all[0].Client != "phone" || all[0].Until.Sub(all[0].Since) != 30*24*time.Hour {
		t.Errorf("%+v, %v", all, err)
	}
	if all, _ := b.issuer.Documents(t.Context(), ""); len(all) != 0 {
		t.Error("issued before it was there")
	}
	lee := b.MustCitizen("lee")
	other := func(name string, value any) string { return b.token(func(c map[string]any) { c[name] = value }) }
	for name, tt := range map[string]struct {
		token       string
		body        any
		status      int
		code, check string
	}{
		"it refuses an unknown transaction_id":    {b.token(), map[string]string{"transaction_id": strings.Repeat("A", 52)}, 400, "invalid_transaction_id", "transaction_id"},
		"it refuses one that no journal can hold": {b.token(), map[string]string{"transaction_id": "a\x00b"}, 400, "invalid_transaction_id", "transaction_id"},
		"it refuses one cut short":                {b.token(), map[string]string{"transaction_id": id[:20]}, 400, "invalid_transaction_id", "transaction_id"},
		"it refuses another person's":             {lee.IssuanceToken(b.url, "extract", "phone", b.proofs.JKT()), collect, 400, "invalid_transaction_id", "transaction_id"},
		"it refuses another wallet's":             {other("client_id", "tablet"), collect, 400, "invalid_transaction_id", "transaction_id"},
		"it refuses none":                         {b.token(), "{}", 400, "invalid_credential_request", "transaction_id"},
		"it refuses a wish for encryption":        {b.token(), map[string]any{"transaction_id": id, "credential_response_encryption": map[string]any{}}, 400, "invalid_encryption_parameters", "encryption"},
		"it refuses a token that is none":         {"a.b.c", collect, 401, "invalid_token", "token"},
		"it refuses a token that expired":         {other("exp", time.Now().Unix()-1), collect, 401, "invalid_token", "token"},
	} {
		t.Run(name, func(t *testing.T) {
			b.seen, ready = nil, true
			defer func() { ready = false }()
			status, text := b.ask(tt.token, "/deferred_credential", tt.body)
			if status != tt.status || !strings.Contains(text, `"error":"`+tt.code+`"`) || !slices.Equal(b.seen, []string{tt.check}) {
				t.Errorf("%d %s, checks %v", status, text, b.seen)
			}
		})
	}
	b.reopen(journal)
	ready = true
	b.Advance(29 * 24 * time.Hour)
	b.copies(2, "/deferred_credential", collect)
	if status, text := b.ask(b.token(), "/deferred_credential", collect); status != 400 || !strings.Contains(text, "invalid_transaction_id") {
		t.Errorf("fetched twice: %d %s", status, text)
	}
	if all, _ := b.issuer.Documents(t.Context(), ""); len(all) != 1 || len(all[0].More) != 1 {
		t.Errorf("%+v", all)
	}
	if all, _ := b.issuer.Waiting(t.Context()); len(all) != 0 {
		t.Errorf("still waits: %+v", all)
	}
	t.Run("it waits for no more than a few phones", func(t *testing.T) {
		ready = false
		for range 8 {
			wait(b.token(), "/credential", b.order(b.proven(1, newKey(t))))
		}
		if status, text := b.ask(b.token(), "/credential", b.order(b.proven(1, newKey(t)))); status != 400 || !strings.Contains(text, "too often") {
			t.Errorf("%d %s", status, text)
		}
	})
	t.Run("it forgets what nobody fetched", func(t *testing.T) {
		b.Advance(31 * 24 * time.Hour)
		id := wait(b.token(), "/credential", b.order(b.proven(1)))
		b.Advance(30*24*time.Hour + time.Second)
		ready = true
		if status, text := b.ask(b.token(), "/deferred_credential", map[string]any{"transaction_id": id}); status != 400 || !strings.Contains(text, "invalid_transaction_id") {
			t.Errorf("%d %s", status, text)
		}
	})
}

// Each write between the first request and the document is broken twice: lost, and
// kept but called lost. Whoever asks again gets one document.
//
//clause:kit an agency's document that waits for an officer (OpenID4VCI 1.0, 9): the same transaction_id, by any token of this person and wallet, 30 days, over after pick-up
func TestIssuerLaterSurvivesItsJournal(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for n := 2; ; n++ {
			b := newBureau(t)
			journal := sdktest.BreakWrite(b.journal(), n, kept)
			b.reopen(journal)
			ready, record := false, b.load
			b.load = func(who sdk.Subject) (sdk.Record, error) {
				if !ready {
					return nil, sdk.ErrLater
				}
				return record(who)
			}
			keys := []*ecdsa.PrivateKey{b.phone, newKey(t)}
			persist := func(want int, path string, body func() any) string {
				for range 3 {
					status, text := b.ask(b.token(), path, body())
					if status == want {
						return text
					}
					if status != http.StatusInternalServerError {
						t.Fatalf("write %d, kept %v: %d %s", n, kept, status, text)
					}
				}
				t.Fatalf("write %d, kept %v: no answer", n, kept)
				return ""
			}
			var answer openid4vci.CredentialResponse
			if err := json.Unmarshal([]byte(persist(202, "/credential", func() any { return b.order(b.proven(2, keys...)) })), &answer); err != nil {
				t.Fatal(err)
			}
			ready = true
			persist(200, "/deferred_credential", func() any { return map[string]any{"transaction_id": answer.TransactionID} })
			if all, err := b.issuer.Documents(t.Context(), ""); err != nil || len(all) != 1 || len(all[0].More) != 1 {
				t.Fatalf("write %d, kept %v: %+v %v", n, kept, all, err)
			}
			if !journal.Broken() {
				if n < 7 {
					t.Errorf("only %d writes", n-1)
				}
				break
			}
		}
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
