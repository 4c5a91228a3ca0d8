package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
)

// countdown lets writes pass, then breaks one: it is lost, or kept and not
// acknowledged. After it nothing is written any more, as after a crash.
type countdown struct {
	*os.File
	left   *int
	keep   bool
	broken *bool
}

func (c countdown) Write(b []byte) (int, error) {
	if *c.left--; *c.left >= 0 && !*c.broken {
		return c.File.Write(b)
	}
	if *c.broken {
		return 0, errors.New("crashed")
	}
	*c.broken = true
	if c.keep {
		c.File.Write(b)
	}
	return 0, errors.New("disk gone")
}

// breakJournal makes the n-th write from now fail.
func (f *fixture) breakJournal(which, n int, keep bool) (broken *bool) {
	j := f.journals[which]
	broken = new(bool)
	j.file = countdown{j.file.(*os.File), &n, keep, broken}
	return broken
}

// restart opens the journals again, as a new process does.
func (f *fixture) restart() {
	f.Helper()
	for i, j := range f.journals {
		j.Close()
		f.journals[i] = openJournal(f, f.paths[i])
	}
	f.open()
}

func TestProviderCrashesAtEveryWrite(t *testing.T) {
	writes := 0
	for _, keep := range []bool{false, true} {
		for n := 0; ; n++ {
			done := false
			t.Run(fmt.Sprintf("it releases once when write %d is lost, kept=%v", n, keep), func(t *testing.T) {
				f := newFixture(t)
				c := f.call()
				broken := f.breakJournal(0, n, keep)
				status, _, _ := c.send()
				if done = !*broken; done {
					return
				}
				if status < 500 {
					t.Fatalf("it answered %d although its journal failed", status)
				}
				f.restart()
				first := c.mustSend()
				f.restart()
				if again := c.mustSend(); again != first {
					t.Error("it answered other bytes")
				}
				released, err := f.provider.Releases(context.Background())
				if err != nil || len(released) != 1 {
					t.Errorf("released %v, %v", released, err)
				}
			})
			if done {
				writes = n
				break
			}
		}
	}
	figure.Hold(t, "faults-provider", writes, "writes of the provider's journal in a release, each lost, and kept but called lost")
}

func TestConsumerCrashesAtEveryWrite(t *testing.T) {
	ctx := context.Background()
	for _, keep := range []bool{false, true} {
		for n := 0; ; n++ {
			done := false
			t.Run(fmt.Sprintf("it loses no use when write %d is lost, kept=%v", n, keep), func(t *testing.T) {
				f := newFixture(t)
				r := f.complete() // so that there is a grant to go on with
				broken := f.breakJournal(1, n, keep)
				second, err := f.consumer.Again(ctx, r.GrantID)
				if done = !*broken; done {
					return
				}
				f.restart()
				if err != nil {
					second, err = f.consumer.Again(ctx, r.GrantID)
				}
				if Reason(err) == "consumed" { // it was received, and not told
					second, err = f.consumer.Last(ctx, r.GrantID)
				}
				if err != nil || second.Use != 2 || len(second.Claims) != 3 {
					t.Errorf("Again after the crash: %+v, %v", second, err)
				}
				if released, _ := f.provider.Releases(ctx); len(released) != 2 {
					t.Errorf("%d releases", len(released))
				}
			})
			if done {
				break
			}
		}
	}
}

// lost breaks requests to a host: before they arrive, or after they were answered.
func (f *fixture) lost(host string, times int, kept bool) {
	f.route.mu.Lock()
	defer f.route.mu.Unlock()
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		if r.URL.Host != host || times == 0 {
			return send(), nil
		}
		times--
		if kept {
			send()
		}
		return nil, errors.New("connection reset")
	}
}

func TestConsumerAsksAgain(t *testing.T) {
	ctx := context.Background()
	const ever = 1 << 20
	for _, tt := range []struct {
		name  string
		times int
		kept  bool
		pass  time.Duration
		use   int
		fails bool // the first call
	}{
		{"it repeats when the provider was not reached", 1, false, 0, 1, false},
		{"it repeats when the answer was lost", 1, true, 0, 1, false},
		{"it goes on later when the provider was not reached", ever, false, 5 * time.Minute, 1, true},
		{"it goes on later when the answer was lost", ever, true, 5 * time.Minute, 1, true},
		{"it takes the same number when ten minutes passed and nothing had arrived", ever, false, time.Hour, 1, true},
		{"it takes the next number when ten minutes passed and the answer was lost", ever, true, time.Hour, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			state, query := f.granted("vision_ok", "hearing_ok")
			f.lost("insurer.example", tt.times, tt.kept)
			r, err := f.consumer.Complete(ctx, state, query)
			if tt.fails {
				if !errors.Is(err, ErrUnavailable) {
					t.Fatalf("Complete: %v", err)
				}
				grants, missing := f.consumer.Grants(ctx, f.need().Subject)
				if others, _ := f.consumer.Grants(ctx, ""); missing != nil || len(grants) != 1 || others != nil {
					t.Fatal(grants, others, missing)
				}
				f.lost("", 0, false)
				f.world.Pass(tt.pass)
				r, err = f.consumer.Again(ctx, grants[0])
			}
			if err != nil || r.Use != tt.use || r.Claims["vision_ok"] != true {
				t.Errorf("%+v, %v, want use %d", r, err, tt.use)
			}
		})
	}
}

