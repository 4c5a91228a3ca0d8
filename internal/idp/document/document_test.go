package document

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const address = "https://office.example/documents"

// desk stands where the authorization server does, with one interaction.
type desk struct {
	about  oauth.Interaction
	err    error
	steps  []string
	denied bool
}

func (d *desk) Interaction(context.Context, *http.Request, string) (oauth.Interaction, error) {
	return d.about, d.err
}

func (d *desk) Done(_ context.Context, _ *http.Request, _ oauth.Interaction, step string) (string, error) {
	d.steps = append(d.steps, step)
	return "/next", nil
}

func (d *desk) Deny(context.Context, *http.Request, string) (string, error) {
	d.denied = true
	return "http://localhost:8084/callback?error=access_denied", nil
}

func (d *desk) Next(context.Context, string) (string, error) { return "/next", nil }

type site struct {
	*accounttest.Bench
	*Documents
	desk   *desk
	key    *ecdsa.PrivateKey // the agency's
	now    *catalogue.Catalogue
	server http.Handler
}

var phone = registry.Client{ID: "phone", DPoP: true, Name: map[string]string{"en": "Phone", "ko": "전화기"}, RedirectURIs: []string{"http://localhost:8084/callback"}}

func newSite(t *testing.T) *site {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Bench: accounttest.New(t), key: key, desk: &desk{}}
	_, session := s.Person(t, "resident-01", false)
	s.now = &catalogue.Catalogue{Version: 1, Agencies: []catalogue.Agency{{ID: "urn:mydata:agency:office", Name: catalogue.Text{"en": "Office", "ko": "관청"},
		Contact: "a@office.example", ResidentID: true, EncryptionKey: &jose.JSONWebKey{Key: key.Public(), KeyID: "enc", Use: "enc"}, CredentialIssuer: address,
		Documents: []catalogue.Document{{ID: "extract", Title: catalogue.Text{"en": "Resident extract", "ko": "초본"}}}}}}
	s.Documents = &Documents{People: s.Accounts, Catalogue: func() *catalogue.Catalogue { return s.now }}
	s.desk.about = oauth.Interaction{ID: "known", Citizen: session.Citizen, Client: phone, Refs: map[string]string{openid4vci.DetailType: "extract@" + address}}
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&Handler{Frame: frame, Server: s.desk, Documents: s.Documents, Logger: slog.New(slog.DiscardHandler)}).Mount(mux)
	s.server = frame.Handler(mux)
	return s
}

func (s *site) do(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w
}

func element(config string, locations ...string) json.RawMessage {
	raw, _ := json.Marshal(openid4vci.Detail{Type: openid4vci.DetailType, CredentialConfigurationID: config, Locations: locations})
	return raw
}

