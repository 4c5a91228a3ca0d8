package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/dashboard"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/credential"
)

// office stands for the neighbours: one grant, one request and one credential of
// its owner.
type office struct {
	dashboard.Ledger // what it does not stand for is tried over the real ledger

	owner     string
	withdrawn bool
	denied    bool // the second
	revoked   bool
	slow      bool
	whole     *receipt.Receipt // what a receipt is, where a test needs a whole one
	late      bool             // a use after the withdrawal
	word      string           // a state and an event that nobody knows
}

var day = time.Unix(1_800_000_000, 0)

func detail() consent.Detail {
	return consent.Detail{DataTypes: []string{"health-checkup"}, Purpose: "driving-licence-renewal", MaxUses: 2,
		Claims: []consent.RequestedClaim{{Name: "vision_ok"}, {Name: "remarks", Optional: true}}}
}

func (o *office) records() []consent.Record {
	granted := consent.Record{Grant: "g1", State: consent.StateActive, Since: day, Consumer: "urn:licence", Provider: "urn:insurer",
		MaxUses: 2, Uses: []consent.Use{{At: day}}, Expires: day.Add(720 * time.Hour), Citizen: o.owner,
		Agreed: &consent.Terms{DataSet: consent.DataSet{ID: "health-checkup"}, Purpose: consent.Purpose{Code: "driving-licence-renewal"},
			Claims: []consent.Claim{{Name: "vision_ok"}}}}
	if o.withdrawn {
		granted.State = consent.StateWithdrawn
	}
	if o.word != "" {
		granted.State = consent.State(o.word)
	}
	second := consent.StateRequested
	if o.denied {
		second = consent.StateDenied
	}
	return []consent.Record{granted, {Grant: "g2", State: second, Since: day, Consumer: "urn:unknown", Provider: "urn:insurer", Citizen: o.owner}}
}

func (o *office) Of(_ context.Context, citizen string) ([]consent.Record, error) {
	if citizen != o.owner {
		return nil, nil
	}
	return o.records(), nil
}

func (o *office) History(_ context.Context, citizen string) ([]consent.HistoryEntry, error) {
	if citizen != o.owner {
		return nil, nil
	}
	all := o.records()
	if o.word != "" {
		return []consent.HistoryEntry{{Event: consent.Event{Grant: "g1", Kind: consent.Kind(o.word), At: day}, Record: all[0], Detail: detail()}}, nil
	}
	if o.late {
		return []consent.HistoryEntry{
			{Event: consent.Event{Grant: "g1", Seq: 4, Kind: consent.KindUsed, At: day, By: "provider", Use: 1}, Record: all[0], Detail: detail()},
			{Event: consent.Event{Grant: "g1", Seq: 3, Kind: consent.KindWithdrawn, At: day, By: "citizen"}, Record: all[0], Detail: detail()},
		}, nil
	}
	return []consent.HistoryEntry{
		{Event: consent.Event{Grant: "g2", Kind: consent.KindRequested, At: day, By: "consumer"}, Record: all[1], Detail: detail()},
		{Event: consent.Event{Grant: "g1", Kind: consent.KindRequested, At: day, By: "consumer"}, Record: all[0], Detail: detail()},
		{Event: consent.Event{Grant: "g1", Kind: consent.KindUsed, At: day, By: "provider", Use: 1}, Record: all[0], Detail: detail()},
	}, nil
}

func (o *office) Withdraw(_ context.Context, id consent.GrantID, citizen string) (consent.Record, error) {
	if id != "g1" {
		return consent.Record{}, consent.ErrUnknown
	}
	if citizen != o.owner {
		return consent.Record{}, consent.ErrForeign
	}
	o.withdrawn = true
	return o.records()[0], nil
}

func (o *office) ForCitizen(ctx context.Context, id consent.GrantID, citizen string) (receipt.Receipt, error) {
	if o.slow {
		return receipt.Receipt{}, fmt.Errorf("%w: %w", sequencer.ErrPending, context.DeadlineExceeded)
	}
	if citizen != o.owner {
		return receipt.Receipt{}, consent.ErrForeign
	}
	if id != "g1" {
		return receipt.Receipt{}, receipt.ErrNotGranted
	}
	if o.whole != nil {
		return *o.whole, ctx.Err()
	}
	return receipt.Receipt{SchemaVersion: receipt.Schema, ID: "urn:mydata:receipt:g1:3"}, ctx.Err()
}

