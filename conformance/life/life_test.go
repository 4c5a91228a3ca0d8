package life_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// life is one person in a deployment.
type life struct {
	*stage.Stage
	hub, licence string
	*citizen.Citizen
	phone *wallet.Wallet
	lists *statuslist.Client
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, s *stage.Stage, resident string) *life {
	t.Helper()
	l := &life{Stage: s, hub: s.URL(stage.IDP), licence: s.URL(stage.Licence), lists: &statuslist.Client{Development: true}}
	letter, err := s.Letter(t.Context(), resident, false)
	must(t, err)
	l.Citizen = citizen.New(l.hub, resident)
	must(t, l.Enrol(t.Context(), letter.URL))
	config, err := citizen.WalletConfig(s.Path("trust"), s.URL(stage.Wallet))
	must(t, err)
	l.phone = wallet.New(config)
	return l
}

// card is a mobile ID as its verifiers see it.
type card struct {
	id     string
	claims map[string]any
	ref    statuslist.Reference
}

func (l *life) card(t *testing.T) card {
	t.Helper()
	received, err := l.Receive(t.Context(), l.phone)
	must(t, err)
	token, err := sdjwt.Parse(received.Token)
	must(t, err)
	claims, err := token.Unverified()
	must(t, err)
	var status struct {
		List struct {
			URI   string `json:"uri"`
			Index int    `json:"idx"`
		} `json:"status_list"`
	}
	raw, err := json.Marshal(claims["status"])
	must(t, err)
	must(t, json.Unmarshal(raw, &status))
	all, err := l.Credentials(t.Context())
	must(t, err)
	return card{all[0].ID, claims, statuslist.Reference{URI: status.List.URI, Index: status.List.Index}}
}

// says waits until the list says it, in both forms, for no longer than the time
// after which everybody has to see it.
func (l *life) says(t *testing.T, c card, want statuslist.Status) {
	t.Helper()
	began := time.Now()
	signer := func(chain [][]byte) (crypto.PublicKey, error) {
		leaf, err := x509.ParseCertificate(chain[0])
		if err != nil {
			return nil, err
		}
		return leaf.PublicKey, nil
	}
	for _, media := range []string{statuslist.MediaType, statuslist.MediaTypeCWT} {
		token, err := l.lists.FetchAs(t.Context(), c.ref.URI, media, signer)
		must(t, err)
		if got, err := token.List.Get(c.ref.Index); err != nil || got != want {
			t.Errorf("%s says %d, not %d: %v", media, got, want, err)
		}
	}
	if took := time.Since(began); took > 15*time.Minute {
		t.Errorf("it took %v", took)
	}
}

func (l *life) shown(t *testing.T, id string) (status, reason string) {
	t.Helper()
	var out struct {
		Credentials []struct{ ID, Status, Reason string }
	}
	must(t, l.Get(t.Context(), l.hub+"/me", &out))
	for _, c := range out.Credentials {
		if c.ID == id {
			return c.Status, c.Reason
		}
	}
	t.Fatalf("the dashboard does not show %s", id)
	return "", ""
}

func (l *life) operator(t *testing.T, args ...string) string {
	t.Helper()
	out, err := l.Command(t.Context(), "idp", args...)
	must(t, err)
	return string(out)
}

// rename changes a name in the register's file.
func (l *life) rename(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(l.Path("residents.csv"))
	must(t, err)
	if !strings.Contains(string(raw), from) {
		t.Fatalf("the register has no %s", from)
	}
	must(t, os.WriteFile(l.Path("residents.csv"), []byte(strings.ReplaceAll(string(raw), from, to)), 0o600))
}

//clause:status 13.2, 13.3: a fresh place for each card, none given twice, all begin as valid
//clause:status ours: a name that changes, a lost phone, a death, by the public doors
func TestLives(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	t.Run("a name changes", func(t *testing.T) { aNameChanges(t, s) })
	t.Run("a card is suspended, and a phone lost", func(t *testing.T) { suspendedAndLost(t, s) })
	t.Run("a death", func(t *testing.T) { aDeath(t, s) })
}

