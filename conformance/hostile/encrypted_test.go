package hostile_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// requestKey is the key to which wallets encrypt their requests.
func (w *world) requestKey(t testing.TB) jose.JSONWebKey {
	t.Helper()
	m := into[struct {
		Encryption struct {
			JWKS jose.JSONWebKeySet `json:"jwks"`
		} `json:"credential_request_encryption"`
	}](t, get(t, w.hub+"/.well-known/openid-credential-issuer"))
	if len(m.Encryption.JWKS.Keys) != 1 {
		t.Fatal("no key to encrypt to")
	}
	return m.Encryption.JWKS.Keys[0]
}

// A sealing is how a request is encrypted.
type sealing struct {
	key  jose.JSONWebKey
	alg  jose.KeyAlgorithm
	enc  jose.ContentEncryption
	more jose.EncrypterOptions
}

func (s sealing) seal(t testing.TB, body string) string {
	t.Helper()
	e, err := jose.NewEncrypter(s.enc, jose.Recipient{Algorithm: s.alg, Key: s.key.Key, KeyID: s.key.KeyID}, &s.more)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (i issue) sealed(t testing.TB, w *world, jwe string) answer {
	return ask(t, http.MethodPost, w.hub+"/credential", jwe, append(bearer(t, i.dpop, "POST", w.hub+"/credential", i.token), "Content-Type", "application/jwt")...)
}

// answerTo asks for an encrypted answer: members of the key are bent.
func answerTo(t testing.TB, proof string, key *ecdsa.PrivateKey, bend func(jwk, encryption map[string]any)) string {
	t.Helper()
	var jwk map[string]any
	if err := json.Unmarshal(encode(t, public(key)), &jwk); err != nil {
		t.Fatal(err)
	}
	jwk["alg"], jwk["kid"] = "ECDH-ES", "mine"
	encryption := map[string]any{"jwk": jwk, "enc": "A256GCM"}
	if bend != nil {
		bend(jwk, encryption)
	}
	request := map[string]any{"credential_configuration_id": "resident_card_sd_jwt", "proofs": map[string]any{"jwt": []string{proof}}, "credential_response_encryption": encryption}
	return string(encode(t, request))
}

func (w *world) good(t testing.TB) sealing {
	return sealing{key: w.requestKey(t), alg: jose.ECDH_ES, enc: jose.A256GCM}
}

var encryptedControls = []control{{"an encrypted request with an encrypted answer", func(t *testing.T, w *world) answer {
	i := w.issue(t, w.kim)
	return i.sealed(t, w, w.good(t).seal(t, answerTo(t, i.keyProof(t, w), newKey(t), nil)))
}, 200}}

// encryptions attack encrypted requests and answers (OpenID4VCI 1.0, 8.2, 8.3.1.2, 10).
func encryptions() []attempt {
	var list []attempt
	add := func(name, code string, try func(t *testing.T, w *world, i issue, s sealing) answer) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			return try(t, w, w.issue(t, w.kim), w.good(t))
		}})
	}
	const parameters, bad = "invalid_encryption_parameters", "invalid_credential_request"
	sealed := func(name, code string, bend func(t *testing.T, w *world, s *sealing)) {
		add("it opens no request "+name, code, func(t *testing.T, w *world, i issue, s sealing) answer {
			bend(t, w, &s)
			return i.sealed(t, w, s.seal(t, cardRequest(i.keyProof(t, w))))
		})
	}
	sealed("with a wrapped key", parameters, func(_ *testing.T, _ *world, s *sealing) { s.alg = jose.ECDH_ES_A256KW })
	sealed("with a shared key", parameters, func(_ *testing.T, _ *world, s *sealing) {
		s.alg, s.key.Key = jose.DIRECT, make([]byte, 32)
	})
	sealed("with a password", parameters, func(_ *testing.T, _ *world, s *sealing) {
		s.alg, s.key.Key = jose.PBES2_HS256_A128KW, []byte("password")
	})
	sealed("without authenticated encryption by GCM", parameters, func(_ *testing.T, _ *world, s *sealing) { s.enc = jose.A128CBC_HS256 })
	sealed("to an unknown key", parameters, func(_ *testing.T, _ *world, s *sealing) { s.key.KeyID = "nobody" })
	sealed("to a key without name", parameters, func(_ *testing.T, _ *world, s *sealing) { s.key.KeyID = "" })
	sealed("to another key under the right name", bad, func(t *testing.T, _ *world, s *sealing) { s.key.Key = &newKey(t).PublicKey })
	sealed("that was compressed", parameters, func(_ *testing.T, _ *world, s *sealing) { s.more.Compression = jose.DEFLATE })
	sealed("within a request", parameters, func(_ *testing.T, _ *world, s *sealing) { s.more.WithContentType("JWT") })
	add("it opens no request that blows up", parameters, func(t *testing.T, w *world, i issue, s sealing) answer {
		s.more.Compression = jose.DEFLATE
		return i.sealed(t, w, s.seal(t, long(16<<20)))
	})
	text := func(name string, status int, code string, jwe func(good string) string) {
		add(name, code, func(t *testing.T, w *world, i issue, s sealing) answer {
			return i.sealed(t, w, jwe(s.seal(t, cardRequest(i.keyProof(t, w)))))
		})
		list[len(list)-1].status = status
	}
	text("it opens nothing", 400, bad, func(string) string { return "" })
	text("it opens no JWS", 400, bad, func(string) string { return "e30.e30.e30" })
	text("it opens what is no JWE", 400, bad, func(string) string { return mark })
	text("it opens no request of six parts", 400, bad, func(s string) string { return s + ".e30" })
	text("it opens no request with its tag changed", 400, bad, func(s string) string { return s[:len(s)-4] + "AAAA" })
	text("it opens no request whose header is given twice", 400, bad, func(s string) string {
		_, rest, _ := strings.Cut(s, ".")
		return b64.EncodeToString([]byte(`{"alg":"ECDH-ES","alg":"dir","enc":"A256GCM","kid":"x"}`)) + "." + rest
	})
	text("it opens no request of 300 KiB", 413, "body", func(string) string { return long(300 << 10) })
	inside := func(name, code, body string) {
		add("it refuses within an encrypted request "+name, code, func(t *testing.T, w *world, i issue, s sealing) answer {
			return i.sealed(t, w, s.seal(t, body))
		})
	}
	inside("what is no JSON", bad, "{")
	inside("a member given twice", bad, `{"credential_configuration_id":"a","credential_configuration_id":"b"}`)
	inside("JSON nested 9000 deep", bad, `{"proofs":`+deep(9000)+`}`)
	inside("an unknown card", "unknown_credential_configuration", `{"credential_configuration_id":"passport","proofs":{"jwt":["x"]}}`)
	answered := func(name string, bend func(jwk, encryption map[string]any)) {
		add("it encrypts no answer "+name, parameters, func(t *testing.T, w *world, i issue, s sealing) answer {
			return i.sealed(t, w, s.seal(t, answerTo(t, i.keyProof(t, w), newKey(t), bend)))
		})
	}
	answered("without key", func(_, e map[string]any) { delete(e, "jwk") })
	answered("to a secret key", func(_, e map[string]any) { e["jwk"] = map[string]any{"kty": "oct", "k": "AAAA", "alg": "ECDH-ES"} })
	answered("to a private key", func(jwk, _ map[string]any) { jwk["d"] = b64.EncodeToString(make([]byte, 32)) })
	answered("to a point beside the curve", func(jwk, _ map[string]any) { jwk["x"] = strings.Repeat("A", 43) })
	answered("to a key for signatures", func(jwk, _ map[string]any) { jwk["use"] = "sig" })
	answered("to a key without alg", func(jwk, _ map[string]any) { delete(jwk, "alg") })
	answered("to a key of another alg", func(jwk, _ map[string]any) { jwk["alg"] = "RSA-OAEP" })
	answered("by an unknown enc", func(_, e map[string]any) { e["enc"] = "none" })
	answered("without enc", func(_, e map[string]any) { delete(e, "enc") })
	answered("that is compressed", func(_, e map[string]any) { e["zip"] = "DEF" })
	add("it encrypts no answer that was asked for in plain", parameters, func(t *testing.T, w *world, i issue, _ sealing) answer {
		return i.ask(t, w, answerTo(t, i.keyProof(t, w), newKey(t), nil))
	})
	add("it answers no encrypted request twice", "invalid_nonce", func(t *testing.T, w *world, i issue, s sealing) answer {
		jwe := s.seal(t, answerTo(t, i.keyProof(t, w), newKey(t), nil))
		if a := i.sealed(t, w, jwe); a.status != http.StatusOK {
			t.Fatalf("the first time: %d %s", a.status, a.body)
		}
		w.settle(t)
		return i.sealed(t, w, jwe)
	})
	add("it answers no encrypted request with another's token", "invalid_nonce", func(t *testing.T, w *world, i issue, s sealing) answer {
		jwe := s.seal(t, cardRequest(i.keyProof(t, w)))
		if a := i.sealed(t, w, jwe); a.status != http.StatusOK {
			t.Fatalf("the first time: %d %s", a.status, a.body)
		}
		w.settle(t)
		return w.issue(t, w.lee).sealed(t, w, jwe)
	})
	return list
}