func (o *office) AnswerForCitizen(ctx context.Context, id consent.GrantID, citizen string) (receipt.Answer, error) {
	switch {
	case citizen != o.owner:
		return receipt.Answer{}, consent.ErrForeign
	case id == "g1":
		return receipt.Answer{}, receipt.ErrGranted
	case id == "g2":
		return receipt.Answer{}, receipt.ErrOpen
	}
	return receipt.Answer{SchemaVersion: receipt.AnswerSchema, ID: "urn:mydata:answer:g3:2"}, ctx.Err()
}

// cards are the issuer's side of the office.
type cards struct{ *office }

func (c cards) Of(_ context.Context, citizen string) ([]credential.Issued, error) {
	if citizen != c.owner {
		return nil, nil
	}
	status := credential.Valid
	if c.revoked {
		status = credential.Revoked
	}
	return []credential.Issued{{ID: "c1", IssuedAt: day, Status: status, Device: "Demo wallet"}}, nil
}

func (c cards) RevokeBatch(_ context.Context, citizen, id string) error {
	if id != "c1" || citizen != c.owner {
		return credential.ErrUnknown
	}
	c.revoked = true
	return nil
}

func (c cards) RevokeEach(_ context.Context, citizen, reason string, which func(credential.Issued) bool) error {
	if citizen != c.owner || reason != credential.ReasonLost {
		return credential.ErrUnknown
	}
	if which(credential.Issued{ID: "c1", Device: "Demo wallet"}) {
		c.revoked = true
	}
	return nil
}

func (c cards) Offer(context.Context, string, string, string, bool) (string, string, error) {
	return "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Flocalhost%2Fo%2F1", "493536", nil
}

func texts() *catalogue.Catalogue {
	return &catalogue.Catalogue{
		Agencies: []catalogue.Agency{
			{ID: "urn:licence", Name: catalogue.Text{"en": "Licence office", "ko": "면허 사무소"}},
			{ID: "urn:insurer", Name: catalogue.Text{"en": "Health insurer", "ko": "건강 보험"}},
		},
		DataSets: []catalogue.DataSet{{ID: "health-checkup", Title: catalogue.Text{"en": "Check-up", "ko": "건강 검진"},
			Fields:  []catalogue.Field{{Name: "remarks", Label: catalogue.Text{"en": "Remarks", "ko": "소견"}}},
			Derived: []catalogue.Derived{{Claim: "vision_ok", Label: catalogue.Text{"en": "Eyesight sufficient", "ko": "시력 충족"}}}}},
		Purposes: []catalogue.Purpose{{Code: "driving-licence-renewal", Text: catalogue.Text{"en": "Renew the licence", "ko": "면허 갱신"}}},
	}
}

type site struct {
	*accounttest.Bench
	office *office
	server *httptest.Server
	phone  *accounttest.Phone
	mine   account.Session

	handler *dashboard.Handler
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Bench: accounttest.New(t), office: &office{}}
	s.phone, s.mine = s.Person(t, "resident-01", false)
	s.office.owner = s.mine.Citizen
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	s.handler = &dashboard.Handler{
		Frame: frame, Accounts: s.Accounts, Ledger: s.office, Receipts: s.office, Issuer: cards{s.office}, Offers: cards{s.office},
		Hub: "https://hub.example", Catalogue: texts, Config: "resident_card_sd_jwt", WalletURL: "http://localhost:8084",
	}
	s.handler.Mount(mux)
	s.server = httptest.NewServer(frame.Handler(mux))
	t.Cleanup(s.server.Close)
	return s
}

type tab struct {
	t    *testing.T
	site *site
	http *http.Client
}

// open a browser; with a phone, it is signed in.
func (s *site) open(t *testing.T, p *accounttest.Phone) *tab {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p != nil {
		token, _ := s.SignIn(t, p)
		u, _ := url.Parse(s.server.URL)
		jar.SetCookies(u, []*http.Cookie{{Name: "mydata_idp_session", Value: token, Path: "/"}})
	}
	return &tab{t, s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *tab) do(method, path, body string, header ...string) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.site.server.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}
