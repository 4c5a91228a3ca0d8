package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

func (h *testHub) proof(w http.ResponseWriter, r *http.Request) {
	hash, err := leafHash(r.URL.Query().Get("leaf"))
	if err != nil {
		h.json(w, 400, problem{Code: "invalid_leaf"})
		return
	}
	proof, err := h.world.Log.ProofOfLeaf(r.Context(), hash)
	if err != nil {
		h.json(w, 404, problem{Code: "not_published"})
		return
	}
	w.Write(proof.Marshal())
}

// doors are both ends of a release, as far as promises go.
type door interface {
	CheckPromises(context.Context) ([]Promise, error)
	Promises(context.Context) ([]Promise, error)
	SettlePromise(context.Context, string, int) error
	Close() error
}

func (f *fixture) doors() map[string]door {
	return map[string]door{"provider": f.provider, "consumer": f.consumer}
}

// answering has the hub answer a path by itself, the rest as it is.
func (f *fixture) answering(path string, status int, body string) {
	f.route.mu.Lock()
	defer f.route.mu.Unlock()
	before := f.route.fault
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		if r.URL.Path == path {
			w := httptest.NewRecorder()
			w.WriteHeader(status)
			w.WriteString(body)
			return w.Result(), nil
		}
		if before != nil {
			return before(r, send)
		}
		return send(), nil
	}
}

// released completes a first use for which the hub has no receipt yet: both ends
// hold its promise.
func released(t *testing.T, bend func(*fixture)) (*fixture, *Release) {
	t.Helper()
	f := newFixture(t)
	if bend != nil {
		bend(f)
		f.open()
	}
	f.answering("/agency/received", 503, "")
	r := f.complete()
	for name, d := range f.doors() {
		held, err := d.Promises(t.Context())
		if err != nil || len(held) != 1 || held[0].GrantID != r.GrantID || held[0].Use != 1 || !held[0].Broken.IsZero() || held[0].Promise == "" {
			t.Fatalf("%s holds %+v, %v", name, held, err)
		}
	}
	return f, r
}

func TestPromisesAreHeldUntilKept(t *testing.T) {
	f, r := released(t, nil)
	if _, err := f.provider.Inclusion(t.Context(), r.GrantID, 1); !errors.Is(err, ErrAbsent) {
		t.Errorf("a proof before it was seen: %v", err)
	}
	f.open() // a restart
	for name, d := range f.doors() {
		broken, err := d.CheckPromises(t.Context())
		if err != nil || len(broken) != 0 {
			t.Errorf("%s: %+v, %v", name, broken, err)
		}
		if held, err := d.Promises(t.Context()); err != nil || len(held) != 0 {
			t.Errorf("%s holds %+v, %v", name, held, err)
		}
	}
	text, err := f.provider.Inclusion(t.Context(), r.GrantID, 1)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := tlog.ParseProof([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.world.Trust.Log.Open(proof.Checkpoint); err != nil {
		t.Error(err)
	}
}

// TestReceiptKeepsThePromise: a receipt that verifies is the proof.
func TestReceiptKeepsThePromise(t *testing.T) {
	f := newFixture(t)
	f.complete()
	if held, err := f.consumer.Promises(t.Context()); err != nil || len(held) != 0 {
		t.Errorf("%+v, %v", held, err)
	}
}

// TestPromisesBroken lets the hub's log lie, or be silent, past the deadline.
func TestPromisesBroken(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lie   func(f *fixture, r *Release)
		after time.Duration
		want  bool
		cause string
	}{
		{"it waits for the deadline", func(f *fixture, _ *Release) { f.answering("/log/proof", 404, "{}") }, 59 * time.Second, false, ""},
		{"it finds a leaf that is not there", func(f *fixture, _ *Release) { f.answering("/log/proof", 404, "{}") }, 61 * time.Second, true, "does not have"},
		{"it finds an UNWITNESSED proof", func(f *fixture, _ *Release) { f.world.Log.Silent = true }, 61 * time.Second, true, "UNWITNESSED"},
		{"it finds a proof of another leaf", func(f *fixture, _ *Release) {
			f.world.Log.Append([]byte("another"))
			proof, err := f.world.Log.WaitProof(f.Context(), []byte("another"))
			if err != nil {
				f.Fatal(err)
			}
			f.answering("/log/proof", 200, string(proof.Marshal()))
		}, 61 * time.Second, true, "not in the checkpoint"},
		{"it finds nonsense for a proof", func(f *fixture, _ *Release) { f.answering("/log/proof", 200, "x") }, 61 * time.Second, true, "malformed"},
		{"it gives a log out of reach some time", func(f *fixture, _ *Release) { f.answering("/log/proof", 503, "") }, 5 * time.Minute, false, ""},
		{"it does not give it for ever", func(f *fixture, _ *Release) { f.answering("/log/proof", 503, "") }, 12 * time.Minute, true, "not available"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, r := released(t, nil)
			tt.lie(f, r)
			f.world.Pass(tt.after)
			for name, d := range f.doors() {
				f.broken = nil
				for range 3 {
					broken, err := d.CheckPromises(t.Context())
					if err != nil || (len(broken) == 1) != tt.want || tt.want && !strings.Contains(broken[0].Cause, tt.cause) {
						t.Fatalf("%s: %+v, %v", name, broken, err)
					}
				}
				if (len(f.broken) == 1) != tt.want {
					t.Errorf("%s: the hook heard %+v", name, f.broken)
				}
			}
		})
	}
}

