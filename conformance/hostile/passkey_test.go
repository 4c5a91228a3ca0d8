package hostile_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/govmydata/mydata/conformance/citizen"
)

// An assertion is what a passkey and a browser say, with every part to bend (W3C
// Web Authentication Level 3, 5.8.1, 6.1, 7.2).
type assertion struct {
	key        virtualwebauthn.Credential
	handle     []byte
	client     map[string]any
	rpID       string
	flags      byte // user present 1, user verified 4
	clientJSON string
	signature  func([]byte) []byte
	id         any // in place of the ids
}

// says is the assertion that a person's phone would give to these options.
func says(t testing.TB, w *world, c *citizen.Citizen, options string) *assertion {
	t.Helper()
	var o struct {
		Challenge string
		PublicKey struct{ Challenge string } `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(options), &o); err != nil || o.Challenge+o.PublicKey.Challenge == "" {
		t.Fatalf("no challenge: %v %s", err, short(options))
	}
	return &assertion{
		key: c.Phone.Keys[len(c.Phone.Keys)-1], handle: c.Phone.Auth.Options.UserHandle, rpID: "localhost", flags: 5,
		client: map[string]any{"type": "webauthn.get", "challenge": o.Challenge + o.PublicKey.Challenge, "origin": w.hub, "crossOrigin": false},
	}
}

// body is the JSON that the page's script posts.
func (a *assertion) body(t testing.TB) string {
	t.Helper()
	client := a.clientJSON
	if client == "" {
		client = string(encode(t, a.client))
	}
	hash := sha256.Sum256([]byte(a.rpID))
	data := binary.BigEndian.AppendUint32(append(hash[:], a.flags), 1<<20)
	sum := sha256.Sum256([]byte(client))
	digest := sha256.Sum256(append(append([]byte(nil), data...), sum[:]...))
	signature, err := a.key.Key.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if a.signature != nil {
		signature = a.signature(signature)
	}
	id := any(b64.EncodeToString(a.key.ID))
	if a.id != nil {
		id = a.id
	}
	return string(encode(t, map[string]any{"credential": map[string]any{
		"type": "public-key", "id": id, "rawId": id, "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"authenticatorData": b64.EncodeToString(data), "clientDataJSON": b64.EncodeToString([]byte(client)),
			"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(a.handle),
		},
	}}))
}

// A bentAssertion is refused wherever a passkey is asked for.
type bentAssertion struct {
	name string
	bend func(t testing.TB, w *world, a *assertion)
}

var bentAssertions = []bentAssertion{
	{"an assertion of another site", func(_ testing.TB, _ *world, a *assertion) { a.client["origin"] = "https://evil.example" }},
	{"an assertion of another port of this machine", func(_ testing.TB, w *world, a *assertion) { a.client["origin"] = w.licence }},
	{"an assertion for another relying party", func(_ testing.TB, _ *world, a *assertion) { a.rpID = "evil.example" }},
	{"an assertion from within another site's frame", func(_ testing.TB, _ *world, a *assertion) { a.client["crossOrigin"] = true }},
	{"the making of a passkey for its use", func(_ testing.TB, _ *world, a *assertion) { a.client["type"] = "webauthn.create" }},
	{"a payment's assertion", func(_ testing.TB, _ *world, a *assertion) { a.client["type"] = "payment.get" }},
	{"an assertion without the person verified", func(_ testing.TB, _ *world, a *assertion) { a.flags = 1 }},
	{"an assertion without the person present", func(_ testing.TB, _ *world, a *assertion) { a.flags = 4 }},
	{"an assertion signed with another passkey", func(_ testing.TB, w *world, a *assertion) {
		a.key.Key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2).Key
	}},
	{"an assertion of an unknown passkey", func(_ testing.TB, _ *world, a *assertion) {
		a.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}},
	{"an assertion whose signature is bent", func(_ testing.TB, _ *world, a *assertion) {
		a.signature = func(s []byte) []byte { s[len(s)-1] ^= 1; return s }
	}},
	{"an assertion without signature", func(_ testing.TB, _ *world, a *assertion) { a.signature = func([]byte) []byte { return nil } }},
	{"an assertion whose ids are numbers", func(_ testing.TB, _ *world, a *assertion) { a.id = 7 }},
	{"an assertion whose ids are no base64url", func(_ testing.TB, _ *world, a *assertion) { a.id = mark }},
	{"an assertion whose client data is no JSON", func(_ testing.TB, _ *world, a *assertion) { a.clientJSON = "{" }},
	{"an assertion whose client data names its type twice", func(t testing.TB, _ *world, a *assertion) {
		a.clientJSON = `{"type":"webauthn.create",` + string(encode(t, a.client))[1:]
	}},
}

// options asks for a challenge at an address, in a browser.
func options(t testing.TB, c *citizen.Citizen, address, body string) string {
	t.Helper()
	a := as(t, c, "POST", address, jsonType, body)
	if a.status != 200 {
		t.Fatalf("options: %d %s", a.status, a.body)
	}
	return a.body
}
