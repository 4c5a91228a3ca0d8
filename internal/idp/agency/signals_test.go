package agency_test

import (
	"crypto"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/idp/agency"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/signal"
)

// telling is a site with an outbox.
type telling struct{ *site }

func newTelling(t *testing.T) telling {
	t.Helper()
	s := newSite(t)
	db, err := store.Open(t.Context(), "sqlite::memory:")
	ok(t, "open", err)
	t.Cleanup(func() { _ = db.Close() })
	ok(t, "migrate", db.Migrate(t.Context()))
	s.Ledger.Store = db.Consents()
	n, err := notify.New(notify.Options{
		Outbox: db.Signals(), Issuer: consenttest.Issuer, Now: s.Now,
		Key: func() (crypto.Signer, string) { return s.Ledger.Key() }, Endpoint: func(string) string { return "" },
	})
	ok(t, "notifier", err)
	s.handler.Signals, s.handler.Outbox, s.handler.Calls = n, db.Signals(), &dpop.Memory{Now: s.Now}
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	s.handler.Frame = frame
	mux := http.NewServeMux()
	s.handler.Mount(mux)
	s.server = frame.Handler(mux)
	return telling{s}
}

const pollURL = consenttest.Issuer + "/agency/signals"

func (s telling) call(t *testing.T, who consenttest.Agency, body string, bend func(*consent.CallClaims)) string {
	t.Helper()
	c := consent.CallClaims{Issuer: who.ID, Audience: pollURL, IssuedAt: s.Now().Unix(), ID: t.Name() + time.Now().String(), Body: consent.DigestOfBody([]byte(body))}
	if len(c.ID) > 128 {
		c.ID = c.ID[len(c.ID)-128:]
	}
	if bend != nil {
		bend(&c)
	}
	jws, err := consent.SignCall(c, who.Key, who.Chain)
	ok(t, "sign", err)
	return jws
}

func (s telling) poll(t *testing.T, who consenttest.Agency, body string) signal.Polled {
	t.Helper()
	r := s.post(t, "/agency/signals", body, "Content-Type", "application/json", "Authorization", "Bearer "+s.call(t, who, body, nil))
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	p, err := signal.ParsePolled([]byte(r.body))
	ok(t, "answer", err)
	return p
}