// TestStopOnBrokenPromise: by policy nothing goes on, also after a restart,
// until a person has looked. Without it, it is told and goes on.
func TestStopOnBrokenPromise(t *testing.T) {
	for _, stop := range []bool{true, false} {
		f, r := released(t, func(f *fixture) { f.stop = stop })
		f.answering("/log/proof", 404, "{}")
		f.world.Pass(61 * time.Second)
		for name, d := range f.doors() {
			if broken, err := d.CheckPromises(t.Context()); err != nil || len(broken) != 1 {
				t.Fatalf("%s: %+v, %v", name, broken, err)
			}
		}
		f.open()
		again := func() error { _, err := f.consumer.Again(t.Context(), r.GrantID); return err }
		if !stop {
			if err := again(); err != nil {
				t.Errorf("without the policy: %v", err)
			}
			continue
		}
		_, asked := f.consumer.Ask(t.Context(), f.need())
		for what, err := range map[string]error{"use": again(), "ask": asked} {
			if Reason(err) != "promise_broken" {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := f.consumer.SettlePromise(t.Context(), r.GrantID, 1); err != nil {
			t.Fatal(err)
		}
		// The consumer goes on; the provider has its own policy.
		var refused *Error
		if err := again(); !errors.As(err, &refused) || refused.By != "provider" || refused.Reason != "promise_broken" || refused.Check != checkKept {
			t.Errorf("the provider: %v", err)
		}
		if len(f.observed) != 1 {
			t.Errorf("released %d times", len(f.observed))
		}
		if err := f.provider.SettlePromise(t.Context(), r.GrantID, 1); err != nil {
			t.Fatal(err)
		}
		if err := again(); err != nil {
			t.Errorf("settled: %v", err)
		}
		if err := f.provider.SettlePromise(t.Context(), r.GrantID, 9); !errors.Is(err, ErrAbsent) {
			t.Errorf("settling nothing: %v", err)
		}
	}
}

// TestPromisesAreLookedAtByThemselves and no more once the doors are closed.
func TestPromisesAreLookedAtByThemselves(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	f, _ := released(t, nil)
	f.interval = 5 * time.Millisecond
	f.open()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		provider, err1 := f.provider.Promises(t.Context())
		consumer, err2 := f.consumer.Promises(t.Context())
		if err := errors.Join(err1, err2); err != nil || time.Now().After(end) {
			t.Fatalf("held %v, %v: %v", provider, consumer, err)
		}
		if len(provider)+len(consumer) == 0 {
			break
		}
	}
	for _, d := range f.doors() {
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	}
	var asked atomic.Int64
	f.route.mu.Lock()
	f.route.fault = func(*http.Request, func() *http.Response) (*http.Response, error) {
		asked.Add(1)
		return nil, errors.New("no")
	}
	f.route.mu.Unlock()
	e, err := entry("promise", "x/1", Promise{Leaf: strings.Repeat("A", 43)}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range f.journals {
		if err := j.Put(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if asked.Load() != 0 || runtime.NumGoroutine() > goroutines {
		t.Errorf("asked %d times after Close; %d goroutines, %d before", asked.Load(), runtime.NumGoroutine(), goroutines)
	}
}

// TestJournalsFromBeforePromises are read as they are: their releases stay, and
// nothing is looked for that was never held.
func TestJournalsFromBeforePromises(t *testing.T) {
	f, r := released(t, func(f *fixture) { f.stop = true })
	for _, j := range f.journals {
		if err := j.Delete(t.Context(), "promise", useID(r.GrantID, 1)); err != nil {
			t.Fatal(err)
		}
	}
	f.world.Pass(time.Hour)
	f.open()
	for name, d := range f.doors() {
		if broken, err := d.CheckPromises(t.Context()); err != nil || len(broken) != 0 {
			t.Errorf("%s: %+v, %v", name, broken, err)
		}
	}
	if all, err := f.provider.Releases(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := f.consumer.Again(t.Context(), r.GrantID); err != nil {
		t.Error(err)
	}
}

// TestPromiseRowIsEvidence: what the journal holds is the hub's own signature.
func TestPromiseRowIsEvidence(t *testing.T) {
	f, r := released(t, nil)
	e, err := f.journals[0].Get(t.Context(), "promise", useID(r.GrantID, 1))
	if err != nil {
		t.Fatal(err)
	}
	var held Promise
	if err := json.Unmarshal(e.Value, &held); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(e.Value), citizen) || held.Deadline.Sub(f.world.Now()) > time.Minute {
		t.Errorf("%s", e.Value)
	}
}
