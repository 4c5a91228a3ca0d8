package receipt_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

const ada = "resident-01"

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// story walks a grant through a use, its countersignature and its withdrawal,
// with a passkey that was added later.
func story(t testing.TB) (*consenttest.World, consent.GrantID) {
	t.Helper()
	w, id, _ := storyWith(t)
	return w, id
}

// storyWith is story, with the passkey that approved.
func storyWith(t testing.TB) (*consenttest.World, consent.GrantID, *consenttest.Passkey) {
	t.Helper()
	ctx := t.Context()
	w := consenttest.New()
	first := w.People.Enrol(ada)
	second := consenttest.NewPasskey(w.RP)
	w.People.Change(ada, approval.OpAdd, second, first)
	r := w.Granted(ctx, ada, second)
	commit := w.Commit(r, 1, nil)
	_, err := w.Ledger.Use(ctx, commit)
	ok(t, "use", err)
	_, err = w.Ledger.Received(ctx, w.Received(r, 1, commit, nil))
	ok(t, "received", err)
	_, err = w.Ledger.Withdraw(ctx, r.Grant, ada)
	ok(t, "withdraw", err)
	return w, r.Grant, second
}

func assembler(w *consenttest.World) receipt.Assembler {
	return receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}
}

func citizens(t testing.TB, w *consenttest.World, id consent.GrantID) receipt.Receipt {
	t.Helper()
	r, err := assembler(w).ForCitizen(t.Context(), id, ada)
	ok(t, "assemble", err)
	return r
}

