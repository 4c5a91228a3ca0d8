package hostile_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var b64 = base64.RawURLEncoding

// A jwt is a JWS that a test may bend anywhere before it is signed.
type jwt struct {
	head   map[string]any
	claims map[string]any
	key    *ecdsa.PrivateKey
	hmac   []byte // signs by HS256
	none   bool   // signs nothing
	raw    []byte // in place of the claims
	after  func(compact string) string
}

// A bend changes one thing of a jwt.
type bend func(*jwt)

// head sets a header; nil takes it away.
func head(name string, v any) bend { return func(j *jwt) { set(j.head, name, v) } }

// claim sets a claim; nil takes it away.
func claim(name string, v any) bend { return func(j *jwt) { set(j.claims, name, v) } }

func set(m map[string]any, name string, v any) {
	m[name] = v
	if v == nil {
		delete(m, name)
	}
}

// payload puts other bytes in place of the claims.
func payload(raw string) bend { return func(j *jwt) { j.raw = []byte(raw) } }

// by signs with another key, and leaves the header as it is.
func by(key *ecdsa.PrivateKey) bend { return func(j *jwt) { j.key = key } }

// unsigned is alg none.
func unsigned() bend { return func(j *jwt) { j.none, j.head["alg"] = true, "none" } }

// symmetric signs with a public key as if it were a secret.
func symmetric(key *ecdsa.PublicKey) bend {
	return func(j *jwt) {
		j.hmac, _ = x509.MarshalPKIXPublicKey(key) // it is on P-256
		j.head["alg"] = "HS256"
	}
}

// compacted changes the finished text.
func compacted(f func(string) string) bend { return func(j *jwt) { j.after = f } }

func (j jwt) sign(t testing.TB, bends ...bend) string {
	t.Helper()
	j.head, j.claims = maps.Clone(j.head), maps.Clone(j.claims)
	j.head["alg"] = "ES256"
	for _, b := range bends {
		b(&j)
	}
	body := j.raw
	if body == nil {
		body = encode(t, j.claims)
	}
	input := b64.EncodeToString(encode(t, j.head)) + "." + b64.EncodeToString(body)
	compact := input + "." + b64.EncodeToString(j.signature(t, input))
	if j.after != nil {
		compact = j.after(compact)
	}
	return compact
}

func (j jwt) signature(t testing.TB, input string) []byte {
	switch {
	case j.none:
		return nil
	case j.hmac != nil:
		mac := hmac.New(sha256.New, j.hmac)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, j.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// decode reads the payload of a JWS that we trust.
func decode(t testing.TB, compact string, into any) {
	t.Helper()
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(object.UnsafePayloadWithoutVerification(), into); err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(key *ecdsa.PrivateKey) jose.JSONWebKey { return jose.JSONWebKey{Key: &key.PublicKey} }

func thumbprint(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	jwk := public(key)
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return b64.EncodeToString(sum)
}

func now() int64 { return time.Now().Unix() }

// in is a time some seconds from now, as claims have it.
func in(seconds int64) int64 { return now() + seconds }

func readKey(t testing.TB, path string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(readPEM(t, path)[0])
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

func readPEM(t testing.TB, path string) (blocks [][]byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, block.Bytes)
	}
	return blocks
}
