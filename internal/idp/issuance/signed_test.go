package issuance_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// accept fetches the metadata as who prefers something does.
func (w *world) accept(t *testing.T, fields ...string) (contentType string, body []byte, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+openid4vci.WellKnown, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Accept"] = fields
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", response.StatusCode, err)
	}
	return response.Header.Get("Content-Type"), body, response.Header
}

//clause:issuer 12.2.2, 12.2.3: signed metadata by Accept, JSON to everybody else; typ, sub, iat, exp, x5c without the anchor
func TestSignedMetadata(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name   string
		accept []string
		jwt    bool
	}{
		{"it gives JSON to who says nothing", nil, false},
		{"it gives JSON to who takes anything", []string{"*/*"}, false},
		{"it gives JSON to who takes any application", []string{"application/*"}, false},
		{"it gives JSON to who asks for it", []string{"application/json"}, false},
		{"it gives JSON to who takes both alike", []string{"application/jwt, application/json"}, false},
		{"it gives JSON to who prefers it", []string{"application/jwt;q=0.4, application/json;q=0.5"}, false},
		{"it gives JSON to who takes no JWT", []string{"application/jwt;q=0, */*"}, false},
		{"it gives JSON to a weight that is none", []string{"application/jwt;q=x"}, false},
		{"it gives JSON to a weight beyond one", []string{"application/jwt;q=7"}, false},
		{"it gives a JWT to who asks for it", []string{"application/jwt"}, true},
		{"it gives a JWT to who prefers it", []string{"application/json;q=0.5", "Application/JWT; q=0.9"}, true},
		{"it gives a JWT to who takes anything else too", []string{"application/jwt, */*;q=0.1"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			media, body, header := w.accept(t, c.accept...)
			if want := map[bool]string{false: "application/json", true: "application/jwt"}[c.jwt]; media != want || header.Get("Vary") != "Accept" {
				t.Errorf("%s, Vary %q: %.40s", media, header.Get("Vary"), body)
			}
		})
	}
	_, plain, _ := w.accept(t, "application/json")
	_, compact, _ := w.accept(t, "application/jwt")
	jws, err := jose.ParseSignedCompact(string(compact), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	h := decoded(t, strings.Split(string(compact), ".")[0])
	if h["typ"] != "openidvci-issuer-metadata+jwt" || h["alg"] != "ES256" {
		t.Errorf("%v", h)
	}
	// The certificate is in the token and leads to the anchor, which is not.
	var chain []*x509.Certificate
	for _, text := range h["x5c"].([]any) {
		der, err := base64.StdEncoding.DecodeString(text.(string))
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil || bytes.Equal(certificate.RawIssuer, certificate.RawSubject) {
			t.Fatalf("an anchor, or none: %v", err)
		}
		chain = append(chain, certificate)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: w.roots, CurrentTime: w.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	payload, err := jws.Verify(chain[0].PublicKey.(*ecdsa.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	var claims, want map[string]any
	if json.Unmarshal(payload, &claims) != nil || json.Unmarshal(plain, &want) != nil {
		t.Fatal("no JSON")
	}
	iat, exp := int64(claims["iat"].(float64)), int64(claims["exp"].(float64))
	if claims["sub"] != w.URL || claims["iss"] != w.URL || iat != w.now.Unix() || exp <= iat || exp > iat+86400 {
		t.Errorf("%v %v %d %d", claims["sub"], claims["iss"], iat, exp)
	}
	for _, own := range []string{"sub", "iss", "iat", "exp"} {
		delete(claims, own)
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error("it says another thing signed: " + diff)
	}
	if _, again, _ := w.accept(t, "application/jwt"); !bytes.Equal(again, compact) {
		t.Error("it signs for every asker")
	}
	w.now = w.now.Add(2 * time.Minute)
	if _, later, _ := w.accept(t, "application/jwt"); bytes.Equal(later, compact) {
		t.Error("it never signs anew")
	}
}

// A credential names the digest of its type's description, byte for byte.
//
//clause:formats SD-JWT VC draft-24, type metadata: at the vct, byte for byte what `vct#integrity` names, in English and Korean, nothing to execute
func TestTypeMetadata(t *testing.T) {
	w := newWorld(t)
	w.gate.scopes = []string{credential.ScopeAgeCard}
	claims := disclosed(t, w.batch(t, credential.ConfigAgeCard, 1).Credentials[0].Credential)
	vct, _ := claims["vct"].(string)
	if !strings.HasPrefix(vct, w.URL+"/") || claims["name"] != nil || claims["birthdate"] != nil || claims["age_over_19"] != true {
		t.Fatalf("%v", claims)
	}
	a := w.do(t, "GET", strings.TrimPrefix(vct, w.URL), "", "", "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	sum := sha256.Sum256(a.body)
	if claims["vct#integrity"] != "sha256-"+base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("integrity %v of %s", claims["vct#integrity"], a.body)
	}
	var m struct {
		VCT     string `json:"vct"`
		Name    string `json:"name"`
		Display []struct {
			Locale, Name, Description string
			Rendering                 map[string]struct {
				Logo struct {
					URI       string `json:"uri"`
					Integrity string `json:"uri#integrity"`
					AltText   string `json:"alt_text"`
				} `json:"logo"`
			}
		} `json:"display"`
		Claims []struct {
			Path      []any
			Mandatory bool
			SD        string `json:"sd"`
			Display   []struct{ Locale, Label string }
		} `json:"claims"`
	}
	if err := json.Unmarshal(a.body, &m); err != nil || m.VCT != vct || m.Name == "" || len(m.Display) != 2 || len(m.Claims) != 1 {
		t.Fatalf("%v %s", err, a.body)
	}
	for i, locale := range []string{"en", "ko"} {
		d, c := m.Display[i], m.Claims[0]
		if d.Locale != locale || d.Name == "" || d.Description == "" || len(c.Display) != 2 || c.Display[i].Locale != locale || c.Display[i].Label == "" || c.SD != "always" || !c.Mandatory {
			t.Errorf("%s: %+v %+v", locale, d, c)
		}
		logo := d.Rendering["simple"].Logo
		picture := w.do(t, "GET", strings.TrimPrefix(logo.URI, w.URL), "", "", "")
		sum := sha256.Sum256(picture.body)
		if logo.Integrity != "sha256-"+base64.StdEncoding.EncodeToString(sum[:]) || logo.AltText == "" || picture.header.Get("Content-Type") != "image/png" {
			t.Errorf("%+v", logo)
		}
		if _, err := png.Decode(bytes.NewReader(picture.body)); err != nil {
			t.Error(err)
		}
		if len(d.Rendering) != 1 {
			t.Errorf("a rendering that could be executed: %v", d.Rendering)
		}
	}
	if strings.Contains(string(a.body), "issuance.") || strings.Contains(string(a.body), "svg") {
		t.Errorf("%s", a.body)
	}
	w.gate.scopes = []string{credential.ScopeResidentCard}
	if claims := disclosed(t, w.batch(t, credential.ConfigResidentCard, 1).Credentials[0].Credential); claims["vct#integrity"] != nil {
		t.Errorf("a type that cannot be fetched has a digest: %v", claims)
	}
}