func TestConsumerKeepsWhatItGotWhenTheHubIsGone(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	state, query := f.granted("vision_ok", "hearing_ok")
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		if r.URL.Path == "/agency/received" {
			return nil, errors.New("connection reset")
		}
		return send(), nil
	}
	r, err := f.consumer.Complete(ctx, state, query)
	if err != nil || r.Receipt != nil || r.Claims["vision_ok"] != true {
		t.Fatalf("Complete = %+v, %v", r, err)
	}
	if _, err := f.consumer.Receipt(ctx, r.GrantID); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Receipt: %v", err)
	}
	f.route.fault = nil
	if text, err := f.consumer.Receipt(ctx, r.GrantID); err != nil || len(text) == 0 {
		t.Errorf("Receipt: %v", err)
	}
}

func TestConsumerRefusesAnUnwitnessedReceipt(t *testing.T) {
	f := newFixture(t)
	state, query := f.granted("vision_ok", "hearing_ok")
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		f.world.Log.Silent = r.URL.Path == "/agency/received"
		return send(), nil
	}
	r, err := f.consumer.Complete(context.Background(), state, query)
	if err != nil || r.Receipt != nil {
		t.Fatalf("Complete = %v, %v", r, err)
	}
	var refused *Error
	if _, err := f.consumer.Receipt(context.Background(), r.GrantID); !errors.As(err, &refused) {
		t.Errorf("Receipt: %v", err)
	}
	f.lost("", 0, false)
	f.world.Log.Silent = false
	if _, err := f.consumer.Receipt(context.Background(), r.GrantID); err != nil {
		t.Errorf("Receipt once witnessed: %v", err)
	}
}

func TestCatalogueNeverGoesBack(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.world.Catalogue.Version = 5
	if _, err := f.provider.Catalogue(ctx); err != nil {
		t.Fatal(err)
	}
	f.world.Catalogue.Version = 4
	f.world.Pass(time.Hour)
	if _, err := f.provider.Catalogue(ctx); err == nil {
		t.Error("it took an older catalogue")
	}
	f.open()
	if _, err := f.provider.Catalogue(ctx); err == nil {
		t.Error("it took an older catalogue after a restart")
	}
}

func TestNetworkRefuses(t *testing.T) {
	n, development := newNetwork(false), newNetwork(true)
	for _, tt := range []struct {
		address     string
		here, there bool // allowed; allowed in development
	}{
		{"https://hub.example", true, true},
		{"http://hub.example", false, false},
		{"http://localhost:8080", false, true},
		{"http://127.0.0.1:8080", false, true},
		{"http://[::1]:8080", false, true},
		{"http://localhost.evil.example", false, false},
		{"http://10.0.0.1", false, false},
		{"https://user@hub.example", false, false},
		{"ftp://hub.example", false, false},
		{"hub.example", false, false},
		{"", false, false},
	} {
		if got := n.allowed(tt.address) == nil; got != tt.here {
			t.Errorf("%q allowed: %v", tt.address, got)
		}
		if got := development.allowed(tt.address) == nil; got != tt.there {
			t.Errorf("%q allowed in development: %v", tt.address, got)
		}
	}
}

// What cannot be read as a plain no frees nothing: the hub may have said yes.
func TestProviderKeepsItsNumberWhenTheRefusalIsUnclear(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"it keeps it when a proxy answers", "<html>nice try</html>", http.StatusForbidden},
		{"it keeps it when no reason is given", "{}", http.StatusBadRequest},
		{"it keeps it when the answer is no refusal at all", `{"code":"withdrawn"}`, http.StatusFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			c := f.call()
			f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
				res := send()
				if r.URL.Path == "/agency/commits" {
					res.StatusCode, res.Body = tt.status, io.NopCloser(strings.NewReader(tt.body))
				}
				return res, nil
			}
			c.want(http.StatusForbidden, "refused", "commit")
			f.lost("", 0, false)
			c.mustSend()
			if f.loaded != 1 {
				t.Errorf("loaded %d times: the number was freed", f.loaded)
			}
		})
	}
}

func TestProviderServesWhatItConfigures(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	delete(f.provider.config.DataSets, "health-checkup")
	c.want(http.StatusNotFound, "not_served", "data set")
}
