package silence

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// TestFound plants a value in a text, in every way in which one is written.
func TestFound(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	for _, c := range []struct {
		name, value, text string
		found             bool
	}{
		{"it finds a value", "Geheim001", `{"err":"code Geheim001 is wrong"}`, true},
		{"it finds it in another case", "KIM MINJUN", `kim minjun came`, true},
		{"it finds Hangul", "홍길동", `name=홍길동`, true},
		{"it finds Hangul as escapes", "홍길동", `"\ud64d\uae38\ub3d9"`, true},
		{"it finds Hangul in an address", "홍길동", "GET /x?name=" + url.QueryEscape("홍길동"), true},
		{"it finds base64", "840312-9000011", b64([]byte("840312-9000011")), true},
		{"it finds a code without its hyphens", "AAAA-BBBB-CCCC", "code AAAABBBBCCCC", true},
		{"it finds a short value alone", "493536", `code":"493536"`, true},
		{"it does not find it inside another", "493536", `"time":"15:29:00.493536Z" x-493536 a493536`, false},
		{"it does not find what is not there", "Geheim001", "Geheim002", false},
		{"it finds it at the end", "0.8", "left=0.8", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New()
			s.Add(c.value, "here")
			found := s.Found("first line\n" + c.text + "\nlast line")
			if (len(found) == 1) != c.found {
				t.Errorf("%q", found)
			}
			if c.found && (!strings.Contains(found[0], "heard in here") || strings.Contains(found[0], "last line")) {
				t.Errorf("%q", found[0])
			}
		})
	}
}

// TestHear says something once and looks for the parts of it that are secrets.
func TestHear(t *testing.T) {
	b64 := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := b64(`{"alg":"ES256"}`) + "." + b64(`{"sub":"Sub-of-Somebody-1","iss":"Issuer-that-Everybody-knows","exp":1}`) + "." + b64("signature-signature")
	disclosure := b64(`["c2FsdHNhbHRzYWx0","name","홍길동홍길동"]`)
	s := New()
	s.JSON([]byte(`{"access_token":"`+token+`","vp_token":"`+token+`~`+disclosure+`~","grant_id":"Grant-Id-0123456789","tx_code":"493536",
		"list":[{"value":0.75}],"inner":"{\"deep\":\"Deep-Value-1\"}","at":"2026-11-01T12:00:00Z","kind":"authorization_code","x5c":["Certificate-1"]}`), "a body")
	u, err := url.Parse("http://localhost:1/credential-offer/Offer-Secret-1?code=Code-Secret-1&request=x")
	if err != nil {
		t.Fatal(err)
	}
	s.address(u, "an address")
	if u, err = url.Parse("http://localhost:1/renewal/Grant-Id-2/again"); err == nil {
		s.address(u, "an address")
	}
	s.hear("dc_uri", "openid4vp://?request_uri="+url.QueryEscape("http://v/request/Handle-Secret-1"), "a link")
	for _, secret := range []string{
		token, "Sub-of-Somebody-1", "홍길동홍길동", "493536", "0.75", "Deep-Value-1", "Offer-Secret-1", "Code-Secret-1", "Handle-Secret-1",
		strings.Split(token, ".")[1], disclosure,
	} {
		if len(s.Found(fmt.Sprintf("it says %s.", secret+" "))) == 0 {
			t.Errorf("%s is not heard", secret)
		}
	}
	for _, harmless := range []string{
		"Issuer-that-Everybody-knows", "Grant-Id-0123456789", "2026-11-01T12:00:00Z", "authorization_code", "Certificate-1", "Grant-Id-2", "renewal",
	} {
		if found := s.Found("it says " + harmless + " "); len(found) > 0 {
			t.Errorf("%s is no secret: %s", harmless, found)
		}
	}
}