// pasts attack the lists of the past (Token Status List, 8.4) and their forms (8.1).
func pasts() []attempt {
	var list []attempt
	add := func(name, query string, status int, code string, headers ...string) {
		list = append(list, attempt{name: name, status: status, code: code, check: "status list", try: func(t *testing.T, w *world) answer {
			all := into[struct {
				Lists []string `json:"status_lists"`
			}](t, get(t, w.hub+"/status"))
			if len(all.Lists) == 0 {
				t.Fatal("no status lists")
			}
			if len(headers) == 0 {
				headers = []string{"Accept", "application/statuslist+jwt"}
			}
			return get(t, all.Lists[0]+query, headers...)
		}})
	}
	for _, at := range []string{"", "x", "-1", "1e3", "1.5", "0x10", "NaN", "9223372036854775808", "253402300800", "1%20", "%00", "%FF"} {
		add("it answers no time "+at, "?time="+at, 400, "time")
	}
	add("it answers no two times", "?time=1&time=2", 400, "time")
	add("it answers no time beside what cannot be read", "?time=1&%zz", 400, "time")
	add("it answers no time before there was a list", "?time=1", 404, "history")
	add("it answers no time that has not come", fmt.Sprintf("?time=%d", in(3600)), 404, "history")
	add("it has no list as a page", "", 406, "not_acceptable", "Accept", "text/html")
	add("it has no list that is refused", "", 406, "not_acceptable", "Accept", "application/statuslist+jwt;q=0, application/statuslist+cwt;q=0")
	return list
}
