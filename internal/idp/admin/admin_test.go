package admin_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
)

// counter stands for the issuer and its offers.
type counter struct{ citizen, config, grant, revoked, reason, suspended string }

func (c *counter) Offer(_ context.Context, citizen, config, grant string, txCode bool) (string, string, error) {
	c.citizen, c.config, c.grant = citizen, config, grant
	if txCode {
		return "openid-credential-offer://?x=1", "493536", nil
	}
	return "openid-credential-offer://?x=1", "", nil
}

func (c *counter) RevokeFor(_ context.Context, id, reason string) error {
	if !slices.Contains(credential.Reasons(), reason) {
		return credential.ErrReason
	}
	c.reason = reason
	if id != "c1" {
		return credential.ErrUnknown
	}
	c.revoked = id
	return nil
}

func (c *counter) Suspend(_ context.Context, id, reason string) error {
	switch {
	case !slices.Contains(credential.Reasons(), reason):
		return credential.ErrReason
	case id == "one-bit":
		return credential.ErrBits
	case c.revoked == id:
		return credential.ErrRevoked
	}
	c.suspended = id
	return nil
}

func (c *counter) Reinstate(_ context.Context, id string) error {
	if c.suspended != id {
		return credential.ErrUnknown
	}
	c.suspended = ""
	return nil
}

type door struct {
	*accounttest.Bench
	*admin.Client
	counter *counter
	socket  string
	trail   *kept
	handler *admin.Handler

	stranger bool // whom the system does not know
}

// kept stands for the trail's rows.
type kept struct {
	rows []trail.Entry
	err  error
}

func (k *kept) Add(_ context.Context, e trail.Entry, _ []byte) error {
	if k.err == nil {
		k.rows = append(k.rows, e)
	}
	return k.err
}

func (k *kept) Acts(_ context.Context, since time.Time, limit int) ([]trail.Act, error) {
	return []trail.Act{{ID: "a", At: since, Outcome: strconv.Itoa(limit)}}, k.err
}

// last is the newest row, as one line.
func (k *kept) last() string {
	e := k.rows[len(k.rows)-1]
	return fmt.Sprintln(e.Step, e.What, e.By.UID, e.Target.Kind, e.Target.ID, e.Outcome)
}

func open(t *testing.T, officers bool) *door {
	t.Helper()
	d := &door{Bench: accounttest.New(t), counter: &counter{}, socket: filepath.Join(t.TempDir(), "s"), trail: &kept{}}
	frame := web.New(web.Options{Service: "idp", Logger: slog.New(slog.DiscardHandler)})
	h := &admin.Handler{
		Frame: frame, Accounts: d.Accounts, Residents: accounttest.Register(t), Offers: d.counter, Issuer: d.counter,
		Hub: "http://localhost:8080", Now: d.Now, Trail: &trail.Trail{Store: d.trail, Now: d.Now, Logger: slog.New(slog.DiscardHandler)},
		AddClient: func(_ context.Context, m json.RawMessage) (registry.Client, string, error) {
			switch string(m) {
			case `{"client_name":"x"}`:
			case `{"client_name":"taken"}`:
				return registry.Client{}, "", registry.ErrTaken
			case `{"client_name":"lost"}`:
				return registry.Client{}, "", context.DeadlineExceeded
			default:
				return registry.Client{}, "", &registry.MetadataError{Field: "redirect_uris", Cause: "missing"}
			}
			return registry.Client{ID: "x"}, "secret", nil
		},
		PublishCatalogue: func(context.Context, json.RawMessage) (int64, error) { return 7, nil },
		Trust: func(context.Context) (map[string][]byte, error) {
			return map[string][]byte{"hub.json": []byte("{}")}, nil
		},
	}
	if officers {
		h.Officers = &[2]crypto.Signer{d.Signers[0], d.Signers[1]}
	}
	d.handler = h
	mux := http.NewServeMux()
	h.Mount(mux)
	listener, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: frame.Handler(mux),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			if d.stranger {
				return ctx
			}
			return trail.WithCaller(ctx, trail.Caller{UID: 7})
		},
	}}
	server.Start()
	t.Cleanup(server.Close)
	d.Client = admin.NewClient(d.socket)
	return d
}

func code(t *testing.T, err error) string {
	t.Helper()
	var r *admin.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("not a refusal: %v", err)
	}
	if r.CorrelationID == "" || r.Status >= 500 {
		t.Errorf("refusal %+v", r)
	}
	return r.Code
}