//clause:signals RFC 8936, 2.2 to 2.6: maxEvents, returnImmediately, ack, setErrs, moreAvailable, a poll that waits
func TestPoll(t *testing.T) {
	s := newTelling(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	_, err := s.Ledger.Withdraw(t.Context(), record.Grant, ada)
	ok(t, "withdraw", err)
	first := s.poll(t, s.Consumer, `{"maxEvents":1}`)
	if len(first.Sets) != 1 || !first.More {
		t.Fatalf("%+v", first)
	}
	if again := s.poll(t, s.Consumer, `{"maxEvents":1,"returnImmediately":true}`); len(again.Sets) != 1 {
		t.Errorf("what was not acknowledged is gone: %+v", again)
	}
	var ids []string
	for id, token := range first.Sets {
		ids = append(ids, id)
		one, err := signal.Open(token, signal.Expected{Issuer: consenttest.Issuer, Audience: s.Consumer.ID, Keys: s.Trust.HubKeys, Now: s.Now()})
		if err != nil || one.ID != id || one.Seq != 1 || one.Kind != signal.GrantGranted {
			t.Errorf("%+v, %v", one, err)
		}
	}
	ack, err := json.Marshal(signal.Poll{Now: true, Ack: ids})
	ok(t, "ack", err)
	if other := s.poll(t, s.Provider, string(ack)); len(other.Sets) != 1 {
		t.Errorf("the provider: %+v", other)
	}
	second := s.poll(t, s.Consumer, string(ack))
	if len(second.Sets) != 1 || second.More {
		t.Fatalf("%+v", second)
	}
	for id, token := range second.Sets {
		if slices.Contains(ids, id) || token == "" {
			t.Errorf("acknowledged and sent again: %s", id)
		}
		if none := s.poll(t, s.Consumer, `{"returnImmediately":true,"setErrs":{"`+id+`":{"err":"invalid_request"}}}`); len(none.Sets) != 0 {
			t.Errorf("refused and sent again: %+v", none)
		}
	}
	if none := s.poll(t, s.Consumer, `{"maxEvents":0}`); len(none.Sets) != 0 || none.Sets == nil {
		t.Errorf("%+v", none)
	}
	// A poll that waits is answered when there is something.
	began := time.Now()
	time.AfterFunc(300*time.Millisecond, func() { s.Granted(t.Context(), bea, s.People.Enrol(bea)) })
	if late := s.poll(t, s.Consumer, `{}`); len(late.Sets) != 1 || time.Since(began) > 4*time.Second {
		t.Errorf("after %s: %+v", time.Since(began), late)
	}
}

//clause:signals RFC 8936, 3: both sides authenticated
func TestPollRefuses(t *testing.T) {
	s := newTelling(t)
	s.Granted(t.Context(), ada, s.passkey)
	const body = `{"returnImmediately":true}`
	used := s.call(t, s.Consumer, body, nil)
	s.post(t, "/agency/signals", body, "Content-Type", "application/json", "Authorization", "Bearer "+used)
	claims := func(bend func(*consent.CallClaims)) string { return "Bearer " + s.call(t, s.Consumer, body, bend) }
	forged := s.Provider
	forged.ID = s.Consumer.ID
	for _, tt := range []struct {
		name, auth, cause string
	}{
		{"it refuses who says nothing", "", "bearer"},
		{"it refuses another scheme", "DPoP " + s.call(t, s.Consumer, body, nil), "bearer"},
		{"it refuses what is no JWS", "Bearer hello", ""},
		{"it refuses an agency that signs for another", "Bearer " + s.call(t, forged, body, nil), "signed for"},
		{"it refuses a call of another address", claims(func(c *consent.CallClaims) { c.Audience = consenttest.Issuer }), "aud"},
		{"it refuses an old call", claims(func(c *consent.CallClaims) { c.IssuedAt -= 120 }), "iat"},
		{"it refuses a call from the future", claims(func(c *consent.CallClaims) { c.IssuedAt += 120 }), "iat"},
		{"it refuses a call without a name", claims(func(c *consent.CallClaims) { c.ID = "" }), "jti"},
		{"it refuses a call with a long name", claims(func(c *consent.CallClaims) { c.ID = strings.Repeat("x", 129) }), "jti"},
		{"it refuses a call for another body", claims(func(c *consent.CallClaims) { c.Body = consent.DigestOfBody([]byte("{}")) }), "body"},
		{"it refuses a call again", "Bearer " + used, "before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.post(t, "/agency/signals", body, "Content-Type", "application/json", "Authorization", tt.auth)
			if r.status != http.StatusUnauthorized || r.text("code") != "not_authenticated" || !strings.Contains(r.text("cause"), tt.cause) || strings.Contains(r.body, "sets") {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	for _, tt := range []struct {
		name, body, media string
		status            int
	}{
		{"it refuses another media type", body, "text/plain", http.StatusUnsupportedMediaType},
		{"it refuses what is no poll", `[]`, "application/json", http.StatusBadRequest},
		{"it refuses what is too large", `"` + strings.Repeat("x", web.BodyLimit) + `"`, "application/json", http.StatusRequestEntityTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.post(t, "/agency/signals", tt.body, "Content-Type", tt.media, "Authorization", "Bearer "+s.call(t, s.Consumer, tt.body, nil))
			if r.status != tt.status {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

func TestReady(t *testing.T) {
	s := newTelling(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	granted := s.poll(t, s.Consumer, `{"returnImmediately":true}`)
	var ids []string
	for id := range granted.Sets {
		ids = append(ids, id)
	}
	ack, err := json.Marshal(signal.Poll{Now: true, Ack: ids})
	ok(t, "ack", err)
	s.poll(t, s.Consumer, string(ack))
	ready := func(who consenttest.Agency, bend func(*consent.ReadyClaims)) reply {
		c := consent.ReadyClaims{Issuer: who.ID, Audience: consenttest.Issuer, IssuedAt: s.Now().Unix(), GrantID: record.Grant, Use: 1}
		if bend != nil {
			bend(&c)
		}
		jws, err := consent.SignReady(c, who.Key, who.Chain)
		ok(t, "sign", err)
		return s.post(t, "/agency/ready", jws, "Content-Type", agency.MediaType)
	}
	for _, tt := range []struct {
		name, code string
		who        consenttest.Agency
		bend       func(*consent.ReadyClaims)
	}{
		{"it refuses another than the provider", "check_failed", s.Consumer, nil},
		{"it refuses another hub's", "check_failed", s.Provider, func(c *consent.ReadyClaims) { c.Audience = "https://other.example" }},
		{"it refuses what is old", "check_failed", s.Provider, func(c *consent.ReadyClaims) { c.IssuedAt -= 3600 }},
		{"it refuses a grant that is not there", "unknown_grant", s.Provider, func(c *consent.ReadyClaims) { c.GrantID = "none" }},
		{"it refuses another use", "use_taken", s.Provider, func(c *consent.ReadyClaims) { c.Use = 2 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := ready(tt.who, tt.bend); r.status < 400 || r.status >= 500 || r.text("code") != tt.code {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	for range 2 {
		if r := ready(s.Provider, nil); r.status != http.StatusAccepted {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	told := s.poll(t, s.Consumer, `{"returnImmediately":true}`)
	for _, token := range told.Sets {
		one, err := signal.Open(token, signal.Expected{Issuer: consenttest.Issuer, Audience: s.Consumer.ID, Keys: s.Trust.HubKeys, Now: s.Now().Add(time.Second)})
		if err != nil || one.Kind != signal.DeliveryReady || one.Use != 1 || one.Grant != string(record.Grant) {
			t.Errorf("%+v, %v", one, err)
		}
	}
	if len(told.Sets) != 1 {
		t.Errorf("told %d times", len(told.Sets))
	}
	_, err = s.Ledger.Withdraw(t.Context(), record.Grant, ada)
	ok(t, "withdraw", err)
	if r := ready(s.Provider, nil); r.text("code") != "withdrawn" {
		t.Errorf("%d %s", r.status, r.body)
	}
}