//clause:issuer 5.1.1, with RFC 9396: a document of an agency, by `locations`; one for one agency; what is not known is ignored
func TestValidate(t *testing.T) {
	s := newSite(t)
	agency, bearer := phone, phone
	agency.Agency, bearer.DPoP = "urn:mydata:agency:other", false
	good := []json.RawMessage{element("extract", address)}
	for name, tt := range map[string]struct {
		client  registry.Client
		details []json.RawMessage
		says    string
	}{
		"it takes a document that an agency lists":         {phone, good, ""},
		"it refuses an agency":                             {agency, good, "client: documents go to wallets"},
		"it refuses a client whose tokens anybody can use": {bearer, good, "client: its tokens"},
		"it refuses several at once":                       {phone, []json.RawMessage{good[0], good[0]}, "authorization_details: ask for one"},
		"it refuses an issuer that nobody lists":           {phone, []json.RawMessage{element("extract", address+"/")}, "locations: no agency"},
		"it refuses a document that the agency lists not":  {phone, []json.RawMessage{element("other", address)}, "credential_configuration_id: the agency lists"},
		"it refuses an element that cannot be read":        {phone, []json.RawMessage{element("extract")}, "locations: name one"},
	} {
		t.Run(name, func(t *testing.T) {
			refs, err := s.Validate(t.Context(), tt.client, tt.details, nil)
			if tt.says == "" {
				if err != nil || len(refs) != 1 || strings.Contains(refs[0], " ") {
					t.Errorf("%v %v", refs, err)
				}
				if ref, err := s.Select(good[0]); err != nil || ref != refs[0] {
					t.Errorf("selected %s, %v", ref, err)
				}
				return
			}
			why, ok := errors.AsType[*oauth.Refusal](err)
			if !ok || why.Code != "invalid_authorization_details" || !strings.HasPrefix(why.Description, tt.says) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := s.Select(json.RawMessage(`{}`)); err == nil {
		t.Error("it selected nothing")
	}
	s.now = nil
	if _, err := s.Validate(t.Context(), phone, good, nil); err == nil {
		t.Error("it took one before there was a catalogue")
	}
}

// The token says to the agency alone who the person is, and is short.
//
//clause:issuer 6.2, 8.2: `credential_identifiers` in the token response, and by these alone at the agency
func TestAuthorize(t *testing.T) {
	s := newSite(t)
	citizen := s.desk.about.Citizen
	given := func() (oauth.Authorized, openid4vci.Subject) {
		t.Helper()
		a, err := s.Authorize(t.Context(), phone, citizen, "extract@"+address)
		if err != nil {
			t.Fatal(err)
		}
		who, err := openid4vci.OpenSubject(a.Claims[openid4vci.SubjectClaim].(string), s.key)
		if err != nil {
			t.Fatal(err)
		}
		return a, who
	}
	a, who := given()
	sub, err := s.Accounts.Pairwise(t.Context(), citizen, "urn:mydata:agency:office")
	want := `[{"type":"openid_credential","credential_configuration_id":"extract","locations":["` + address + `"],"credential_identifiers":["extract"]}]`
	inside, _ := json.Marshal(a.Claims["authorization_details"])
	if err != nil || a.Audience != address || a.TTL > 10*60e9 || string(a.Details) != want || string(inside) != want || who.Sub != sub || who.ResidentID != "resident-01" {
		t.Errorf("%v %+v %+v", err, a, who)
	}
	s.now.Agencies[0].ResidentID = false
	if _, who := given(); who.ResidentID != "" || who.Sub != sub {
		t.Errorf("an agency that is not entitled learns %+v", who)
	}
	s.now.Agencies[0].ResidentID = true
	if _, _, err := s.DB.Deaths().Close(t.Context(), death.Closed{Resident: "resident-01", Order: "x", At: s.Now()}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authorize(t.Context(), phone, citizen, "extract@"+address)
	if why, ok := errors.AsType[*oauth.Refusal](err); !ok || why.Code != "invalid_grant" || !strings.HasPrefix(why.Description, "resident: ") {
		t.Errorf("somebody whom the register does not know any more: %v", err)
	}
	s.now.Agencies[0].Documents[0].ID = "other"
	_, err = s.Authorize(t.Context(), phone, citizen, "extract@"+address)
	if why, ok := errors.AsType[*oauth.Refusal](err); !ok || why.Code != "invalid_grant" {
		t.Errorf("a document that was delisted meanwhile: %v", err)
	}
}

//clause:issuer the citizen agrees on a page of its own, with a login of five minutes at most; no refresh token
func TestPage(t *testing.T) {
	s := newSite(t)
	for lang, words := range map[string][]string{"en": {"Phone", "Office", "Resident extract", "a@office.example", "resident identifier"}, "ko": {"전화기", "관청", "초본", "주민 식별자"}} {
		w := s.do(http.MethodGet, "/document/known", "Accept-Language", lang)
		if policy := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(policy, "http://localhost:8084") {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		for _, word := range words {
			if !strings.Contains(w.Body.String(), word) {
				t.Errorf("%s: it does not name %s", lang, word)
			}
		}
		if body := w.Body.String(); strings.Contains(body, "registered itself") || strings.Contains(body, "스스로 등록한") {
			t.Errorf("%s: it warns of a wallet that was checked", lang)
		}
	}
	s.desk.about.Stranger = "phone.example"
	for lang, words := range map[string]string{"en": "nobody has checked its name. It is at <bdi>phone.example</bdi>.", "ko": "스스로 등록한 서비스로, 이름을 확인한 기관이 없습니다. 주소는 <bdi>phone.example</bdi>입니다."} {
		if w := s.do(http.MethodGet, "/document/known", "Accept-Language", lang); !strings.Contains(w.Body.String(), words) {
			t.Errorf("%s: it does not say that nobody checked the name", lang)
		}
	}
	if w := s.do(http.MethodPost, "/document/known", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || len(s.desk.steps) > 0 {
		t.Errorf("another site agrees: %d %v", w.Code, s.desk.steps)
	}
	if w := s.do(http.MethodPost, "/document/known", "Sec-Fetch-Site", "same-origin"); w.Header().Get("Location") != "/next" || len(s.desk.steps) != 1 || s.desk.steps[0] != Step {
		t.Errorf("%d %v", w.Code, s.desk.steps)
	}
	if w := s.do(http.MethodPost, "/document/known/deny", "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusSeeOther || !s.desk.denied {
		t.Errorf("no: %d", w.Code)
	}
}

//clause:issuer the citizen agrees on a page of its own, with a login of five minutes at most; no refresh token
func TestPageRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		bend   func(*site)
		status int
		says   string
	}{
		"it refuses another browser":              {func(s *site) { s.desk.err = oauth.ErrOtherBrowser }, 403, "another browser"},
		"it refuses what is over":                 {func(s *site) { s.desk.err = oauth.ErrNoInteraction }, 404, "no longer open"},
		"it refuses what is about something else": {func(s *site) { s.desk.about.Refs = map[string]string{"urn:transfer": "grant"} }, 404, "no longer open"},
		"it refuses what was delisted meanwhile":  {func(s *site) { s.now.Agencies[0].Documents = nil }, 410, "no longer gives"},
		"it sends to the login first":             {func(s *site) { s.desk.about.Citizen = "" }, 303, ""},
		"it hides a fault of its own":             {func(s *site) { s.desk.err = errors.New("hunter2") }, 500, ""},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" by "+method, func(t *testing.T) {
				s := newSite(t)
				tt.bend(s)
				w := s.do(method, "/document/known", "Accept-Language", "en", "Sec-Fetch-Site", "same-origin")
				if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "hunter2") || len(s.desk.steps) > 0 {
					t.Errorf("%d %v %s", w.Code, s.desk.steps, w.Body)
				}
			})
		}
	}
}