// The metadata leads to all lists, so that a verifier can have them before it needs
// one (draft-ietf-oauth-status-list, 9).
func theMetadataLeadsToTheLists(t *testing.T, l *life, c card) {
	t.Helper()
	var metadata struct {
		Lists string `json:"status_list_aggregation_endpoint"`
	}
	must(t, l.Get(t.Context(), l.hub+"/.well-known/oauth-authorization-server", &metadata))
	all, err := l.lists.Aggregation(t.Context(), metadata.Lists)
	if err != nil || !slices.Contains(all.StatusLists, c.ref.URI) {
		t.Errorf("%s leads to %v, %v", metadata.Lists, all, err)
	}
}

func aNameChanges(t *testing.T, s *stage.Stage) {
	ctx := t.Context()
	l := begin(t, s, "resident-01")
	old := l.card(t)
	theMetadataLeadsToTheLists(t, l, old)
	family := old.claims["family_name"].(string)
	grant, err := l.Renew(ctx, l.licence)
	must(t, err)
	before, err := l.History(ctx)
	must(t, err)

	if out := l.operator(t, "register", "update"); !strings.Contains(out, ", 0 changed; 0 credentials revoked") {
		t.Errorf("it says %q of a register that is the same", out)
	}
	l.rename(t, ","+family+",", ",Newname,")
	if out := l.operator(t, "register", "update"); !strings.Contains(out, "1 changed; 1 credentials revoked") {
		t.Errorf("it says %q", out)
	}
	l.says(t, old, statuslist.Invalid)
	if status, reason := l.shown(t, old.id); status != "revoked" || reason != "data_changed" {
		t.Errorf("the holder sees %s, %s", status, reason)
	}
	renewed := l.card(t)
	if renewed.claims["family_name"] != "Newname" || renewed.ref == old.ref {
		t.Errorf("the new card says %v at %+v", renewed.claims["family_name"], renewed.ref)
	}
	l.says(t, renewed, statuslist.Valid)
	if out := l.operator(t, "register", "update"); !strings.Contains(out, "0 credentials revoked") {
		t.Errorf("it revokes the new card: %q", out)
	}

	// The agency knows the same person, under the same consent.
	if one, err := l.Consent(ctx, grant); err != nil || one.State != "active" {
		t.Errorf("the consent is %+v, %v", one, err)
	}
	if grants, err := l.Renewals(ctx, l.licence); err != nil || !slices.Contains(grants, grant) {
		t.Errorf("the agency shows %v, %v", grants, err)
	}
	must(t, l.Again(ctx, l.licence, grant))
	after, err := l.History(ctx)
	must(t, err)
	for _, e := range before {
		if !slices.Contains(after, e) {
			t.Errorf("the history has lost %+v", e)
		}
	}

	// A register that cannot be read changes nothing; a crash after the file was
	// replaced is made good when the service starts.
	raw, err := os.ReadFile(s.Path("residents.csv"))
	must(t, err)
	must(t, os.WriteFile(s.Path("residents.csv"), []byte("x"), 0o600))
	if _, err := s.Command(ctx, "idp", "register", "update"); err == nil || !strings.Contains(err.Error(), "the one before is used on") {
		t.Errorf("a broken register: %v", err)
	}
	l.says(t, renewed, statuslist.Valid)
	must(t, os.WriteFile(s.Path("residents.csv"), raw, 0o600))
	l.rename(t, ",Newname,", ",Thirdname,")
	must(t, s.Kill(stage.IDP))
	must(t, s.Start(stage.IDP))
	must(t, s.Wait(ctx, stage.IDP))
	eventually(t, func() bool {
		status, reason := l.shown(t, renewed.id)
		return status == "revoked" && reason == "data_changed"
	})
	l.says(t, renewed, statuslist.Invalid)
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Error("it does not happen")
}

