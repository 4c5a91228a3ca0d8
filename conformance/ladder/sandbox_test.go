package ladder_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// sandbox is one process of the hub, and a folder for everything.
type sandbox struct {
	*stage.Stage
	t      *testing.T
	folder string
	hub    string
}

func openSandbox(t *testing.T) *sandbox {
	t.Helper()
	s, err := stage.New(t.Context(), stage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &sandbox{s, t, s.Path("sandbox"), s.URL(stage.IDP)}
	if err := os.MkdirAll(s.Path("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.start()
	return b
}

func (b *sandbox) start() {
	b.t.Helper()
	if err := b.Launch("sandbox", b.Program("idp"), "serve", "--sandbox", "--data", b.folder, "--issuer", b.hub, "--listen", b.Addr(stage.IDP)); err != nil {
		b.t.Fatal(err)
	}
	for range 300 {
		if res, err := http.Get("http://" + b.Addr(stage.IDP) + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Fatal("the sandbox is not ready: ", b.Tail("sandbox"))
}

// run is a command that an agency types.
func (b *sandbox) run(args ...string) (string, error) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.Program("idp"), args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *sandbox) must(args ...string) string {
	b.t.Helper()
	out, err := b.run(args...)
	if err != nil {
		b.t.Fatalf("idp %s: %v %s", strings.Join(args, " "), err, out)
	}
	return out
}

const clinicListing = `{"resident_id": true, "data_sets": [{"id": "clinic-checkup", "provider": "",
  "title": {"en": "Check-up", "ko": "검진"},
  "schema": {"type": "object", "properties": {"vision_left": {"type": "number"}, "vision_right": {"type": "number"},
    "hearing_left": {"type": "integer"}, "hearing_right": {"type": "integer"}, "remarks": {"type": "string"}, "checked_on": {"type": "string"}}},
  "fields": [{"name": "vision_left", "label": {"en": "Left eyesight", "ko": "왼쪽 시력"}},
    {"name": "hearing_left", "label": {"en": "Left hearing", "ko": "왼쪽 청력"}}, {"name": "checked_on", "label": {"en": "Checked on", "ko": "검진일"}}],
  "derived": [{"claim": "vision_ok", "label": {"en": "Sees well", "ko": "시력 충족"}, "from": ["vision_left"]},
    {"claim": "hearing_ok", "label": {"en": "Hears well", "ko": "청력 충족"}, "from": ["hearing_left"]},
    {"claim": "checked_on", "label": {"en": "Checked on", "ko": "검진일"}, "from": ["checked_on"]}]}]}`

const portalListing = `{"purposes": [{"code": "portal_renewal", "text": {"en": "Renewal", "ko": "갱신"}, "max_uses": 2, "max_days": 30, "data_sets": ["clinic-checkup"]}]}`

func (b *sandbox) write(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// Two agencies join by one command each, and get from the sandbox what they got
// from the hub in memory and will get from the hub, word for word, also after
// it was started again.
//
//clause:kit the hub in memory, `idp serve` and `idp serve --sandbox` give the same 52 answers, word for word
func TestTheSandboxAnswersAsTheHub(t *testing.T) {
	b := openSandbox(t)
	join := func(more ...string) []string { return append([]string{"sandbox", "join", "--hub", b.hub}, more...) }
	clinic := join("clinic", "--out", b.Path("clinic"), "--release", b.URL(stage.Insurer)+"/release", "--listing", b.write("clinic.json", clinicListing))
	portal := join("portal", "--out", b.Path("portal"), "--redirect", b.URL(stage.Licence)+"/callback", "--listing", b.write("portal.json", portalListing))
	b.must(clinic...)
	b.must(portal...)
	for name, args := range map[string][]string{
		"another's name":     join("clinic", "--out", b.Path("thief")),
		"no name":            join("..", "--out", b.Path("thief")),
		"another's data set": join("thief", "--out", b.Path("thief"), "--listing", b.write("thief.json", clinicListing)),
		"another's purpose":  join("thief", "--out", b.Path("thief"), "--listing", b.write("thief2.json", portalListing)),
	} {
		if out, err := b.run(args...); err == nil || !strings.Contains(out, ": ") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if err := b.Stop("sandbox"); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.must(portal...) // again is the same
	d := deploy(t, place{hub: b.hub, trust: b.Path("portal", "trust"), provider: b.Path("clinic"), consumer: b.Path("portal"),
		client: "sandbox-portal", redirect: b.URL(stage.Licence) + "/callback", listen: b.Addr(stage.Insurer), purpose: "portal_renewal", dataSet: "clinic-checkup"})
	d.Person = func(t testing.TB, n int) sdktest.Person {
		resident := fmt.Sprintf("synthetic-%02d", n+1)
		var letter stage.Letter
		if err := json.Unmarshal([]byte(b.must("enrol", "--resident", resident, "--json", "--data", b.folder)), &letter); err != nil {
			t.Fatal(err)
		}
		return newPerson(t, b.hub, resident, letter.URL)
	}
	sdktest.Suite(t, d)
}
