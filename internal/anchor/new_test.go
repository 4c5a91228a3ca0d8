package anchor_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// TestNewRefuses: an anchorer without one log, without witnesses, or of a log
// that the ledger cannot name does not begin.
func TestNewRefuses(t *testing.T) {
	public := anchortest.Key(1).Public().(ed25519.PublicKey)
	log := func(origin string) string { return "log " + tlog.LogKey(origin, public).String() + "\n" }
	other := "log " + tlog.LogKey("other.example", anchortest.Key(3).Public().(ed25519.PublicKey)).String() + "\n"
	second := "log " + tlog.LogKey(anchortest.Origin, anchortest.Key(3).Public().(ed25519.PublicKey)).String() + "\n"
	witness := "witness w " + tlog.WitnessKey("witness.example/1", anchortest.Key(2).Public().(ed25519.PublicKey)).String() + "\nquorum w\n"
	for name, tt := range map[string]struct{ policy, says string }{
		"one log":                   {log(anchortest.Origin) + witness, ""},
		"one log, which had a key":  {log(anchortest.Origin) + second + witness, ""},
		"no log":                    {witness, "one log"},
		"two logs":                  {log(anchortest.Origin) + other + witness, "one log"},
		"no witness":                {log(anchortest.Origin) + "quorum none\n", "no witness"},
		"an origin beyond ASCII":    {log("lög.example") + witness, "takes no origin"},
		"an origin without end":     {log(strings.Repeat("o", 257)) + witness, "takes no origin"},
		"an origin of 256 is taken": {log(strings.Repeat("o", 256)) + witness, ""},
	} {
		policy, err := tlog.ParsePolicy([]byte(tt.policy))
		if err != nil {
			t.Fatal(err)
		}
		_, err = anchor.New(anchor.Options{Policy: policy})
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStates reads what an anchorer of this log wrote, and nothing else.
func TestStates(t *testing.T) {
	state := func(middle string) string {
		return `{"schema_version":"` + anchor.Schema + `","origin":"` + anchortest.Origin + `"` + middle + `}`
	}
	step := func(step, rest string) string {
		return state(`,"next":{"step":"` + step + `","put":{"Origin":"` + anchortest.Origin + `","Size":3}` + rest + `}`)
	}
	for name, text := range map[string]string{
		"no state":            `{}`,
		"cut":                 state("")[:20],
		"another version":     strings.Replace(state(""), anchor.Schema, "other/1", 1),
		"a negative size":     state(`,"covered":-1`),
		"a negative anchor":   state(`,"last":{"size":-1}`),
		"an unknown step":     step("dreamt", ""),
		"no bytes":            step("prepared", `,"tx_id":"a"`),
		"no transaction":      step("submitted", `,"bytes":"AAAA"`),
		"no proof":            step("read", ""),
		"another log's":       strings.Replace(step("chosen", ""), `"Origin":"`+anchortest.Origin, `"Origin":"other.example`, 1),
		"longer than all are": state("" + strings.Repeat(" ", 17<<20)),
	} {
		if _, err := anchor.ParseState([]byte(text)); !errors.Is(err, anchor.ErrState) {
			t.Errorf("it takes %s: %v", name, err)
		}
	}
	w := newWorld(t)
	other := strings.Replace(state(""), anchortest.Origin, "other.example", 1)
	if err := os.WriteFile(filepath.Join(w.folder, "outbox.json"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	w.begin(t, nil, 0)
	if err := w.a.Step(t.Context()); !errors.Is(err, anchor.ErrState) {
		t.Errorf("it goes on with the state of another log: %v", err)
	}
}

// TestDamagedAlarm: evidence that cannot be read stops an anchorer as well.
func TestDamagedAlarm(t *testing.T) {
	w := newWorld(t)
	if err := os.WriteFile(filepath.Join(w.folder, "fork.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.begin(t, nil, 0)
	if err := w.a.Step(t.Context()); err == nil || errors.Is(err, anchor.ErrFork) || len(w.ledger.blocks) != 0 {
		t.Errorf("it goes on: %v", err)
	}
}

// bare is a hub whose entries are out of reach, though its tiles are there.
type bare struct{ *anchortest.Hub }

func (b bare) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if t.Level == tlog.Entries {
		return nil, errFault
	}
	return b.Hub.Tile(ctx, t)
}

// TestEntriesOutOfReach: without the entries nothing is known of what rides, and
// nothing is anchored.
func TestEntriesOutOfReach(t *testing.T) {
	l := newLedger()
	hub := bare{anchortest.New(t, l)}
	hub.Add(t, []byte("one"))
	folder, err := anchor.OpenFolder(t.TempDir())
	ok(t, err)
	defer folder.Close()
	a, err := anchor.New(anchor.Options{Hub: hub, Chain: l, Outbox: folder, Policy: hub.Policy, Trust: l, Interval: time.Minute})
	ok(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Step(ctx); !errors.Is(err, anchor.ErrLog) || !errors.Is(err, errFault) || len(l.blocks) != 0 {
		t.Errorf("%v, %d blocks", err, len(l.blocks))
	}
}

// TestHTTPHub: addresses, and what the answers of a hub mean.
func TestHTTPHub(t *testing.T) {
	for _, address := range []string{"", "hub.example", "http://", "http://hub.example/path", "http://hub.example?a=b", "http://user@hub.example", "ftp://hub.example", "http://a b"} {
		if _, err := anchor.NewHTTPHub(address); err == nil {
			t.Errorf("it takes the address %q", address)
		}
	}
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it goes where a hub sends it") }))
	defer inside.Close()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", inside.URL)
		w.WriteHeader(status)
	}))
	defer server.Close()
	hub, err := anchor.NewHTTPHub(server.URL + "/")
	ok(t, err)
	for _, tt := range []struct {
		status       int
		newest, take error
	}{
		{http.StatusNotFound, anchor.ErrNotFound, anchor.ErrNotTaken},
		{http.StatusInternalServerError, anchor.ErrHub, anchor.ErrHub},
		{http.StatusServiceUnavailable, anchor.ErrHub, anchor.ErrHub},
		{http.StatusTooManyRequests, anchor.ErrHub, anchor.ErrHub},
		{http.StatusRequestTimeout, anchor.ErrHub, anchor.ErrHub},
		{http.StatusBadRequest, anchor.ErrHub, anchor.ErrNotTaken},
		{http.StatusFound, anchor.ErrHub, anchor.ErrNotTaken},
		{http.StatusCreated, anchor.ErrHub, nil},
		{http.StatusOK, nil, nil},
	} {
		status = tt.status
		if _, err := hub.Newest(t.Context()); tt.newest != nil && !errors.Is(err, tt.newest) || tt.newest == nil && (err == nil || errors.Is(err, anchor.ErrHub)) {
			t.Errorf("newest, %d: %v", tt.status, err)
		}
		if err := hub.Take(t.Context(), endorsement.Proof{}); !errors.Is(err, tt.take) || tt.take == nil && err != nil {
			t.Errorf("take, %d: %v", tt.status, err)
		}
	}
}

// TestFolderOfOne: a folder has one anchorer at a time, and is one.
func TestFolderOfOne(t *testing.T) {
	dir := t.TempDir()
	folder, err := anchor.OpenFolder(dir)
	ok(t, err)
	if second, err := anchor.OpenFolder(dir); err == nil {
		t.Error("two anchorers on one folder")
		_ = second.Close()
	}
	ok(t, folder.Close())
	file := filepath.Join(dir, "file")
	ok(t, os.WriteFile(file, nil, 0o600))
	if _, err := anchor.OpenFolder(filepath.Join(file, "below")); err == nil {
		t.Error("a folder below a file")
	}
	folder, err = anchor.OpenFolder(dir)
	ok(t, err)
	defer folder.Close()
	ok(t, os.RemoveAll(dir))
	if err := folder.Save(anchor.State{}); err == nil {
		t.Error("a state that is nowhere was kept")
	}
}

// mistaken is a ledger whose peers answer about the first size, whatever is asked.
type mistaken struct{ *ledger }

func (m mistaken) Read(ctx context.Context, origin string, _ int64) (endorsement.Proof, error) {
	return m.ledger.Read(ctx, origin, 1)
}

// TestAnswersAboutAnotherSize are no fork, and no proof.
func TestAnswersAboutAnotherSize(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 0)
	w.hub.Add(t, []byte("one"))
	w.turn(t)
	w.hub.Add(t, []byte("two"))
	folder := w.outbox.Folder
	a, err := anchor.New(anchor.Options{Hub: w.hub, Chain: mistaken{w.ledger}, Outbox: folder, Policy: w.hub.Policy, Trust: w.ledger, Interval: time.Nanosecond})
	ok(t, err)
	for range 6 {
		err = a.Step(t.Context())
	}
	if err == nil || errors.Is(err, anchor.ErrFork) || !strings.Contains(err.Error(), "the peers answered about") {
		t.Errorf("%v", err)
	}
}

// TestRefusalIsTheSame: a hub's refusal is told once, though each of its answers has a
// correlation id of its own.
func TestRefusalIsTheSame(t *testing.T) {
	answers := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answers++
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"code":"anchors_not_kept","cause":"this hub was given no --fabric-trust","correlation_id":"%d"}`, answers)
	}))
	defer server.Close()
	hub, err := anchor.NewHTTPHub(server.URL)
	ok(t, err)
	first, again := hub.Take(t.Context(), endorsement.Proof{}), hub.Take(t.Context(), endorsement.Proof{})
	if first == nil || again == nil || first.Error() != again.Error() || !strings.Contains(first.Error(), "anchors_not_kept: this hub was given no --fabric-trust") {
		t.Errorf("%v\n%v", first, again)
	}
}
