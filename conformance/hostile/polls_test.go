package hostile_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/signal"
)

const pollBody = `{"maxEvents":1,"returnImmediately":true}`

// call is an agency's word for a poll with this body.
func (w *world) call(t testing.TB, p party, body string, bends ...bend) string {
	return p.signed(t, consent.CallJWT, consent.CallClaims{Issuer: p.agency, Audience: w.hub + "/agency/signals", IssuedAt: now(), ID: text(),
		Body: consent.DigestOfBody([]byte(body))}, bends...)
}

func (w *world) poll(t testing.TB, body, token string) answer {
	return postJSON(t, w.hub+"/agency/signals", body, "Authorization", "Bearer "+token)
}

var signalControls = []control{
	{"a poll", func(t *testing.T, w *world) answer { return w.poll(t, pollBody, w.call(t, w.other, pollBody)) }, 200},
}

// signals attack the door where agencies poll (RFC 8936), and the doors of
// agencies where the hub pushes (RFC 8935).
func signals() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: try})
	}
	const no = "not_authenticated"
	for name, bends := range signatures("poll") {
		if strings.HasSuffix(name, "no row can hold") || strings.HasSuffix(name, "with a line break in it") {
			continue // a jti is digested; no header field can hold a line break
		}
		add(name, 401, no, "call", func(t *testing.T, w *world) answer {
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w))
			}
			return w.poll(t, pollBody, w.call(t, w.asks, pollBody, all...))
		})
	}
	for name, bent := range map[string]bend{"for another address": claim("aud", "https://elsewhere.example/agency/signals"), "for the hub and no address": claim("aud", "http://localhost"),
		"of another body": claim("body", consent.DigestOfBody([]byte("{}"))), "of no body": claim("body", nil), "of an hour ago": claim("iat", in(-3600)), "of the next hour": claim("iat", in(3600)), "without a number": claim("jti", nil),
		"in another agency's name": claim("iss", "urn:mydata:agency:health-insurance")} {
		add("it answers no poll "+name, 401, no, "call", func(t *testing.T, w *world) answer {
			return w.poll(t, pollBody, w.call(t, w.asks, pollBody, bent))
		})
	}
	add("it answers no poll twice", 401, no, "call", func(t *testing.T, w *world) answer {
		token := w.call(t, w.other, pollBody)
		if a := w.poll(t, pollBody, token); a.status != http.StatusOK {
			t.Errorf("the first: %d %s", a.status, a.body)
		}
		return w.poll(t, pollBody, token)
	})
	add("it answers no poll of nobody", 401, no, "call", func(t *testing.T, w *world) answer { return postJSON(t, w.hub+"/agency/signals", pollBody) })
	add("it answers no poll by a commit", 401, no, "call", func(t *testing.T, w *world) answer {
		return w.poll(t, pollBody, w.other.signed(t, consent.ReadyJWT, consent.ReadyClaims{Issuer: w.other.agency, Audience: w.hub, IssuedAt: now(), GrantID: "x", Use: 1}))
	})
	for name, body := range map[string]string{"for minus one": `{"maxEvents":-1}`, "that is a list": `[]`, "that is nothing": ``, "with a text for a number": `{"maxEvents":"all"}`, "with acks that are a number": `{"ack":7}`, "with an ack of nothing": `{"ack":[""]}`, "with a fault of nothing": `{"setErrs":{"":{}}}`} {
		add("it answers no poll "+name, 400, signal.CodeRequest, "poll", func(t *testing.T, w *world) answer { return w.poll(t, body, w.call(t, w.other, body)) })
	}
	add("it answers no poll that is a form", 415, "media_type", "content type", func(t *testing.T, w *world) answer {
		return ask(t, http.MethodPost, w.hub+"/agency/signals", "x", "Content-Type", formType, "Authorization", "Bearer "+w.call(t, w.other, "x"))
	})
	return append(list, pushes()...)
}

// hubKey is the name of a key that the hub signs with.
func (w *world) hubKey() string {
	keys, err := os.ReadFile(w.Path("trust", "hub.json"))
	if err != nil {
		panic(err)
	}
	var hub struct {
		JWKS struct {
			Keys []struct{ Kid string } `json:"keys"`
		} `json:"jwks"`
	}
	if err := json.Unmarshal(keys, &hub); err != nil || len(hub.JWKS.Keys) == 0 {
		panic("no key of the hub's")
	}
	return hub.JWKS.Keys[0].Kid
}

// pushes are security event tokens of whoever is not the hub, at agencies' doors.
func pushes() []attempt {
	var list []attempt
	set := func(w *world, audience string) jwt {
		return jwt{head: map[string]any{"typ": signal.Type, "kid": w.asks.kid}, key: w.asks.key, claims: map[string]any{
			"iss": w.hub, "aud": audience, "jti": text(), "iat": now(), "toe": now(), "sub_id": map[string]any{"format": "opaque", "id": w.kim.grant},
			"events": map[string]any{"urn:mydata:event:grant-withdrawn": map[string]any{"seq": 1}}}}
	}
	for _, door := range []string{"insurer", "licence office"} {
		at := func(w *world) (string, party) {
			if door == "insurer" {
				return w.insurer, w.gives
			}
			return w.licence, w.asks
		}
		for name, c := range map[string]struct {
			code  string
			bends func(w *world) []bend
		}{
			"by another key than the hub's": {signal.CodeKey, func(*world) []bend { return nil }},
			"without a key's name":          {signal.CodeKey, func(*world) []bend { return []bend{head("kid", nil)} }},
			"that brings its own key":       {signal.CodeKey, func(w *world) []bend { return []bend{head("jwk", public(w.asks.key))} }},
			"by another key in the name of the hub's": {signal.CodeAuthentication, func(w *world) []bend {
				return []bend{func(j *jwt) { j.head["kid"] = w.hubKey() }}
			}},
			"that is not signed":             {signal.CodeRequest, func(*world) []bend { return []bend{unsigned()} }},
			"by a public key as a secret":    {signal.CodeRequest, func(w *world) []bend { return []bend{symmetric(&w.asks.key.PublicKey)} }},
			"that calls itself an id token":  {signal.CodeRequest, func(*world) []bend { return []bend{head("typ", "JWT")} }},
			"with bits that nobody looks at": {signal.CodeRequest, func(*world) []bend { return []bend{compacted(func(s string) string { return s + "=" })} }},
			"of two parts": {signal.CodeRequest, func(*world) []bend {
				return []bend{compacted(func(s string) string { return s[:strings.LastIndex(s, ".")] })}
			}},
			"that is longer than any": {signal.CodeRequest, func(*world) []bend { return []bend{claim("txn", long(1<<20))} }},
		} {
			list = append(list, attempt{name: "the " + door + " takes no signal " + name, status: 400, code: "", try: func(t *testing.T, w *world) answer {
				address, to := at(w)
				a := ask(t, http.MethodPost, address+"/signals", set(w, to.agency).sign(t, c.bends(w)...), "Content-Type", signal.MediaType)
				if !strings.Contains(a.body, `"err":"`+c.code+`"`) {
					t.Errorf("wanted %s: %s", c.code, a.body)
				}
				return a
			}})
		}
		list = append(list, attempt{name: "the " + door + " takes no signal as JSON", status: 400, try: func(t *testing.T, w *world) answer {
			address, _ := at(w)
			return postJSON(t, address+"/signals", "{}")
		}}, attempt{name: "the " + door + " shows no signals", status: 405, try: func(t *testing.T, w *world) answer {
			address, _ := at(w)
			return get(t, address+"/signals")
		}})
	}
	return list
}
