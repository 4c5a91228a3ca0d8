package consent_test

import (
	"crypto"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// hubs signs any payload as the hub does, under any typ.
func hubs(t *testing.T, key crypto.Signer, kid, typ string, payload any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid))
	ok(t, "signer", err)
	raw, err := json.Marshal(payload)
	ok(t, "marshal", err)
	object, err := signer.Sign(raw)
	ok(t, "sign", err)
	jws, err := object.CompactSerialize()
	ok(t, "serialize", err)
	return jws
}

func TestOpenHubRefuses(t *testing.T) {
	w := consenttest.New()
	kid := w.Trust.HubKeys.Keys[0].KeyID
	promise := consent.PromiseClaims{Issuer: consenttest.Issuer, GrantID: "g", Use: 1}
	record := consent.RecordClaims{Issuer: consenttest.Issuer, GrantID: "g"}
	long := promise
	long.Nonce = strings.Repeat("n", 60<<10)
	good := hubs(t, w.Hub, kid, consent.PromiseJWT, promise)
	_, err := consent.OpenPromise(good, w.Trust.HubKeys)
	ok(t, "promise", err)
	_, err = consent.OpenRecord(hubs(t, w.Hub, kid, consent.RecordJWT, record), w.Trust.HubKeys)
	ok(t, "record", err)
	private := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.Hub, KeyID: kid}}}
	twice := jose.JSONWebKeySet{Keys: append(w.Trust.HubKeys.Keys, w.Trust.HubKeys.Keys...)}
	for _, c := range []struct {
		name, jws, says string
		keys            jose.JSONWebKeySet
	}{
		{"it refuses an endless text", hubs(t, w.Hub, kid, consent.PromiseJWT, long), "longer", w.Trust.HubKeys},
		{"it refuses stray bits at the end", good[:len(good)-1] + string(rune(good[len(good)-1]+1)), "base64url", w.Trust.HubKeys},
		{"it refuses what is no JWS", "YQ.YQ", "JWS", w.Trust.HubKeys},
		{"it refuses a record for a promise", hubs(t, w.Hub, kid, consent.RecordJWT, promise), "typ", w.Trust.HubKeys},
		{"it refuses an unknown key", hubs(t, w.Hub, "other", consent.PromiseJWT, promise), "not one of the hub's", w.Trust.HubKeys},
		{"it refuses two keys of one name", good, "not one of the hub's", twice},
		{"it trusts in no private key", good, "not one of the hub's", private},
		{"it refuses another's signature", hubs(t, consenttest.NewKey(), kid, consent.PromiseJWT, promise), "does not verify", w.Trust.HubKeys},
		{"it refuses a member that it does not know", hubs(t, w.Hub, kid, consent.PromiseJWT, map[string]any{"iss": "x", "more": 1}), "payload", w.Trust.HubKeys},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := consent.OpenPromise(c.jws, c.keys)
			says(t, c.name, err, "promise signature", c.says)
		})
	}
	_, err = consent.OpenRecord(good, w.Trust.HubKeys)
	says(t, "it refuses a promise for a record", err, "hub record", "typ")
	record.GrantID = consent.GrantID(strings.Repeat("g", 60<<10))
	_, err = consent.OpenRecord(hubs(t, w.Hub, kid, consent.RecordJWT, record), w.Trust.HubKeys)
	says(t, "it refuses an endless record", err, "hub record", "longer")
}

func TestOpenAgenciesRefuses(t *testing.T) {
	w := consenttest.New()
	digest := consent.DigestOf("x")
	commit := map[string]any{
		"iss": w.Provider.ID, "aud": consenttest.Issuer, "iat": w.Now().Unix(), "grant_id": "g", "use": 1,
		"terms": digest, "ciphertext": digest, "plaintext": digest, "nonce": digest,
	}
	received := map[string]any{"iss": w.Provider.ID, "aud": consenttest.Issuer, "iat": w.Now().Unix(), "grant_id": "g", "use": 1, "commit": digest}
	signed := func(typ string, claims map[string]any, name string, value any) string {
		bent := map[string]any{}
		for k, v := range claims {
			bent[k] = v
		}
		bent[name] = value
		payload, err := json.Marshal(bent)
		ok(t, "marshal", err)
		jws, err := catalogue.SignAs(typ, payload, w.Provider.Key, w.Provider.Chain)
		ok(t, "sign", err)
		return jws
	}
	for _, c := range []struct {
		name, member string
		value        any
		want, says   string // of the commit
	}{
		{"it takes a whole one", "use", 2, "", ""},
		{"it refuses another's name", "iss", w.Consumer.ID, "signature", "signed for"},
		{"it refuses one of no time", "iat", 0, "signature", "iat"},
		{"it refuses a member that it does not know", "more", 1, "signature", "payload"},
		{"it refuses no grant", "grant_id", "", "", "missing"},
		{"it refuses no use", "use", 0, "", "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, first := consent.OpenCommit(signed(consent.CommitJWT, commit, c.member, c.value), w.Trust.AgencyRoots)
			_, second := consent.OpenReceived(signed(consent.ReceivedJWT, received, c.member, c.value), w.Trust.AgencyRoots)
			if c.says == "" {
				ok(t, "commit", first)
				ok(t, "received", second)
				return
			}
			names := []string{"commit", "received"}
			if c.want != "" {
				names = []string{"commit signature", "countersignature"}
			}
			says(t, "commit", first, names[0], c.says)
			says(t, "received", second, names[1], c.says)
		})
	}
	for _, member := range []string{"terms", "ciphertext", "plaintext"} {
		_, err := consent.OpenCommit(signed(consent.CommitJWT, commit, member, "x"), w.Trust.AgencyRoots)
		says(t, "it refuses a stray digest of "+member, err, "commit", member)
	}
	for _, nonce := range []string{"", strings.Repeat("n", 21), strings.Repeat("n", 87)} {
		_, err := consent.OpenCommit(signed(consent.CommitJWT, commit, "nonce", nonce), w.Trust.AgencyRoots)
		says(t, "it refuses a nonce of a strange length", err, "commit", "nonce")
	}
	_, err := consent.OpenReceived(signed(consent.ReceivedJWT, received, "commit", "x"), w.Trust.AgencyRoots)
	says(t, "it refuses a stray commit", err, "received", "commit")
	_, err = consent.OpenRequest("a.b.c", w.Trust.AgencyRoots)
	check(t, "it refuses what nobody signed", err, "request signature")
}

func TestParseTermsRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"it refuses what is no JSON", "{", "terms"},
		{"it refuses an unknown member", `{"more":1}`, "member"},
		{"it refuses a member twice", `{"grant_id":"a","grant_id":"b"}`, "uplicate"},
		{"it refuses another type", `{"max_uses":"two"}`, "cannot unmarshal"},
		{"it refuses an endless text", strings.Repeat(" ", 64<<10) + `{}`, "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := consent.ParseTerms([]byte(c.text))
			says(t, c.name, err, "terms", c.says)
		})
	}
}