func suspendedAndLost(t *testing.T, s *stage.Stage) {
	ctx := t.Context()
	l := begin(t, s, "resident-02")
	one, other := l.card(t), l.card(t)
	l.operator(t, "credential", "suspend", "--credential", one.id, "--reason", "inquiry")
	l.says(t, one, statuslist.Suspended)
	l.says(t, other, statuslist.Valid)
	if status, reason := l.shown(t, one.id); status != "suspended" || reason != "inquiry" {
		t.Errorf("the holder sees %s, %s", status, reason)
	}
	l.operator(t, "credential", "reinstate", "--credential", one.id)
	l.says(t, one, statuslist.Valid)
	for _, args := range [][]string{
		{"credential", "suspend", "--credential", one.id, "--reason", "because"},
		{"credential", "revoke", "--credential", "nosuch", "--reason", "misuse"},
		{"credential", "suspend", "--credential", one.id},
		{"credential", "reinstate"},
	} {
		if _, err := s.Command(ctx, "idp", args...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
	l.says(t, one, statuslist.Valid)
	must(t, l.Revoke(ctx, one.id))
	l.says(t, one, statuslist.Invalid)
	l.says(t, other, statuslist.Valid)

	link, _, err := l.Offer(ctx)
	must(t, err)
	must(t, l.Post(ctx, l.hub+"/me/lost", struct{}{}, nil))
	l.says(t, other, statuslist.Invalid)
	if _, reason := l.shown(t, other.id); reason != "lost_phone" {
		t.Errorf("the holder sees %q", reason)
	}
	if _, err := l.phone.ReadOffer(ctx, link); err == nil {
		t.Error("an offer from before brings a new card to the lost phone")
	}
	if c := l.card(t); c.ref == other.ref || c.ref == one.ref {
		t.Error("a place of the list is given twice")
	}
}

func aDeath(t *testing.T, s *stage.Stage) {
	ctx := t.Context()
	l := begin(t, s, "resident-03")
	c := l.card(t)
	grant, err := l.Renew(ctx, l.licence)
	must(t, err)
	link, _, err := l.Offer(ctx)
	must(t, err)

	order := s.Path("death.json")
	officer := func(n string) string { return s.Path("officers", n+".pem") }
	report := func(args ...string) (string, error) {
		out, err := s.Command(ctx, "idp", append([]string{"resident", "died", "approve", order}, args...)...)
		return string(out), err
	}
	propose := func() {
		_, err := run(ctx, s, "resident", "died", "propose", "--resident", "resident-03", "--officer", officer("1"), "--out", order)
		must(t, err)
	}
	propose()
	if _, err := report("--officer", officer("1")); err == nil {
		t.Error("one officer alone reports a death")
	}
	l.says(t, c, statuslist.Valid)
	if out, err := report("--officer", officer("2")); err != nil || !strings.Contains(out, "closed: 1 grants and 1 credentials ended") {
		t.Fatalf("%q, %v", out, err)
	}

	l.says(t, c, statuslist.Invalid)
	if _, err := l.Credentials(ctx); err == nil {
		t.Error("the session lives")
	}
	if err := l.Login(ctx); err == nil {
		t.Error("the passkey still signs in")
	}
	if err := l.Again(ctx, l.licence, grant); err == nil {
		t.Error("the agency can still use the grant")
	}
	if _, err := l.phone.ReadOffer(ctx, link); err == nil {
		t.Error("an offer from before brings a new card")
	}
	refused := func() {
		t.Helper()
		for _, args := range [][]string{
			{"enrol", "--resident", "resident-03", "--replace"},
			{"offer", "--resident", "resident-03", "--config", "resident_card_sd_jwt"},
		} {
			if _, err := s.Command(ctx, "idp", args...); err == nil || !strings.Contains(err.Error(), "a death was reported") {
				t.Errorf("%v: %v", args, err)
			}
		}
	}
	refused()
	propose()
	if out, err := report("--officer", officer("2")); err != nil || !strings.Contains(out, "closed before") || !strings.Contains(out, "0 grants and 0 credentials") {
		t.Errorf("a second order: %q, %v", out, err)
	}
	must(t, s.Kill(stage.IDP))
	must(t, s.Start(stage.IDP))
	must(t, s.Wait(ctx, stage.IDP))
	refused()
	l.says(t, c, statuslist.Invalid)
}

// run is a command that calls no service and knows no data folder.
func run(ctx context.Context, s *stage.Stage, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.Program("idp"), args...)
	cmd.Env = stage.Environment()
	return cmd.CombinedOutput()
}
