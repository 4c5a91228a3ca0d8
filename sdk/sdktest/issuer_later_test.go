package sdktest_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

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
		"it refuses another document's":           {b.kim.IssuanceToken(b.url, "licence", "phone", b.proofs.JKT()), collect, 400, "invalid_transaction_id", "transaction_id"},
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
	t.Run("it is over for a wallet that hangs up once it has the document", func(t *testing.T) {
		ready = false
		b.reopen(patient{journal})
		collect := map[string]any{"transaction_id": wait(b.token(), "/credential", b.order(b.proven(1, newKey(t))))}
		ready = true
		ctx, hangUp := context.WithCancel(t.Context())
		answer := &hasty{httptest.NewRecorder(), hangUp}
		b.issuer.ServeHTTP(answer, b.request(b.token(), "/deferred_credential", collect).WithContext(ctx))
		if answer.Code != 200 || ctx.Err() == nil {
			t.Fatal(answer.Code)
		}
		if status, text := b.ask(b.token(), "/deferred_credential", collect); status != 400 || !strings.Contains(text, "invalid_transaction_id") {
			t.Errorf("fetched twice: %d", status)
		}
	})
	t.Run("it waits for no more than a few phones", func(t *testing.T) {
		ready = false
		var all []*http.Request
		for range 24 {
			all = append(all, b.request(b.token(), "/credential", b.order(b.proven(1, newKey(t)))))
		}
		var group sync.WaitGroup
		var waits atomic.Int64
		for _, r := range all {
			group.Go(func() {
				answer := httptest.NewRecorder()
				if b.issuer.ServeHTTP(answer, r); answer.Code == http.StatusAccepted {
					waits.Add(1)
				}
			})
		}
		group.Wait()
		if waits.Load() != 8 {
			t.Errorf("it waits for %d at once", waits.Load())
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

// patient is a journal that gives up when whoever asks does, as a database.
type patient struct{ sdk.Journal }

func (p patient) Delete(ctx context.Context, kind, key string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.Journal.Delete(ctx, kind, key)
}

// hasty hangs up with the first byte of an answer.
type hasty struct {
	*httptest.ResponseRecorder
	hangUp func()
}

func (h *hasty) Write(b []byte) (int, error) {
	h.hangUp()
	return h.ResponseRecorder.Write(b)
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
