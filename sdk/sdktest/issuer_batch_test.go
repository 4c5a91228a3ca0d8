package sdktest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/sdk"
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

// request is one to an endpoint.
func (b *bureau) request(token, path string, body any) *http.Request {
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
	return req
}

// ask posts to one of the two credential endpoints.
func (b *bureau) ask(token, path string, body any) (int, string) {
	b.t.Helper()
	res, err := http.DefaultClient.Do(b.request(token, path, body))
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
	document := sdk.Document{Type: extract, Claims: []string{"address", "household"},
		Load: func(_ context.Context, who sdk.Subject) (sdk.Record, error) { return b.load(who) }}
	b.issuer = b.MustIssuer(b.url, map[string]sdk.Document{"extract": document, "licence": document},
		append([]func(*sdk.IssuerConfig){func(c *sdk.IssuerConfig) { c.Journal = journal }}, bend...)...)
}

// Places in status lists are never free again: one wallet does not use them up.
func TestIssuerGivesAPersonSoMuchAnHour(t *testing.T) {
	b := newBureau(t)
	for range 30 {
		b.copies(1, "/credential", b.order(b.proven(1)))
	}
	if status, text := b.ask(b.token(), "/credential", b.order(b.proven(1))); status != 400 || !strings.Contains(text, "credential_request_denied") {
		t.Errorf("%d %.200s", status, text)
	}
	lee := b.MustCitizen("lee").IssuanceToken(b.url, "extract", "phone", b.proofs.JKT())
	if status, text := b.ask(lee, "/credential", b.order(b.proven(1))); status != 200 {
		t.Errorf("another person: %d %.200s", status, text)
	}
	b.Advance(time.Hour)
	b.copies(1, "/credential", b.order(b.proven(1)))
}

// slow is a journal on a disk that takes its time.
type slow struct{ sdk.Journal }

func (s slow) Create(ctx context.Context, e sdk.Entry) error {
	if e.Kind == "place" {
		time.Sleep(5 * time.Millisecond)
	}
	return s.Journal.Create(ctx, e)
}

// Nor does one that asks for many at once, before any of them is counted.
func TestIssuerCountsWhatIsAskedAtOnce(t *testing.T) {
	b := newBureau(t)
	b.reopen(slow{b.journal()})
	for range 29 {
		b.copies(1, "/credential", b.order(b.proven(1)))
	}
	var group sync.WaitGroup
	var given atomic.Int64
	for range 8 {
		request := b.request(b.token(), "/credential", b.order(b.proven(1)))
		group.Go(func() {
			res, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if res.StatusCode == http.StatusOK {
				given.Add(1)
			}
		})
	}
	group.Wait()
	if given.Load() != 1 {
		t.Errorf("%d documents more than the 29 of this hour", given.Load())
	}
}

// What Load met where the agency asked itself is no answer to a wallet, and no end of
// the connection.
func TestIssuerKeepsRefusalsOfOthers(t *testing.T) {
	b := newBureau(t)
	for _, foreign := range []error{&sdk.Error{By: "sdk", Reason: "withdrawn", Cause: "elsewhere"}, &sdk.Error{By: "hub", Reason: "invalid_client", Status: 401},
		&openid4vci.Error{Code: openid4vci.InvalidNonce, Check: "nonce"}} {
		b.load = func(sdk.Subject) (sdk.Record, error) { return nil, fmt.Errorf("ask the registry: %w", foreign) }
		if status, text := b.ask(b.token(), "/credential", b.order(b.proven(1))); status != 500 || !strings.Contains(text, `"internal"`) {
			t.Errorf("%v: %d %s", foreign, status, text)
		}
	}
}

// A wallet fetches several copies of a document at once: nothing but what they say
// connects them, and one word takes all of them back.
//
//clause:kit an agency suspends and reinstates its documents, with all copies; documents of before can be revoked
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
	for _, c := range []struct {
		name      string
		do        func(context.Context, string) error
		want      statuslist.Status
		suspended bool
		revoked   bool
	}{
		{"suspends", b.issuer.Suspend, statuslist.Suspended, true, false},
		{"reinstates", b.issuer.Reinstate, statuslist.Valid, false, false},
		{"suspends again", b.issuer.Suspend, statuslist.Suspended, true, false},
		{"revokes", b.issuer.Revoke, statuslist.Invalid, true, true},
		{"reinstates nothing that is revoked", b.issuer.Reinstate, statuslist.Invalid, false, true},
	} {
		for range 2 {
			if err := c.do(t.Context(), all[0].ID); err != nil {
				t.Fatal(c.name, err)
			}
		}
		for _, one := range append([]sdk.DocumentCopy{all[0].DocumentCopy}, all[0].More...) {
			if got := status(t, b, one); got != c.want {
				t.Errorf("it %s, but not copy %+v: %d", c.name, one, got)
			}
		}
		if all, _ := b.issuer.Documents(t.Context(), ""); all[0].Revoked != c.revoked || all[0].Suspended != c.suspended {
			t.Errorf("it %s, and says %+v", c.name, all[0])
		}
		if err := c.do(t.Context(), "none"); !errors.Is(err, sdk.ErrAbsent) {
			t.Errorf("it %s nothing: %v", c.name, err)
		}
	}
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

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
