package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/signal"
)

// ear is a Signals with what it heard.
type ear struct {
	*Signals
	world *consenttest.World
	heard []Signal
	gaps  [][2]int64
	fail  error
}

func newEar(t *testing.T, w *consenttest.World, bend func(*SignalsConfig)) *ear {
	t.Helper()
	e := &ear{world: w}
	c := SignalsConfig{
		Trust: w.Trust, Keys: Keys{Signer: w.Consumer.Key, Chain: w.Consumer.Chain}, Now: w.Now, Logger: slog.New(slog.DiscardHandler),
		Journal: openJournal(t, filepath.Join(t.TempDir(), "signals")),
		Handle: func(_ context.Context, s Signal) error {
			if e.fail == nil {
				e.heard = append(e.heard, s)
			}
			return e.fail
		},
		Gap: func(first, last int64) { e.gaps = append(e.gaps, [2]int64{first, last}) },
	}
	if bend != nil {
		bend(&c)
	}
	var err error
	if e.Signals, err = NewSignals(c); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *ear) token(t *testing.T, kind SignalKind, grant string, seq int64) string {
	t.Helper()
	s := signal.New(e.config.Keys.Agency, kind, grant, seq, 0, e.world.Now())
	s.Seq = seq
	key, kid := e.world.Ledger.Key()
	token, err := signal.Make(s, consenttest.Issuer, e.world.Now(), key, kid)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (e *ear) push(t *testing.T, token string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/signals", strings.NewReader(token))
	r.Header.Set("Content-Type", signal.MediaType)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

//clause:signals RFC 8935, 2.1 and 2.2: pushed with its media type, taken by 202
func TestSignalsTake(t *testing.T) {
	e := newEar(t, consenttest.New(), nil)
	first := e.token(t, GrantGranted, "g", 1)
	for range 2 { // the second is a retry whose answer was lost
		if status, body := e.push(t, first); status != http.StatusAccepted || body != "" {
			t.Errorf("%d %q", status, body)
		}
	}
	if len(e.heard) != 1 || e.heard[0].Kind != GrantGranted || e.heard[0].Grant != "g" || len(e.gaps) != 0 {
		t.Errorf("heard %+v, gaps %v", e.heard, e.gaps)
	}
	// A gap is told once, and closed by what comes late.
	for _, seq := range []int64{4, 5, 3} {
		if status, body := e.push(t, e.token(t, GrantPaused, "g", seq)); status != http.StatusAccepted {
			t.Errorf("%d: %d %s", seq, status, body)
		}
	}
	if len(e.gaps) != 1 || e.gaps[0] != [2]int64{2, 3} || len(e.heard) != 4 {
		t.Errorf("gaps %v, heard %d", e.gaps, len(e.heard))
	}
	if missing, err := e.Missing(t.Context()); err != nil || !slices.Equal(missing, []int64{2}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	// A number that was another's: a hub that begins anew is noticed.
	if status, body := e.push(t, e.token(t, GrantWithdrawn, "another", 4)); status != http.StatusBadRequest || !strings.Contains(body, "another signal") {
		t.Errorf("%d %s", status, body)
	}
	if len(e.heard) != 4 {
		t.Errorf("heard %d", len(e.heard))
	}
}

//clause:signals RFC 8935, 2.3 and 2.4: refused by 400 with a code
func TestSignalsRefuse(t *testing.T) {
	e := newEar(t, consenttest.New(), nil)
	other := newEar(t, e.world, func(c *SignalsConfig) { c.Keys = Keys{Signer: e.world.Provider.Key, Chain: e.world.Provider.Chain} })
	if status, body := e.push(t, other.token(t, GrantPaused, "g", 1)); status != http.StatusBadRequest || !strings.Contains(body, `"err":"invalid_audience"`) {
		t.Errorf("another's: %d %s", status, body)
	}
	if status, body := e.push(t, strings.Repeat("x", signal.MaxToken+1)); status != http.StatusBadRequest || !strings.Contains(body, "invalid_request") {
		t.Errorf("too long: %d %s", status, body)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/signals", strings.NewReader(e.token(t, GrantPaused, "g", 1)))
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	if e.ServeHTTP(w, r); w.Code != http.StatusBadRequest || w.Header().Get("Content-Language") == "" {
		t.Errorf("another media type: %d", w.Code)
	}
	w = httptest.NewRecorder()
	if e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/signals", nil)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
	if len(e.heard) != 0 {
		t.Errorf("heard %+v", e.heard)
	}
	// What the agency cannot deal with now comes again.
	e.fail = errors.New("database is down")
	token := e.token(t, GrantPaused, "g", 1)
	if status, body := e.push(t, token); status != http.StatusServiceUnavailable || strings.Contains(body, "database") {
		t.Errorf("%d %s", status, body)
	}
	e.fail = nil
	if status, _ := e.push(t, token); status != http.StatusAccepted || len(e.heard) != 1 {
		t.Errorf("%d, heard %d", status, len(e.heard))
	}
}

// Each write is broken twice: the token comes again, and is dealt with.
func TestSignalsSurviveFaults(t *testing.T) {
	for n := 1; n <= 2; n++ {
		for _, keptAll := range []bool{false, true} {
			e := newEar(t, consenttest.New(), nil)
			broken := &breaking{Journal: e.config.Journal, n: n, kept: keptAll}
			e.config.Journal = broken
			token := e.token(t, GrantPaused, "g", 1)
			if status, _ := e.push(t, token); status != http.StatusServiceUnavailable || !broken.hit {
				t.Errorf("write %d: %d", n, status)
			}
			for range 2 {
				if status, body := e.push(t, token); status != http.StatusAccepted {
					t.Errorf("write %d: %d %s", n, status, body)
				}
			}
			if status, _ := e.push(t, e.token(t, GrantPaused, "g", 2)); status != http.StatusAccepted || len(e.gaps) != 0 {
				t.Errorf("write %d: the next: %d, gaps %v", n, status, e.gaps)
			}
			if len(e.heard) < 2 || len(e.heard) > 3 {
				t.Errorf("write %d: heard %d", n, len(e.heard))
			}
		}
	}
}

// breaking breaks the nth Put: lost, or lost but kept.
type breaking struct {
	Journal
	n    int
	kept bool
	hit  bool
}

func (b *breaking) Put(ctx context.Context, e Entry) error {
	if b.n--; b.n != 0 {
		return b.Journal.Put(ctx, e)
	}
	b.hit = true
	if b.kept {
		if err := b.Journal.Put(ctx, e); err != nil {
			return err
		}
	}
	return errors.New("disk full")
}

// pollHub has the world's outbox answer polls, as the hub's door does.
func pollHub(t *testing.T, w *consenttest.World, polls *[]signal.Poll) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		p, err := signal.ParsePoll(raw)
		if err != nil {
			t.Error(err)
		}
		*polls = append(*polls, p)
		if err := w.Store.Told(r.Context(), w.Consumer.ID, p.Ack); err != nil {
			t.Error(err)
		}
		waiting, err := w.Store.Waiting(r.Context(), w.Consumer.ID, 1)
		if err != nil {
			t.Error(err)
		}
		var sets []string
		for _, s := range waiting {
			key, kid := w.Ledger.Key()
			token, err := signal.Make(s, consenttest.Issuer, w.Now(), key, kid)
			if err != nil {
				t.Error(err)
			}
			sets = append(sets, `"`+s.ID+`":"`+token+`"`)
		}
		_, _ = io.WriteString(rw, `{"sets":{`+strings.Join(sets, ",")+`}}`)
	}
}

// The consumer hears of a withdrawal, by polling, and asks no more; the provider
// drops what it keeps.
func TestWithdrawalIsHeard(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	r := f.complete()
	if _, err := f.world.Ledger.Withdraw(ctx, "other", citizen); err == nil {
		t.Fatal("a grant that is not there was withdrawn")
	}
	var polls []signal.Poll
	hubHandler := f.route.hosts["hub.example"]
	f.route.hosts["hub.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pollPath {
			pollHub(t, f.world, &polls)(w, r)
			return
		}
		hubHandler.ServeHTTP(w, r)
	})
	e := newEar(t, f.world, func(c *SignalsConfig) { c.Journal, c.Consumer = f.journals[1], f.consumer })
	e.net.client.Transport = f.route
	if n, err := e.Poll(ctx); err != nil || n != 1 { // granted
		t.Fatalf("%d signals, %v", n, err)
	}
	if reason, err := f.consumer.Ended(ctx, r.GrantID); err != nil || reason != "" {
		t.Errorf("ended %q, %v", reason, err)
	}
	if _, err := f.world.Ledger.Withdraw(ctx, consent.GrantID(r.GrantID), citizen); err != nil {
		t.Fatal(err)
	}
	if n, err := e.Poll(ctx); err != nil || n != 1 {
		t.Fatalf("%d signals, %v", n, err)
	}
	if len(polls) != 4 || len(polls[1].Ack) != 1 || len(polls[3].Ack) != 1 {
		t.Errorf("polls: %+v", polls)
	}
	saw := f.hubSaw.Len()
	if _, err := f.consumer.Again(ctx, r.GrantID); Reason(err) != "withdrawn" {
		t.Errorf("again: %v", err)
	}
	if f.hubSaw.Len() != saw {
		t.Error("the hub was asked about a grant that is over")
	}
	// The provider.
	id := useID(r.GrantID, 1)
	row, err := kept[usedRow](ctx, f.journals[0], "use", id)
	if err != nil {
		t.Fatal(err)
	}
	sealed := row.sealed()
	if err := f.provider.keep(ctx, "ciphertext", sealed, []byte("kept"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	p := newEar(t, f.world, func(c *SignalsConfig) {
		c.Journal, c.Provider = f.journals[0], f.provider
		c.Keys = Keys{Signer: f.world.Provider.Key, Chain: f.world.Provider.Chain}
	})
	if status, body := p.push(t, p.token(t, GrantPaused, r.GrantID, 1)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	if _, err := f.journals[0].Get(ctx, "ciphertext", sealed); err != nil {
		t.Errorf("a pause drops the ciphertext: %v", err)
	}
	if status, body := p.push(t, p.token(t, GrantWithdrawn, r.GrantID, 2)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	if _, err := f.journals[0].Get(ctx, "ciphertext", sealed); !errors.Is(err, ErrAbsent) {
		t.Errorf("the ciphertext is still there: %v", err)
	}
	if _, err := f.journals[0].Get(ctx, "use", id); err != nil {
		t.Errorf("the record of the use is gone: %v", err)
	}
}
