package agency_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/idp/agency"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

const ada, bea = "resident-01", "resident-07"

// people adds the register to the world's citizens.
type people struct{ *consenttest.People }

func (people) Resident(_ context.Context, citizen string) (account.Resident, error) {
	return account.Resident{ID: citizen, NameLatin: "KIM MINJUN"}, nil
}

// slow is a log whose checkpoint is not out yet.
type slow struct{ receipt.Proofs }

func (slow) WaitProof(context.Context, []byte) (tlog.Proof, error) {
	return tlog.Proof{}, sequencer.ErrPending
}

type site struct {
	*consenttest.World
	passkey   *consenttest.Passkey
	handler   *agency.Handler
	transfers *agency.Transfers
	server    http.Handler
	log       *strings.Builder
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{World: consenttest.New(), log: &strings.Builder{}}
	s.passkey = s.People.Enrol(ada)
	s.People.Enrol(bea)
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	s.handler = &agency.Handler{Frame: frame, Ledger: s.Ledger, Receipts: receipt.Assembler{Ledger: s.Ledger, Proofs: s.Log}}
	s.transfers = &agency.Transfers{
		Ledger: s.Ledger, People: people{s.People}, Proofs: s.Log, Catalogue: func() *catalogue.Catalogue { return s.Catalogue },
	}
	mux := http.NewServeMux()
	s.handler.Mount(mux)
	s.server = frame.Handler(mux)
	return s
}

func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

type reply struct {
	status int
	body   string
	values map[string]json.RawMessage
}

func (r reply) text(name string) string {
	var s string
	_ = json.Unmarshal(r.values[name], &s)
	return s
}

