package signal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/signal"
)

const (
	hub    = "https://hub.example"
	agency = "urn:mydata:agency:a"
)

var (
	now    = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	key    = newKey()
	other  = newKey()
	keys   = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256"}}}
	wanted = signal.Expected{Issuer: hub, Audience: agency, Keys: keys, Now: now}
)

func newKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func withdrawn() signal.Signal {
	s := signal.New(agency, signal.GrantWithdrawn, "grant-1", 3, 0, now.Add(-time.Minute))
	s.Seq = 7
	return s
}

func made(t testing.TB, s signal.Signal) string {
	t.Helper()
	token, err := signal.Make(s, hub, now, key, "k1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRoundTrip(t *testing.T) {
	s := withdrawn()
	s.Use = 2
	got, err := signal.Open(made(t, s), wanted)
	if err != nil {
		t.Fatal(err)
	}
	s.Place = 0 // is the outbox's
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWire holds what is on the wire, name by name.
//
//clause:signals RFC 8417, 2.2: iss, iat, jti, aud, one event whose name is a URI, txn, toe; 2.3: typ secevent+jwt
//clause:signals RFC 9493, 3.2.8: an opaque subject, the grant
func TestWire(t *testing.T) {
	parts := strings.Split(made(t, withdrawn()), ".")
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]any{"alg": "ES256", "kid": "k1", "typ": "secevent+jwt"}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	want := map[string]any{
		"iss": hub, "aud": agency, "iat": float64(now.Unix()), "toe": float64(now.Unix() - 60), "jti": withdrawn().ID, "txn": withdrawn().Txn,
		"sub_id": map[string]any{"format": "opaque", "id": "grant-1"},
		"events": map[string]any{"urn:mydata:event:grant-withdrawn": map[string]any{"seq": float64(7)}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestSameSignalSameID(t *testing.T) {
	a := signal.New(agency, signal.GrantPaused, "g", 4, 0, now)
	if b := signal.New(agency, signal.GrantPaused, "g", 4, 0, now); a != b {
		t.Errorf("%+v, %+v", a, b)
	}
	for name, b := range map[string]signal.Signal{
		"audience": signal.New("urn:b", signal.GrantPaused, "g", 4, 0, now),
		"kind":     signal.New(agency, signal.GrantResumed, "g", 4, 0, now),
		"grant":    signal.New(agency, signal.GrantPaused, "h", 4, 0, now),
		"place":    signal.New(agency, signal.GrantPaused, "g", 6, 0, now),
		"use":      signal.New(agency, signal.GrantPaused, "g", 4, 1, now),
	} {
		if a.ID == b.ID {
			t.Errorf("another %s has the same id", name)
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	for name, bend := range map[string]func(*signal.Signal){
		"it makes no token for a citizen": func(s *signal.Signal) { s.Audience = signal.Citizen("ada") },
		"it makes none for nobody":        func(s *signal.Signal) { s.Audience = "" },
		"it makes none without a number":  func(s *signal.Signal) { s.Seq = 0 },
		"it makes none without a grant":   func(s *signal.Signal) { s.Grant = "" },
		"it makes none without an id":     func(s *signal.Signal) { s.ID = "" },
		"it makes none of an odd kind":    func(s *signal.Signal) { s.Kind = "Grant Withdrawn" },
	} {
		t.Run(name, func(t *testing.T) {
			s := withdrawn()
			bend(&s)
			if token, err := signal.Make(s, hub, now, key, "k1"); err == nil {
				t.Errorf("made %s", token)
			}
		})
	}
}

// signed makes any claims a token.
func signed(t testing.TB, with *ecdsa.PrivateKey, kid, typ string, claims map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signedRaw(t, with, kid, typ, raw)
}

func signedRaw(t testing.TB, with *ecdsa.PrivateKey, kid, typ string, raw []byte) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: with}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(raw)
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func good() map[string]any {
	return map[string]any{
		"iss": hub, "aud": agency, "iat": now.Unix(), "toe": now.Unix(), "jti": "j",
		"sub_id": map[string]any{"format": "opaque", "id": "g"},
		"events": map[string]any{"urn:mydata:event:grant-withdrawn": map[string]any{"seq": 1}},
	}
}

func event(name string, body any) func(map[string]any) {
	return func(c map[string]any) { c["events"] = map[string]any{name: body} }
}

func set(name string, value any) func(map[string]any) {
	return func(c map[string]any) { c[name] = value }
}

//clause:signals RFC 8417, 2.2: iss, iat, jti, aud, one event whose name is a URI, txn, toe; 2.3: typ secevent+jwt
func TestOpenRefuses(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, tt := range []struct {
		name, check, code string
		bend              func(map[string]any)
	}{
		{"it refuses another issuer", "iss", signal.CodeIssuer, set("iss", "https://evil.example")},
		{"it refuses another audience", "aud", signal.CodeAudience, set("aud", "urn:mydata:agency:b")},
		{"it refuses several audiences", "claims", signal.CodeRequest, set("aud", []string{agency, "urn:b"})},
		{"it refuses no id", "jti", signal.CodeRequest, set("jti", "")},
		{"it refuses a long id", "jti", signal.CodeRequest, set("jti", long)},
		{"it refuses no iat", "iat", signal.CodeRequest, set("iat", 0)},
		{"it refuses the future", "iat", signal.CodeRequest, set("iat", now.Unix()+60)},
		{"it refuses no toe", "toe", signal.CodeRequest, set("toe", 0)},
		{"it refuses what happens after it was said", "toe", signal.CodeRequest, set("toe", now.Unix()+60)},
		{"it refuses another format of subject", "sub_id", signal.CodeRequest, set("sub_id", map[string]any{"format": "email", "id": "g"})},
		{"it refuses no subject", "sub_id", signal.CodeRequest, set("sub_id", map[string]any{"format": "opaque"})},
		{"it refuses a long subject", "sub_id", signal.CodeRequest, set("sub_id", map[string]any{"format": "opaque", "id": long})},
		{"it refuses a long txn", "txn", signal.CodeRequest, set("txn", long)},
		{"it refuses no event", "events", signal.CodeRequest, set("events", map[string]any{})},
		{"it refuses two events", "events", signal.CodeRequest, set("events", map[string]any{
			"urn:mydata:event:grant-withdrawn": map[string]any{"seq": 1}, "urn:mydata:event:grant-paused": map[string]any{"seq": 2}})},
		{"it refuses others' events", "events", signal.CodeRequest, event("https://schemas.openid.net/secevent/caep/event-type/session-revoked", map[string]any{"seq": 1})},
		{"it refuses an odd name", "events", signal.CodeRequest, event("urn:mydata:event:a b", map[string]any{"seq": 1})},
		{"it refuses no number", "event", signal.CodeRequest, event("urn:mydata:event:grant-paused", map[string]any{})},
		{"it refuses a number below 1", "event", signal.CodeRequest, event("urn:mydata:event:grant-paused", map[string]any{"seq": 0})},
		{"it refuses a use below 0", "event", signal.CodeRequest, event("urn:mydata:event:grant-paused", map[string]any{"seq": 1, "use": -1})},
		{"it refuses an event that is no object", "claims", signal.CodeRequest, event("urn:mydata:event:grant-paused", "seq")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.bend(c)
			_, err := signal.Open(signed(t, key, "k1", signal.Type, c), wanted)
			refused(t, err, tt.check, tt.code)
		})
	}
	if _, err := signal.Open(signed(t, key, "k1", signal.Type, good()), wanted); err != nil {
		t.Errorf("the good one: %v", err)
	}
	more := good()
	more["sub"], more["exp"] = "ignored", 1
	if _, err := signal.Open(signed(t, key, "k1", signal.Type, more), wanted); err != nil {
		t.Errorf("with claims that it does not know: %v", err)
	}
}

func refused(t *testing.T, err error, check, code string) {
	t.Helper()
	e, ok := errors.AsType[*signal.Error](err)
	if !ok || e.Check != check || e.Code != code || e.Mender == "" || e.Cause == "" {
		t.Errorf("refused by %v (%+v), want %s, %s", err, e, check, code)
	}
}

func TestOpenRefusesSignatures(t *testing.T) {
	unset := wanted
	unset.Issuer, unset.Audience = "", ""
	private := wanted
	private.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: "k1"}}}
	twice := wanted
	twice.Keys = jose.JSONWebKeySet{Keys: append(append([]jose.JSONWebKey{}, keys.Keys...), keys.Keys...)}
	token := made(t, withdrawn())
	none := strings.Split(token, ".")
	none[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"secevent+jwt","kid":"k1"}`))
	for _, tt := range []struct {
		name, check, code, token string
		want                     signal.Expected
	}{
		{"it refuses another key's signature", "signature", signal.CodeAuthentication, signed(t, other, "k1", signal.Type, good()), wanted},
		{"it refuses a key that it does not know", "key", signal.CodeKey, signed(t, key, "k2", signal.Type, good()), wanted},
		{"it refuses a kid that two keys have", "key", signal.CodeKey, token, twice},
		{"it refuses to verify by a private key", "key", signal.CodeKey, token, private},
		{"it refuses another type", "typ", signal.CodeRequest, signed(t, key, "k1", "JWT", good()), wanted},
		{"it refuses no signature", "form", signal.CodeRequest, strings.Join(none, "."), wanted},
		{"it refuses padding", "form", signal.CodeRequest, token + "=", wanted},
		{"it refuses a line feed that a decoder passes over", "form", signal.CodeRequest, token[:len(token)-9] + "\n" + token[len(token)-9:], wanted},
		{"it refuses another spelling of the same signature", "form", signal.CodeRequest, respelt(token), wanted},
		{"it refuses words", "form", signal.CodeRequest, "hello", wanted},
		{"it refuses what is too long", "size", signal.CodeRequest, strings.Repeat("a", signal.MaxToken+1), wanted},
		{"it refuses all when it knows no issuer", "iss", signal.CodeIssuer, token, unset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := signal.Open(tt.token, tt.want)
			refused(t, err, tt.check, tt.code)
		})
	}
}

// respelt is the token with a last letter that decodes to the same bytes: the 64
// bytes of a signature leave four bits of it unused.
func respelt(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(letters, token[len(token)-1])
	return token[:len(token)-1] + letters[last^1:last^1+1]
}

func TestCitizen(t *testing.T) {
	if id, ok := signal.CitizenOf(signal.Citizen("ada")); !ok || id != "ada" {
		t.Errorf("%q %v", id, ok)
	}
	if _, ok := signal.CitizenOf(agency); ok {
		t.Error("an agency is a citizen")
	}
	if !signal.GrantWithdrawn.Ends() || signal.GrantPaused.Ends() {
		t.Error("a pause ends a grant, or a withdrawal does not")
	}
}
