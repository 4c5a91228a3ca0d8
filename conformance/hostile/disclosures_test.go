package hostile_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// reshown is kim's card with its issuer's part and its disclosures changed, and a key
// binding by kim over what came of it: a refusal is then due to the change alone.
func (w *world) reshown(t testing.TB, q question, change func(issued string, disclosures []string) (string, []string)) string {
	t.Helper()
	whole := w.presentation(t, q)
	parts := strings.Split(whole[:strings.LastIndexByte(whole, '~')], "~")
	issued, disclosures := change(parts[0], parts[1:])
	shown := strings.Join(append([]string{issued}, disclosures...), "~") + "~"
	sum := sha256.Sum256([]byte(shown))
	way := q.Ways(q.Needed[0])[0]
	return shown + jwt{
		head:   map[string]any{"typ": "kb+jwt"},
		claims: map[string]any{"aud": q.Authorization.ClientID, "nonce": q.Authorization.Nonce, "iat": now(), "sd_hash": b64.EncodeToString(sum[:])},
		key:    readKey(t, filepath.Join(w.kim.cards, way.Credential.ID+".pem")),
	}.sign(t)
}

var disclosureControls = []control{{"a card as it is", func(t *testing.T, w *world) answer {
	q := w.question(t)
	whole := w.reshown(t, q, func(issued string, d []string) (string, []string) { return issued, d })
	return q.answered(t, map[string][]string{q.Needed[0]: {whole}})
}, 200}}

// disclosures attack what a holder shows of a card (RFC 9901, 7.1 and 7.3; SD-JWT VC,
// 2.2.2.3), and what an issuer signed of it.
func disclosures() []attempt {
	var list []attempt
	bent := func(name, check string, change func(issued string, d []string) (string, []string)) {
		list = append(list, attempt{name: name, status: 400, code: "rejected", check: check, try: func(t *testing.T, w *world) answer {
			q := w.question(t)
			return q.answered(t, map[string][]string{q.Needed[0]: {w.reshown(t, q, change)}})
		}})
	}
	encoded := func(text string) string { return b64.EncodeToString([]byte(text)) }
	const format, signature = "format", "issuer signature"
	more := func(name, check, disclosure string) {
		bent("it rejects a card with a disclosure "+name, check, func(issued string, d []string) (string, []string) { return issued, append(d, disclosure) })
	}
	more("that nobody issued", signature, encoded(`["salt","admin",true]`))
	more("of an array's element that nobody issued", signature, encoded(`["salt",true]`))
	more("of a type", signature, encoded(`["salt","vct","urn:x"]`))
	more("of a status", signature, encoded(`["salt","status",{}]`))
	more("of an end", signature, encoded(`["salt","exp",99999999999]`))
	more("of a key", signature, encoded(`["salt","cnf",{}]`))
	more("that holds digests", format, encoded(`["salt","_sd",["x"]]`))
	more("that stands for an element", format, encoded(`["salt","...","x"]`))
	more("that changes the hash", format, encoded(`["salt","_sd_alg","md5"]`))
	more("without salt", format, encoded(`[7,"name","x"]`))
	more("of four parts", format, encoded(`["salt","name","x","y"]`))
	more("of one part", format, encoded(`["salt"]`))
	more("that is an object", format, encoded(`{"salt":"x"}`))
	more("that is no JSON", format, encoded(`["salt",`))
	more("with a name given twice", format, encoded(`["salt","name",{"a":1,"a":2}]`))
	more("nested 9000 deep", format, encoded(`["salt","name",`+deep(9000)+`]`))
	more("that is not UTF-8", format, encoded("[\"salt\",\"name\",\"\xff\"]"))
	more("that is not base64url", format, "+/+/")
	more("with padding", format, encoded(`["salt","name",1]`)+"=")
	more("of nothing", format, "")
	more("with a line break", format, encoded(`["salt","name",1]`)[:8]+"\n"+encoded(`["salt","name",1]`)[8:])
	bent("it rejects a card whose disclosure was changed", signature, func(issued string, d []string) (string, []string) {
		d[0] = encoded(`["salt","name","Somebody Else"]`)
		return issued, d
	})
	bent("it rejects a card with the disclosures of another", signature, func(issued string, d []string) (string, []string) {
		d[0] = encoded(`["` + text() + `","age_over_19",true]`)
		return issued, d
	})
	bent("it rejects a card with a disclosure in another place", signature, func(issued string, d []string) (string, []string) {
		return issued, append(d, encoded(`["salt","address",{"name":"`+d[0]+`"}]`))
	})
	bent("it rejects a card with two disclosures of one text", format, func(issued string, d []string) (string, []string) { return issued, append(d, d[0]) })
	bent("it rejects a card with a thousand disclosures", format, func(issued string, d []string) (string, []string) {
		for i := range 1000 {
			d = append(d, encoded(fmt.Sprintf(`["salt","n%d",1]`, i)))
		}
		return issued, d
	})
	part := func(name, check string, n int, change func(part string) string) {
		bent(name, check, func(issued string, d []string) (string, []string) {
			parts := strings.Split(issued, ".")
			parts[n] = change(parts[n])
			return strings.Join(parts, "."), d
		})
	}
	header := func(name, check, text string) {
		part("it rejects a card "+name, check, 0, func(string) string { return encoded(text) })
	}
	header("that nobody signed", "issuer trusted", `{"alg":"none","typ":"dc+sd-jwt"}`)
	header("by a secret", "issuer trusted", `{"alg":"HS256","typ":"dc+sd-jwt","kid":"x"}`)
	header("that brings its own key", "issuer trusted", `{"alg":"ES256","typ":"dc+sd-jwt","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`)
	header("with keys at a private address", "issuer trusted", `{"alg":"ES256","typ":"dc+sd-jwt","jku":"http://169.254.169.254/"}`)
	header("of a DID that nobody trusts", "issuer trusted", `{"alg":"ES256","typ":"dc+sd-jwt","kid":"did:web:127.0.0.1#1"}`)
	header("of another typ", format, `{"alg":"ES256","typ":"JWT"}`)
	header("without typ", format, `{"alg":"ES256"}`)
	header("with a critical header", format, `{"alg":"ES256","typ":"dc+sd-jwt","crit":["x"],"x":1}`)
	header("whose header has a name given twice", format, `{"alg":"ES256","alg":"none","typ":"dc+sd-jwt"}`)
	header("with certificates that are none", format, `{"alg":"ES256","typ":"dc+sd-jwt","x5c":["?"]}`)
	part("it rejects a card with other claims", "issuer trusted", 1, func(string) string { return encoded(`{"vct":"urn:other"}`) })
	// 77 characters are base64 of nothing; one more may be of 58 bytes.
	part("it rejects a card whose signature is cut off", format, 2, func(s string) string { return s[:len(s)-9] })
	part("it rejects a card whose signature is of zeros", signature, 2, func(string) string { return b64.EncodeToString(make([]byte, 64)) })
	part("it rejects a card of four parts", format, 2, func(s string) string { return s + ".e30" })
	return list
}
