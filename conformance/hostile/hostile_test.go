package hostile_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
)

// An attempt is one bad input and the refusal that it must meet.
type attempt struct {
	name   string
	try    func(t *testing.T, w *world) answer
	status int
	code   string // of the error; "" where a person reads a page
	check  string // of a problem document; "" where the code says it all
}

// tables of attempts, by what they attack. Controls show, before, that the
// unbent input is accepted: a refusal is then due to the bend alone.
var tables = []struct {
	name     string
	controls []control
	attempts func() []attempt
	consent  bool // of asking, approving, using, ending: counted by themselves
}{
	{"doors", nil, doors, false},
	{"PAR", parControls, pars, false},
	{"authorize", nil, authorizations, false},
	{"token", nil, tokens, false},
	{"proofs", nil, proofs, false},
	{"resources", nil, resources, false},
	{"issuance", issuanceControls, issuances, false},
	{"ceremonies", nil, ceremonies, false},
	{"approval", nil, approvals, true},
	{"dashboard", nil, dashboards, false},
	{"requests", requestControls, requests, true},
	{"agency", agencyControls, agencies, true},
	{"release", releaseControls, releases, true},
	{"turns", nil, turns, true},
	{"bundles", bundleControls, bundles, true},
	{"signals", signalControls, signals, true},
	{"callbacks", nil, loads, true},
	{"public", nil, publics, false},
	{"registration", nil, registrations, false},
	{"devices", nil, devices, false},
	{"attested wallets", attestedControls, attested, false},
	{"logout", nil, logouts, false},
	{"encrypted", encryptedControls, encryptions, false},
	{"deferred", deferredControls, deferrals, false},
	{"past", nil, pasts, false},
	{"lost", lostControls, losses, false}, // before the verifier has a status list to keep for seconds
	{"verifier", nil, verifiers, false},
	{"disclosures", disclosureControls, disclosures, false},
	{"relying parties", orderControls, orders, false},
	{"answers", nil, plainAnswers, false},
	{"sites", nil, sites, false},
	{"witnesses", nil, witnesses, false},
	{"uses", nil, transferRaces, true},
	{"races", nil, races, false},
}

// A control is a good input.
type control struct {
	name   string
	try    func(t *testing.T, w *world) answer
	status int
}

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// TestHostile stands on PostgreSQL; the long form (MYDATA_SOAK=1) on SQLite too.
func TestHostile(t *testing.T) {
	count, consents := attack(t, newWorld(t, postgres(t)))
	if os.Getenv("MYDATA_SOAK") == "1" {
		t.Run("SQLite", func(t *testing.T) { attack(t, newWorld(t, "")) })
	}
	if count < 150 || consents < 120 {
		t.Errorf("%d attempts, %d of them on consent: at least 150 and 120 are promised", count, consents)
	}
	figure.Hold(t, "hostile-cases", count, "bad inputs at the public doors of a deployment, each refused by its code, with nothing changed")
	figure.Hold(t, "consent-cases", consents, "of them at the doors of consent, from the request to the release, the withdrawal and the signals")
}

// attack makes every attempt, and counts them.
func attack(t *testing.T, w *world) (count, consents int) {
	seen := map[string]bool{}
	w.settle(t)
	for i, table := range tables {
		stranger = newStranger(fmt.Sprintf("127.0.4.%d", i+1))
		t.Run(table.name, func(t *testing.T) {
			for _, c := range table.controls {
				if a := c.try(t, w); a.status != c.status {
					t.Fatalf("control: %s: answered %d, wanted %d\n%s", c.name, a.status, c.status, short(a.body))
				}
			}
			if len(table.controls) > 0 { // else nothing was done since the last look
				w.settle(t)
			}
			for _, a := range table.attempts() {
				count++
				if table.consent {
					consents++
				}
				if key := table.name + "/" + a.name; seen[key] {
					t.Errorf("two attempts are called %q", key)
				} else {
					seen[key] = true
				}
				t.Run(a.name, func(t *testing.T) {
					a.try(t, w).check(t, a)
					w.unchanged(t, count%20 == 0)
				})
			}
			w.quiet(t)
		})
	}
	if lines := w.Errors(); lines != "" {
		t.Errorf("bad input made somebody cry for an operator:\n%s", lines)
	}
	return count, consents
}