func failed(report receipt.Report) string {
	var names []string
	for _, c := range report.Failed() {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

//clause:consent a receipt verifies offline, and not with any byte changed
func TestReceipt(t *testing.T) {
	w, id := story(t)
	raw, err := json.MarshalIndent(citizens(t, w, id), "", "  ")
	ok(t, "marshal", err)
	r, err := receipt.Parse(raw)
	ok(t, "parse", err)
	for name, report := range map[string]receipt.Report{
		"it verifies offline":       receipt.Verify(r, w.Trust),
		"it verifies the texts too": receipt.Verify(r, w.Trust, receipt.WithCatalogue(w.Catalogue)),
	} {
		t.Run(name, func(t *testing.T) {
			if !report.OK() {
				t.Errorf("failed: %+v", report.Failed())
			}
			if len(report.Checks) != 18 {
				t.Errorf("%d checks: %+v", len(report.Checks), report.Checks)
			}
		})
	}
	if (receipt.Report{}).OK() {
		t.Error("an empty report is a good one")
	}
}

func TestConsumersReceipt(t *testing.T) {
	w, id := story(t)
	r, err := assembler(w).ForConsumer(t.Context(), id, w.Consumer.ID)
	ok(t, "assemble", err)
	report := receipt.Verify(r, w.Trust)
	if !report.OK() {
		t.Errorf("failed: %+v", report.Failed())
	}
	raw, err := json.Marshal(r)
	ok(t, "marshal", err)
	key, err := json.Marshal(citizens(t, w, id).Approval.Key)
	ok(t, "marshal", err)
	if strings.Contains(string(raw), string(key)) || strings.Contains(string(raw), "client_data_json") {
		t.Error("the consumer's copy shows the citizen's passkey")
	}
}

func TestReceiptIsForItsOwn(t *testing.T) {
	ctx := t.Context()
	w, id := story(t)
	a := assembler(w)
	for name, assemble := range map[string]func() error{
		"it gives none to another person":   func() error { _, err := a.ForCitizen(ctx, id, "resident-02"); return err },
		"it gives none to nobody":           func() error { _, err := a.ForCitizen(ctx, id, ""); return err },
		"it gives none to another agency":   func() error { _, err := a.ForConsumer(ctx, id, w.Provider.ID); return err },
		"it gives none to no agency at all": func() error { _, err := a.ForConsumer(ctx, id, ""); return err },
	} {
		if err := assemble(); !errors.Is(err, consent.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.ForCitizen(ctx, "nothing", ada); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("unknown grant: %v", err)
	}
	asked, err := w.Ledger.Request(ctx, w.Request(ada, nil))
	ok(t, "request", err)
	if _, err := a.ForCitizen(ctx, asked.Grant, ada); !errors.Is(err, receipt.ErrNotGranted) {
		t.Errorf("a mere request: %v", err)
	}
}

func TestVerifyNames(t *testing.T) {
	type setting struct {
		w     *consenttest.World
		trust *consent.Trust
		r     *receipt.Receipt
	}
	for name, c := range map[string]struct {
		bend func(s setting)
		want string // contained in the list of failed checks
	}{
		"a receipt of another schema":     {func(s setting) { s.r.SchemaVersion = "x" }, "receipt form"},
		"another receipt id":              {func(s setting) { s.r.ID = "urn:x" }, "receipt form"},
		"no events":                       {func(s setting) { s.r.Events = nil }, "receipt form"},
		"another request":                 {func(s setting) { s.r.Request = s.w.Request(ada, nil).JWS }, "terms narrow the request"},
		"an unsigned request":             {func(s setting) { s.r.Request = "a.b.c" }, "request signature"},
		"another government":              {func(s setting) { s.trust.AgencyRoots = consenttest.New().Trust.AgencyRoots }, "request signature"},
		"no government":                   {func(s setting) { s.trust.AgencyRoots = nil }, "request signature"},
		"another hub":                     {func(s setting) { s.trust.HubKeys = consenttest.New().Trust.HubKeys }, "hub record"},
		"another hub's address":           {func(s setting) { s.trust.Issuer = "https://x" }, "request signature"},
		"another log":                     {func(s setting) { s.trust.Log = consenttest.New().Trust.Log }, "event 1 (requested) in the log"},
		"no log":                          {func(s setting) { s.trust.Log = consent.Trust{}.Log }, "passkey history in the log"},
		"other officers":                  {func(s setting) { s.trust.Officers = consenttest.New().Trust.Officers }, "passkey history"},
		"another origin":                  {func(s setting) { s.trust.RP.Origin = "https://x" }, "citizen's assertion"},
		"reworded terms":                  {func(s setting) { s.r.Terms.Purpose.Text = "x" }, "privacy notice"},
		"a hidden withdrawal":             {func(s setting) { s.r.Events = s.r.Events[:4] }, "hub record"},
		"a hidden use":                    {func(s setting) { s.r.Events = append(s.r.Events[:2:2], s.r.Events[4:]...) }, "events legal"},
		"another salt":                    {func(s setting) { s.r.Events[1].Salt[0]++ }, "event 2 (granted) in the log"},
		"a short salt":                    {func(s setting) { s.r.Events[1].Salt = s.r.Events[1].Salt[:4] }, "event 2 (granted) in the log"},
		"another event's proof":           {func(s setting) { s.r.Events[1].Proof = s.r.Events[2].Proof }, "event 2 (granted) in the log"},
		"no proof":                        {func(s setting) { s.r.Events[1].Proof = "" }, "event 2 (granted) in the log"},
		"no commit":                       {func(s setting) { s.r.Commits = nil }, "commit of use 1"},
		"a commit too many":               {func(s setting) { s.r.Commits = append(s.r.Commits, s.r.Commits[0]) }, "commits"},
		"no countersignature":             {func(s setting) { s.r.Received = nil }, "countersignature of use 1"},
		"a countersignature too many":     {func(s setting) { s.r.Received = append(s.r.Received, "x") }, "countersignatures"},
		"the approval left out":           {func(s setting) { s.r.Approval = nil }, "hub record"},
		"another approval salt":           {func(s setting) { s.r.Approval.Salt[0]++ }, "approval"},
		"another passkey":                 {func(s setting) { s.r.Approval.Key = "x" }, "citizen's assertion"},
		"a passkey event left out":        {func(s setting) { s.r.Approval.History = s.r.Approval.History[:1] }, "citizen's assertion"},
		"a passkey event outside the log": {func(s setting) { s.r.Approval.History[1].Proof = "" }, "passkey history in the log"},
		"no record":                       {func(s setting) { s.r.Record = "" }, "hub record"},
		"another receipt's record": {func(s setting) {
			other, err := assembler(s.w).ForConsumer(t.Context(), s.r.Terms.GrantID, s.w.Consumer.ID)
			ok(t, "assemble", err)
			s.r.Record = other.Record
		}, "hub record"},
	} {
		t.Run("it names "+name, func(t *testing.T) {
			w, id := story(t)
			r := citizens(t, w, id)
			trust := w.Trust
			c.bend(setting{w, &trust, &r})
			report := receipt.Verify(r, trust)
			if report.OK() {
				t.Fatal("it passes")
			}
			if names := failed(report); !strings.Contains(", "+names+",", ", "+c.want+",") {
				t.Errorf("failed: %s; want %s among them", names, c.want)
			}
		})
	}
}

func TestUnwitnessed(t *testing.T) {
	w, id := story(t)
	w.Log.Silent = true
	report := receipt.Verify(citizens(t, w, id), w.Trust)
	if report.OK() {
		t.Fatal("a log without witnesses passes")
	}
	for _, c := range report.Failed() {
		if !strings.Contains(c.Name, "in the log") || !strings.Contains(c.Detail, "UNWITNESSED") {
			t.Errorf("%s: %s", c.Name, c.Detail)
		}
	}
}