func TestEnrol(t *testing.T) {
	d := open(t, true)
	ctx := t.Context()
	e, err := d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-03"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(e.URL)
	if err != nil || !strings.HasPrefix(e.URL, "http://localhost:8080/enrol?") || u.Query().Get("code") != e.Code || len(e.Code) != 14 {
		t.Errorf("%+v, %v", e, err)
	}
	if !e.Expires.Equal(d.Now().Add(account.CodeLife)) {
		t.Errorf("expires %v", e.Expires)
	}
	for _, want := range []string{"김민준", "KIM MINJUN", e.Code, "<svg", `<section lang="en">`, `<html lang="ko">`, "@media print"} {
		if !strings.Contains(e.Letter, want) {
			t.Errorf("the letter lacks %q", want)
		}
	}
	if strings.Contains(e.Letter, "src=") || strings.Contains(e.Letter, "ZgotmplZ") {
		t.Error("the letter needs the network, or is broken")
	}
	p := accounttest.NewPhone()
	options, err := d.BeginEnrolment(ctx, p.Browser, "192.0.2.1", e.Code)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.FinishEnrolment(ctx, p.Browser, e.Code, "", p.Create(t, options)); err != nil {
		t.Fatal(err)
	}
	_, err = d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-03"})
	if got := code(t, err); got != "enrolled" {
		t.Errorf("a second enrolment: %s", got)
	}
	if _, err = d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-03", Replace: true}); err != nil || len(d.Ended) != 1 {
		t.Errorf("replacing: %v, ended %v", err, d.Ended)
	}
	_, err = d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-99"})
	if got := code(t, err); got != "resident" {
		t.Errorf("an unknown resident: %s", got)
	}
	all, err := d.Residents(ctx)
	if err != nil || len(all) != 10 || all[2].Enrolled || all[2].NameKo != "김민준" {
		t.Errorf("residents %+v, %v", all, err)
	}
}

// Without officers' keys the order comes signed, and the hub never saw the code.
func TestSignedOrders(t *testing.T) {
	d := open(t, false)
	ctx := t.Context()
	_, err := d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-01"})
	if got := code(t, err); got != "officers" {
		t.Errorf("without officers: %s", got)
	}
	secret, order, err := account.SignedOrder("resident-01", false, d.Now(), d.Signers)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := d.Client.Enrol(ctx, admin.EnrolRequest{Order: &order}); err != nil || e.Code != "" {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := d.BeginEnrolment(ctx, "browser", "192.0.2.1", secret); err != nil {
		t.Error(err)
	}
	order.Orders[1] = order.Orders[0]
	_, err = d.Client.Enrol(ctx, admin.EnrolRequest{Order: &order})
	if got := code(t, err); got != "order" {
		t.Errorf("one officer twice: %s", got)
	}
}

func TestRest(t *testing.T) {
	d := open(t, true)
	ctx := t.Context()
	o, err := d.Client.Offer(ctx, admin.OfferRequest{Resident: "resident-01", Config: "resident_card_sd_jwt", TxCode: true})
	if err != nil || o.TxCode != "493536" || d.counter.grant != credential.GrantPreAuthorized {
		t.Errorf("offer %+v, %v, %+v", o, err, d.counter)
	}
	if c, err := d.CitizenOf(ctx, "resident-01"); err != nil || c.ID != d.counter.citizen {
		t.Errorf("the offer is for %s, %v", d.counter.citizen, err)
	}
	_, err = d.Client.Offer(ctx, admin.OfferRequest{Resident: "resident-01", Config: "x", Grant: "password"})
	if got := code(t, err); got != "bad_request" {
		t.Errorf("another grant: %s", got)
	}
	_, err = d.Client.Offer(ctx, admin.OfferRequest{Resident: "resident-99", Config: "x"})
	if got := code(t, err); got != "resident" {
		t.Errorf("an unknown resident: %s", got)
	}
	if err := d.Client.Revoke(ctx, admin.StatusRequest{Credential: "c1"}); err != nil || d.counter.revoked != "c1" {
		t.Errorf("revoke: %v", err)
	}
	if got := code(t, d.Client.Revoke(ctx, admin.StatusRequest{Credential: "c2"})); got != "credential" {
		t.Errorf("an unknown credential: %s", got)
	}
	c, err := d.AddClient(ctx, json.RawMessage(`{"client_name":"x"}`))
	if err != nil || c.ClientID != "x" || c.ClientSecret != "secret" || c.IDTokenAlg != "ES256" {
		t.Errorf("client %+v, %v", c, err)
	}
	_, err = d.AddClient(ctx, json.RawMessage(`{}`))
	if got := code(t, err); got != "client_metadata" || !strings.Contains(err.Error(), "redirect_uris: missing") {
		t.Errorf("bad metadata: %v", err)
	}
	_, err = d.AddClient(ctx, json.RawMessage(`{"client_name":"taken"}`))
	if got := code(t, err); got != "client_metadata" || !strings.Contains(err.Error(), "client id is taken") {
		t.Errorf("another's id: %v", err)
	}
	_, err = d.AddClient(ctx, json.RawMessage(`{"client_name":"lost"}`))
	if r, ok := errors.AsType[*admin.Refusal](err); !ok || r.Status != http.StatusServiceUnavailable || r.Code != "unavailable" {
		t.Errorf("metadata that could not be kept: %v", err)
	}
	if v, err := d.PublishCatalogue(ctx, json.RawMessage(`{}`)); err != nil || v.Version != 7 || v.By != admin.ByDemo {
		t.Errorf("catalogue %+v, %v", v, err)
	}
	files, err := d.Trust(ctx)
	if err != nil || string(files["hub.json"]) != "{}" {
		t.Errorf("trust %v, %v", files, err)
	}
	_, err = admin.NewClient(filepath.Join(t.TempDir(), "none")).Trust(ctx)
	if err == nil || !strings.Contains(err.Error(), "idp serve") {
		t.Errorf("no service: %v", err)
	}
}
