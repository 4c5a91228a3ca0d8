package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/oauth"
)

// closed is a detail type with two members.
type closed struct{ *transfers }

func (closed) Members() []string { return []string{"bad", "request"} }

// RFC 9396, 5: what is not of the type is refused, with no state kept.
//
//clause:as RFC 9396, 5: unknown types and members refused
func TestDetailsRefuse(t *testing.T) {
	h := newHub(t, func(c *oauth.Config) { c.Details = []oauth.DetailType{closed{c.Details[0].(*transfers)}} })
	agency := h.add("agency", nil)
	push := func(details string) answer {
		form := agency.authorization("")
		form.Set("authorization_details", details)
		return agency.push(form)
	}
	kind := `"type":"` + transferType + `"`
	for _, c := range []struct{ name, details, why string }{
		{"it refuses an unknown type", `[{"type":"payment_initiation"}]`, "unknown type"},
		{"it refuses a type in other letters", `[{"type":"` + strings.ToUpper(transferType) + `"}]`, "unknown type"},
		{"it refuses an unknown member", `[{` + kind + `,"amount":1}]`, "called amount"},
		{"it refuses a common member that the type does not have", `[{` + kind + `,"locations":["https://a.example"]}]`, "called locations"},
		{"it refuses an unknown member of the second element", `[{` + kind + `},{` + kind + `,"x":1}]`, "called x"},
		{"it refuses a member whose name only looks known", `[{` + kind + `,"Request":"a"}]`, "called Request"},
		{"it refuses a member given twice", `[{` + kind + `,"request":"a","request":"b"}]`, "no object"},
		{"it refuses an object", `{` + kind + `}`, "not a JSON array"},
		{"it refuses null", `null`, "no element"},
		{"it refuses an element that is none", `[7]`, "no object"},
		{"it refuses a type that is no text", `[{"type":1}]`, "no object"},
		{"it refuses what is no JSON", `[{`, "not a JSON array"},
		{"it refuses two arrays", `[{` + kind + `}][]`, "not a JSON array"},
		{"it refuses the owner's no", `[{` + kind + `,"bad":"yes"}]`, "purpose: not in the catalogue"},
		{"it keeps a member's name from speaking", `[{` + kind + `,"a\"\n` + strings.Repeat("x", 100) + `":1}]`, "called a''"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := push(c.details)
			refused(t, a, http.StatusBadRequest, "invalid_authorization_details", c.why)
			if a.str("request_uri") != "" {
				t.Errorf("%s", a.text)
			}
		})
	}
	t.Run("it takes the members of the type", func(t *testing.T) {
		if a := push(`[{` + kind + `,"request":"x"}]`); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it says the type, and answers what was given with the token", func(t *testing.T) {
		if types, _ := agency.visit("/.well-known/openid-configuration").body["authorization_details_types_supported"].([]any); len(types) != 1 || types[0] != transferType {
			t.Errorf("%v", types)
		}
		a := agency.redeem(agency.code("", withDetails))
		if given, _ := a.body["authorization_details"].([]any); len(given) != 1 || given[0].(map[string]any)["type"] != transferType {
			t.Errorf("%s", a.text)
		}
	})
}

