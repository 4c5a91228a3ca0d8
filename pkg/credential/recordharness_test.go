package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// keptFunc is a status list client with one token.
type keptFunc struct{ token string }

func (k keptFunc) Look(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, string, error) {
	s, err := k.Status(ctx, ref, trust)
	return s, k.token, err
}

func (k keptFunc) Status(_ context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
	token, err := statuslist.Verify(k.token, ref.URI, testNow, trust)
	if err != nil {
		return 0, err
	}
	return token.List.Get(ref.Index)
}

// asker signs requests, and seals.
type asker struct {
	key      *ecdsa.PrivateKey
	chain    [][]byte
	clientID string
}

func newAsker(t testing.TB) asker {
	t.Helper()
	a := asker{key: newKey(t, elliptic.P256())}
	a.chain = [][]byte{newAuthority(t, "verifiers", nil).leaf(t, a.key, nil).Raw}
	sum := sha256.Sum256(a.chain[0])
	a.clientID = x509Hash + base64.RawURLEncoding.EncodeToString(sum[:])
	return a
}

func (a asker) sign(t testing.TB, typ string, claims map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("x5c", a.chain)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.key}, options)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const testQuery = `{"credentials":[{"id":"card","format":"dc+sd-jwt"}]}`

// answerName is the answer of a query for the claim "name".
func answerName(query []byte, id string, r Result) (map[string]any, []sdjwt.Path, error) {
	if string(query) != testQuery || id != "card" || r.Claims["name"] == nil {
		return nil, nil, errors.New("does not answer")
	}
	return map[string]any{"name": r.Claims["name"]}, []sdjwt.Path{{"name"}}, nil
}

// recorded is a scene with a list, and the record of its presentation.
func recorded(t testing.TB, change func(*scene)) (*scene, asker, Result) {
	t.Helper()
	s, a := newScene(t), newAsker(t)
	s.kb.Audience, s.asked.Audience = a.clientID, a.clientID
	if change != nil {
		change(s)
	}
	list, err := statuslist.New(1, 64)
	if err != nil {
		t.Fatal(err)
	}
	token, err := statuslist.Sign(statuslist.Key{Signer: s.key, X5C: s.chain},
		statuslist.Token{URI: testIssuer + "/status/1", IssuedAt: testNow.Add(-time.Minute), Expires: testNow.Add(time.Minute), List: list})
	if err != nil {
		t.Fatal(err)
	}
	s.verifier.Status = keptFunc{token}
	result := s.verifier.Verify(t.Context(), s.present(t))
	if !result.OK() {
		t.Fatalf("%+v", result.Checks)
	}
	return s, a, result
}

func (a asker) claims() map[string]any {
	return map[string]any{"client_id": a.clientID, "nonce": "nonce", "dcql_query": json.RawMessage(testQuery),
		"iat": testNow.Unix() - 60, "exp": testNow.Unix() + 240}
}

func (a asker) asked(t testing.TB) Asked {
	return Asked{Request: a.sign(t, requestTyp, a.claims()), Query: []byte(testQuery), QueryID: "card", Answer: answerName}
}
