package silence_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/silence"
	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// behind is how far the proxies are above the processes' own ports.
const behind = 20

// collector keeps what traces it is sent, as it came.
type collector struct {
	mu  sync.Mutex
	got bytes.Buffer
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.Copy(&c.got, r.Body)
}

func (c *collector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got.String()
}

func port(t *testing.T) string {
	t.Helper()
	address, err := stage.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// scene is a deployment with ears everywhere.
type scene struct {
	*stage.Stage
	secrets    *silence.Secrets
	traces     *collector
	metrics    map[string]string // address by process
	correlated string            // a correlation id that a page had
}

func open(t *testing.T) *scene {
	t.Helper()
	s := &scene{secrets: silence.New(), traces: &collector{}, metrics: map[string]string{stage.IDP: port(t), stage.Verifier: port(t)}}
	listening := httptest.NewServer(s.traces)
	t.Cleanup(listening.Close)
	flags := map[string][]string{}
	for name, address := range s.metrics {
		flags[name] = []string{"--metrics", address, "--traces", listening.URL}
	}
	var err error
	if s.Stage, err = stage.New(t.Context(), stage.Options{Behind: behind, Flags: flags}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range stage.Names() {
		if err := s.secrets.Proxy(t.Context(), "127.0.0.1:"+strconv.Itoa(s.Port(name)+behind), s.Addr(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSilence lives the whole story, well and badly, and then looks for every
// value that was used in whatever the processes wrote: logs, metrics, traces, and
// the entries of the public log.
func TestSilence(t *testing.T) {
	s := open(t)
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	s.table(t, s.Path("residents.csv"), "sex", "family_name") // a few letters are found by chance; so are two digits
	s.table(t, filepath.Join(root, "examples", "insurer", "checkups.csv"), "hearing_left", "hearing_right")
	s.live(t)
	sent := s.fail(t)
	if n := s.secrets.Len(); n < 400 {
		t.Errorf("only %d values were heard", n)
	}
	s.counted(t)
	s.entries(t)
	for _, name := range stage.Names() {
		if err := s.Stop(name); err != nil { // what is left is written
			t.Error(err)
		}
		s.look(t, name+"'s log", string(read(t, s.Log(name))))
	}
	s.traced(t)
	figure.Hold(t, "wrong-messages", sent, "wrong messages of which no log, metric, trace or entry of the public log keeps a value")
}

// look wants a text that holds no secret.
func (s *scene) look(t *testing.T, what, text string) {
	t.Helper()
	if len(text) < 100 {
		t.Errorf("%s is empty: %q", what, text)
	}
	for _, found := range s.secrets.Found(text) {
		t.Errorf("%s holds %s", what, found)
	}
}

// counted looks at the metrics, and whether they counted the story.
func (s *scene) counted(t *testing.T) {
	for process, lines := range map[string][]string{
		stage.IDP: {
			`mydata_ceremonies_total{ceremony="login",outcome="done"}`, `mydata_ceremonies_total{ceremony="enrolment",outcome="done"}`,
			`mydata_ceremonies_total{ceremony="enrolment",outcome="refused"}`, `mydata_ceremonies_total{ceremony="approval",outcome="begun"}`,
			`mydata_ceremonies_total{ceremony="approval",outcome="done"}`, `mydata_ceremonies_total{ceremony="add or remove passkey",outcome="done"}`,
			`mydata_passkey_events_total{act="add"}`, `mydata_passkey_events_total{act="remove"}`,
			`mydata_consent_events_total{kind="used"}`, `mydata_consent_events_total{kind="received"}`, `mydata_consent_events_total{kind="withdrawn"}`,
			`mydata_consent_events_total{kind="denied"}`, `mydata_credentials_total{act="issued"}`, `mydata_credentials_total{act="revoked"}`,
			`mydata_refusals_total{check="tx_code"}`, `mydata_log_published_size`, `mydata_witness_size{witness="witness-1"}`,
			`mydata_request_duration_seconds_count{class="4xx",method="POST",route="/token"}`,
		},
		stage.Verifier: {
			`mydata_presentations_total{outcome="verified"}`, `mydata_presentations_total{outcome="declined"}`,
			`mydata_request_duration_seconds_count{class="2xx",method="POST",route="/response/{handle}"}`,
		},
	} {
		text := get(t, "http://"+s.metrics[process]+"/metrics")
		for _, line := range lines {
			_, value, found := strings.Cut(text, "\n"+line+" ")
			if value, _, _ = strings.Cut(value, "\n"); !found || value == "0" {
				t.Errorf("%s's metrics do not count %s", process, line)
			}
		}
		s.look(t, process+"'s metrics", ours(text))
	}
}

var bucket = regexp.MustCompile(`le="[0-9.]+"`)

// ours leaves out what every program of this language and library says.
func ours(metrics string) string {
	var text strings.Builder
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "mydata_") {
			text.WriteString(bucket.ReplaceAllString(line, ""))
		}
	}
	return text.String()
}

// entries looks at what everybody may read in the log.
func (s *scene) entries(t *testing.T) {
	checkpoint := get(t, s.URL(stage.IDP)+"/log/checkpoint")
	size, err := strconv.Atoi(strings.Split(checkpoint, "\n")[1])
	if err != nil || size < 40 || size >= 256 {
		t.Fatalf("a log of %d entries, %v", size, err)
	}
	text := get(t, fmt.Sprintf("%s/log/tile/entries/000.p/%d", s.URL(stage.IDP), size))
	// A result names the issuer's keys, which its DID document publishes.
	for _, m := range named.FindAllStringSubmatch(get(t, s.URL(stage.IDP)+"/.well-known/did.json"), -1) {
		s.secrets.Harmless(m[1])
	}
	s.look(t, "the log", text)
	if n := strings.Count(text, `"kind":"operator"`); n < 20 {
		t.Errorf("the log holds %d steps of the operator's acts", n)
	}
}

// named are the keys of a DID document.
var named = regexp.MustCompile(`"kid":"([^"]+)"`)

// printable are the texts in a binary message.
var printable = regexp.MustCompile(`[\x20-\x7e\x80-\x{10ffff}]{6,}`)

// traced looks at the spans, which must have come and be found by the correlation
// id that a page has.
func (s *scene) traced(t *testing.T) {
	text := strings.Join(printable.FindAllString(s.traces.text(), -1), "\n")
	s.look(t, "a trace", text)
	for _, want := range []string{"mydata-idp", "mydata-verifier", "POST /approval/{interaction}/finish", "ask witness", "mydata.correlation_id", s.correlated} {
		if !strings.Contains(text, want) {
			t.Errorf("no span holds %q", want)
		}
	}
	if !bytes.Contains(read(t, s.Log(stage.IDP)), []byte(s.correlated)) {
		t.Errorf("no line of the hub's log holds %q", s.correlated)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func get(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(address, res.Status, err)
	}
	return string(body)
}

// table reads a CSV of the story's and names every value in it.
func (s *scene) table(t *testing.T, path string, skip ...string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(read(t, path))).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatal(path, err)
	}
	for _, row := range rows[1:] {
		for i, value := range row {
			if !slices.Contains(skip, rows[0][i]) {
				s.secrets.Add(value, filepath.Base(path)+" "+rows[0][i])
			}
		}
	}
}
