package verifier_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// target is a request as an attacker sees it who read it.
type target struct {
	uri, state string
	key        jose.JSONWebKey
}

func (h *house) target(t *testing.T, link string) target {
	t.Helper()
	l, err := openid4vp.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	_, object := get(t, http.DefaultClient, l.RequestURI)
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(object, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		ResponseURI string `json:"response_uri"`
		State       string `json:"state"`
		Metadata    struct {
			JWKS jose.JSONWebKeySet `json:"jwks"`
		} `json:"client_metadata"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	x := target{uri: claims.ResponseURI, state: claims.State}
	if len(claims.Metadata.JWKS.Keys) > 0 {
		x.key = claims.Metadata.JWKS.Keys[0]
	}
	return x
}

func (x target) encrypt(t *testing.T, body string, enc jose.ContentEncryption, change func(*jose.Recipient, *jose.EncrypterOptions)) string {
	t.Helper()
	to, options := jose.Recipient{Algorithm: jose.ECDH_ES, Key: x.key.Key, KeyID: x.key.KeyID}, &jose.EncrypterOptions{}
	if change != nil {
		change(&to, options)
	}
	e, err := jose.NewEncrypter(enc, to, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Whatever does not open to this request's key and state is refused by its check,
// and the request goes on as if it had not come.
//
//clause:verifier 8.3, 8.3.1: direct_post.jwt, no compression, one answer, junk burns nothing
func TestBombsBurnNothing(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{"query":`+nameOfCard+`}`)
	other, _ := h.place(t, `{"query":`+nameOfCard+`}`)
	x, elsewhere := h.target(t, placed.Request), h.target(t, other.Request)
	good := `{"vp_token":{"card":["x"]},"state":"` + x.state + `"}`
	deep := func(n int) string {
		return `{"state":"` + x.state + `","vp_token":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	zip := func(_ *jose.Recipient, o *jose.EncrypterOptions) { o.Compression = jose.DEFLATE }
	const encryption, state = openid4vp.CheckEncryption, openid4vp.CheckState
	for _, c := range []struct{ name, jwe, check string }{
		{"it refuses compression", x.encrypt(t, good, jose.A256GCM, zip), encryption},
		{"it refuses a bomb", x.encrypt(t, good+strings.Repeat(" ", 20<<20), jose.A256GCM, zip), encryption},
		{"it refuses another content encryption", x.encrypt(t, good, jose.A128CBC_HS256, nil), encryption},
		{"it refuses a wrapped key", x.encrypt(t, good, jose.A256GCM, func(r *jose.Recipient, _ *jose.EncrypterOptions) { r.Algorithm = jose.ECDH_ES_A128KW }), encryption},
		{"it refuses another's key", x.encrypt(t, good, jose.A256GCM, func(r *jose.Recipient, _ *jose.EncrypterOptions) { r.Key = wallettest.Key(t).Public() }), encryption},
		{"it refuses the key of another request", elsewhere.encrypt(t, good, jose.A256GCM, nil), encryption},
		{"it refuses no kid", x.encrypt(t, good, jose.A256GCM, func(r *jose.Recipient, _ *jose.EncrypterOptions) { r.KeyID = "" }), encryption},
		{"it refuses the kid of another request", x.encrypt(t, good, jose.A256GCM, func(r *jose.Recipient, _ *jose.EncrypterOptions) { r.KeyID = elsewhere.key.KeyID }), encryption},
		{"it refuses the state of another request", x.encrypt(t, strings.Replace(good, x.state, elsewhere.state, 1), jose.A256GCM, nil), state},
		{"it refuses no state", x.encrypt(t, `{"vp_token":{"card":["x"]}}`, jose.A256GCM, nil), state},
		{"it refuses a state that is no text", x.encrypt(t, `{"vp_token":{"card":["x"]},"state":7}`, jose.A256GCM, nil), encryption},
		{"it refuses a name given twice", x.encrypt(t, `{"state":"x",`+good[1:], jose.A256GCM, nil), encryption},
		{"it refuses a name in other letters", x.encrypt(t, strings.Replace(good, `"state"`, `"STATE"`, 1), jose.A256GCM, nil), state},
		{"it refuses what is nested too deep", x.encrypt(t, deep(40), jose.A256GCM, nil), encryption},
		{"it refuses what is nested without end", x.encrypt(t, deep(10000), jose.A256GCM, nil), encryption},
		{"it refuses what is no object", x.encrypt(t, `[]`, jose.A256GCM, nil), encryption},
		{"it refuses what follows an object", x.encrypt(t, good+`{}`, jose.A256GCM, nil), encryption},
		{"it refuses what is not UTF-8 for its state", x.encrypt(t, "{\"state\":\"\xff\"}", jose.A256GCM, nil), state},
		{"it refuses a signed answer", "e30.e30.AA", encryption},
		{"it refuses five empty parts", "....", encryption},
	} {
		t.Run(c.name, func(t *testing.T) { h.burnsNothing(t, x.uri, url.Values{"response": {c.jwe}}, placed.ID, c.check) })
	}
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatalf("the request was burnt: %v", err)
	}
}

//clause:verifier 8.3, 8.3.1: direct_post.jwt, no compression, one answer, junk burns nothing
func TestJunkInPlainBurnsNothing(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{"query":`+nameOfCard+`,"response_mode":"direct_post"}`)
	other, _ := h.place(t, `{"query":`+nameOfCard+`,"response_mode":"direct_post"}`)
	x, elsewhere := h.target(t, placed.Request), h.target(t, other.Request)
	const encryption, state, token = openid4vp.CheckEncryption, openid4vp.CheckState, `{"card":["x"]}`
	for _, c := range []struct {
		name  string
		form  url.Values
		check string
	}{
		{"it refuses nothing", url.Values{}, state},
		{"it refuses no state", url.Values{"vp_token": {token}}, state},
		{"it refuses the state of another request", url.Values{"vp_token": {token}, "state": {elsewhere.state}}, state},
		{"it refuses two states", url.Values{"vp_token": {token}, "state": {x.state, x.state}}, encryption},
		{"it refuses two tokens", url.Values{"vp_token": {token, token}, "state": {x.state}}, encryption},
		{"it refuses an encrypted answer", url.Values{"response": {"a.b.c.d.e"}, "state": {x.state}}, encryption},
		{"it refuses an encrypted answer beside a plain one", url.Values{"response": {"a.b.c.d.e"}, "vp_token": {token}, "state": {x.state}}, encryption},
		{"it refuses an error without state", url.Values{"error": {"access_denied"}}, state},
		{"it refuses an error with the state of another", url.Values{"error": {"access_denied"}, "state": {elsewhere.state}}, state},
	} {
		t.Run(c.name, func(t *testing.T) { h.burnsNothing(t, x.uri, c.form, placed.ID, c.check) })
	}
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatalf("the request was burnt: %v", err)
	}
}

func (h *house) burnsNothing(t *testing.T, uri string, form url.Values, id, check string) {
	t.Helper()
	resp, err := http.PostForm(uri, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var problem struct{ Code, Check string }
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || resp.StatusCode != 400 || problem.Code != "invalid_request" || problem.Check != check {
		t.Fatalf("%d %+v, %v", resp.StatusCode, problem, err)
	}
	if r := h.result(t, id); r.Status != verifier.Pending || r.Claims != nil {
		t.Fatalf("%+v", r)
	}
}