func (s *site) post(t *testing.T, path, body string, header ...string) reply {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
	req.Header.Set("Content-Type", agency.MediaType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	s.server.ServeHTTP(rec, req)
	raw, err := io.ReadAll(rec.Body)
	ok(t, "read", err)
	r := reply{status: rec.Code, body: string(raw)}
	ok(t, "an answer is always JSON: "+r.body, json.Unmarshal(raw, &r.values))
	return r
}

func TestCommitAndReceipt(t *testing.T) {
	s := newSite(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	commit := s.Commit(record, 1, nil)
	var promises []consent.PromiseClaims
	for range 2 { // a lost answer is asked for again
		r := s.post(t, "/agency/commits", commit, "Origin", "https://insurer.example", "Sec-Fetch-Site", "cross-site")
		if r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
		claims, err := consent.OpenPromise(r.text("promise"), s.Trust.HubKeys)
		ok(t, "promise", err)
		promises = append(promises, claims)
	}
	if promises[0] != promises[1] {
		t.Errorf("two promises: %+v", promises)
	}
	received := s.Received(record, 1, commit, nil)
	for _, path := range []string{"/agency/received", "/agency/received", "/agency/receipts/" + string(record.Grant)} {
		r := s.post(t, path, received)
		if r.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		made, err := receipt.Parse(r.values["receipt"])
		ok(t, "parse", err)
		if report := receipt.Verify(made, s.Trust); !report.OK() || made.Approval != nil {
			t.Errorf("%s: %+v", path, report.Failed())
		}
	}
}

// A countersignature opens the receipt of its own grant, under no other name.
func TestReceiptIsOfItsGrant(t *testing.T) {
	s := newSite(t)
	record, other := s.Granted(t.Context(), ada, s.passkey), s.Granted(t.Context(), ada, s.passkey)
	commit := s.Commit(record, 1, nil)
	s.post(t, "/agency/commits", commit)
	r := s.post(t, "/agency/receipts/"+string(other.Grant), s.Received(record, 1, commit, nil))
	if r.status != http.StatusNotFound || r.text("code") != "unknown_grant" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestReceiptComesLater(t *testing.T) {
	s := newSite(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	commit := s.Commit(record, 1, nil)
	s.post(t, "/agency/commits", commit)
	s.handler.Receipts.Proofs = slow{}
	received := s.Received(record, 1, commit, nil)
	if r := s.post(t, "/agency/received", received); r.status != http.StatusAccepted || len(r.values) != 0 {
		t.Errorf("before the checkpoint: %d %s", r.status, r.body)
	}
	s.handler.Receipts.Proofs = s.Log
	if r := s.post(t, "/agency/receipts/"+string(record.Grant), received); r.status != http.StatusOK {
		t.Errorf("after it: %d %s", r.status, r.body)
	}
}

func TestRefuses(t *testing.T) {
	type bend = func(*consent.CommitClaims)
	for name, c := range map[string]struct {
		prepare func(s *site, r consent.Record)
		bend    bend
		body    string
		header  []string
		path    string
		status  int
		code    string
		check   string
		mender  string
	}{
		"it names a withdrawal": {
			prepare: func(s *site, r consent.Record) { _, _ = s.Ledger.Withdraw(context.Background(), r.Grant, ada) },
			status:  409, code: "withdrawn", check: "grant state", mender: "citizen",
		},
		"it names a pause": {
			prepare: func(s *site, r consent.Record) { _, _ = s.Ledger.Pause(context.Background(), r.Grant, ada, "x") },
			status:  409, code: "paused", check: "grant state", mender: "citizen",
		},
		"it names an expiry": {
			prepare: func(s *site, _ consent.Record) { s.Pass(40 * 24 * time.Hour) },
			status:  409, code: "expired", check: "grant state", mender: "consumer",
		},
		"it names a taken use":                      {bend: func(c *consent.CommitClaims) { c.Use = 2 }, status: 409, code: "use_taken", check: "use", mender: "provider"},
		"it names an unknown grant":                 {bend: func(c *consent.CommitClaims) { c.GrantID = "x" }, status: 404, code: "unknown_grant", check: "grant", mender: "agency"},
		"it names other terms":                      {bend: func(c *consent.CommitClaims) { c.Terms = consent.DigestOf("x") }, status: 400, code: "check_failed", check: "terms digest", mender: "agency"},
		"it names a wrong audience":                 {bend: func(c *consent.CommitClaims) { c.Audience = "x" }, status: 400, code: "check_failed", check: "aud", mender: "agency"},
		"it names a bad signature":                  {body: "a.b.c", status: 400, code: "check_failed", check: "commit signature", mender: "agency"},
		"it names an empty body":                    {body: " ", status: 400, code: "check_failed", check: "commit signature", mender: "agency"},
		"it names a large body":                     {body: strings.Repeat("a", web.BodyLimit+1), status: 413, code: "body", check: "body", mender: "agency"},
		"it names another media type":               {header: []string{"Content-Type", "application/json"}, status: 415, code: "media_type", check: "content type", mender: "agency"},
		"it takes no commit for a countersignature": {path: "/agency/received", status: 400, code: "check_failed", check: "countersignature", mender: "agency"},
		"it gives no receipt for a commit":          {path: "/agency/receipts/x", status: 400, code: "check_failed", check: "countersignature", mender: "agency"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			record := s.Granted(t.Context(), ada, s.passkey)
			if c.prepare != nil {
				c.prepare(s, record)
			}
			if c.body == "" {
				c.body = s.Commit(record, 1, c.bend)
			}
			if c.path == "" {
				c.path = "/agency/commits"
			}
			r := s.post(t, c.path, c.body, c.header...)
			if r.status != c.status || r.text("code") != c.code || r.text("check") != c.check || r.text("mender") != c.mender || r.text("cause") == "" {
				t.Errorf("%d %s", r.status, r.body)
			}
			if r.text("correlation_id") == "" || r.text("type") != "urn:mydata:problem:"+c.code {
				t.Errorf("no problem document: %s", r.body)
			}
		})
	}
}

// broken is a store that answers nothing.
type broken struct{ consent.Store }

func (broken) History(context.Context, consent.GrantID) (consent.Record, []consent.Event, error) {
	return consent.Record{}, nil, errors.New("password=hunter2 refused")
}

func (broken) Course(context.Context, consent.GrantID) ([]consent.Event, int64, error) {
	return nil, 0, errors.New("password=hunter2 refused")
}

func TestUnknownErrorsStayInside(t *testing.T) {
	s := newSite(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	commit := s.Commit(record, 1, nil)
	s.Ledger.Store = broken{s.Store}
	r := s.post(t, "/agency/commits", commit)
	if r.status != http.StatusInternalServerError || r.text("code") != "internal" || strings.Contains(r.body, "hunter2") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if !strings.Contains(s.log.String(), r.text("correlation_id")) {
		t.Error("the log does not know the correlation id")
	}
}