// RFC 9101 whole, as far as it is done: what must not pass for a request object.
//
//clause:as RFC 9101, 6.3 and 10.8: none, MACs, foreign keys, nesting, another client, what stands outside
func TestRequestObjectTraps(t *testing.T) {
	h := newHub(t)
	c := h.high("bank", map[string]any{"require_signed_request_object": true})
	header := map[jose.HeaderKey]any{"typ": "oauth-authz-req+jwt", "kid": "k1"}
	object := func() map[string]any {
		m := map[string]any{"iss": c.id, "aud": h.url, "exp": h.now().Unix() + 60}
		for name, values := range c.authorization("openid") {
			m[name] = values[0]
		}
		return m
	}
	push := func(compact string, also url.Values) answer {
		form := url.Values{"request": {compact}}
		for name, values := range also {
			form[name] = values
		}
		return h.post("/par", form, c.auth(form))
	}
	by := func(change func(map[string]any)) string {
		m := object()
		change(m)
		return signBy(t, jose.ES256, c.key, header, m)
	}
	payload, err := json.Marshal(object())
	check(t, err)
	public, err := json.Marshal(jose.JSONWebKey{Key: c.key.Public()})
	check(t, err)
	mac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: public}, &jose.SignerOptions{ExtraHeaders: header})
	check(t, err)
	macked, err := mac.Sign(payload)
	check(t, err)
	confused, err := macked.CompactSerialize()
	check(t, err)
	for _, e := range []struct{ name, object, why string }{
		{"it refuses alg none", text(`{"alg":"none","typ":"oauth-authz-req+jwt"}`) + "." + text(string(payload)) + ".", "not a JWT signed"},
		{"it refuses alg None", text(`{"alg":"None","typ":"oauth-authz-req+jwt"}`) + "." + text(string(payload)) + ".", "not a JWT signed"},
		{"it refuses a MAC by the public key", confused, "not a JWT signed"},
		{"it refuses an object without its signature", strings.Join(strings.Split(by(func(map[string]any) {}), ".")[:2], ".") + ".", ""},
		{"it refuses a key that the object brings", signBy(t, jose.ES256, newKey(t), map[jose.HeaderKey]any{"typ": "oauth-authz-req+jwt", "jwk": jose.JSONWebKey{Key: newKey(t).Public()}}, object()), "signature"},
		{"it refuses keys by address", signBy(t, jose.ES256, newKey(t), map[jose.HeaderKey]any{"typ": "oauth-authz-req+jwt", "jku": "https://evil.example/jwks"}, object()), "signature"},
		{"it refuses another audience", by(func(m map[string]any) { m["aud"] = "https://other.example" }), "aud"},
		{"it refuses no audience", by(func(m map[string]any) { delete(m, "aud") }), "aud"},
		{"it refuses an old one", by(func(m map[string]any) { m["exp"] = h.now().Unix() - 1 }), "expired"},
		{"it refuses one from the future by iat", by(func(m map[string]any) { m["iat"] = h.now().Unix() + 61 }), "future"},
		{"it refuses another request within", by(func(m map[string]any) { m["request"] = "a.b.c" }), "another request"},
		{"it refuses a request_uri within", by(func(m map[string]any) { m["request_uri"] = "urn:ietf:params:oauth:request_uri:x" }), "another request"},
		{"it refuses another client within", by(func(m map[string]any) { m["client_id"] = "agency" }), "client_id"},
		{"it refuses no client within", by(func(m map[string]any) { delete(m, "client_id") }), "client_id"},
		{"it refuses one that would be an assertion too", by(func(m map[string]any) { m["sub"] = c.id }), "sub"},
		{"it refuses a client assertion", sign(t, c.key, "", "k1", c.assertionClaims()), "typ"},
		{"it refuses an encrypted one", "a.b.c.d.e", "not a JWT signed"},
	} {
		t.Run(e.name, func(t *testing.T) {
			refused(t, push(e.object, nil), http.StatusBadRequest, "invalid_request_object", e.why)
		})
	}
	t.Run("it refuses another client outside", func(t *testing.T) {
		h.add("agency", nil)
		refused(t, push(by(func(map[string]any) {}), url.Values{"client_id": {"agency"}}), http.StatusUnauthorized, "invalid_client", "iss")
	})
	t.Run("it ignores what stands outside, even what would be refused", func(t *testing.T) {
		a := push(by(func(map[string]any) {}), url.Values{"redirect_uri": {"https://evil.example"}, "response_type": {"token"}, "code_challenge_method": {"plain"}, "state": {"evil"}})
		if back := c.open(url.Values{"client_id": {c.id}, "request_uri": {a.str("request_uri")}, "redirect_uri": {"https://evil.example"}}); back.Get("state") != "st" || back.Get("code") == "" {
			t.Errorf("%d %s: %v", a.status, a.text, back)
		}
	})
	t.Run("it takes nothing that only stands outside", func(t *testing.T) {
		m := object()
		delete(m, "code_challenge")
		a := push(signBy(t, jose.ES256, c.key, header, m), url.Values{"code_challenge": {c.authorization("openid").Get("code_challenge")}})
		refused(t, a, http.StatusBadRequest, "invalid_request", "code_challenge")
	})
	t.Run("it refuses no object at all of who must sign", func(t *testing.T) {
		refused(t, c.push(c.authorization("openid")), http.StatusBadRequest, "invalid_request", "sign")
	})
	t.Run("it takes no object, and none by address, at the authorization endpoint", func(t *testing.T) {
		website := h.website()
		form := website.authorization("openid")
		form.Set("request", by(func(map[string]any) {}))
		if back := website.open(form); back.Get("error") != "request_not_supported" || back.Get("code") != "" {
			t.Errorf("%v", back)
		}
	})
}

func text(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
