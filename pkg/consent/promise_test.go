package consent_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// slow is a device that signs one thing at a time, and the first only when told.
type slow struct {
	crypto.Signer
	open  chan struct{}
	signs atomic.Int32
	fails atomic.Bool
}

func (s *slow) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.signs.Add(1)
	<-s.open
	if s.fails.Load() {
		return nil, errors.New("the device is gone")
	}
	return s.Signer.Sign(rand, digest, opts)
}

// grouped has many commits answered while the device is busy with the first: it
// gives their promises and the number of signatures.
func grouped(t testing.TB, n int) (w *consenttest.World, promises, commits []string, device *slow) {
	t.Helper()
	w = consenttest.New()
	var grants []consent.Record
	for i := range n {
		citizen := fmt.Sprint("citizen-", i)
		grants = append(grants, w.Granted(context.Background(), citizen, w.People.Enrol(citizen)))
	}
	key, kid := w.Ledger.Key()
	device = &slow{Signer: key, open: make(chan struct{})}
	w.Ledger.Key = func() (crypto.Signer, string) { return device, kid }
	promises, commits = make([]string, n), make([]string, n)
	var wait sync.WaitGroup
	for i, r := range grants {
		commits[i] = w.Commit(r, 1, nil)
		wait.Go(func() {
			var err error
			if promises[i], err = w.Ledger.Use(context.Background(), commits[i]); err != nil {
				t.Error(err)
			}
		})
		for device.signs.Load() == 0 || consent.WaitingPromises(w.Ledger) < i { // the first is under way
			time.Sleep(time.Millisecond)
		}
	}
	close(device.open)
	wait.Wait()
	return w, promises, commits, device
}

// TestPromises has one signature cover many commits: each promise stands alone.
func TestPromises(t *testing.T) {
	const n = 40
	w, promises, commits, device := grouped(t, n)
	if signs := device.signs.Load(); signs != 2 { // the first alone, then all others
		t.Errorf("%d signatures for %d promises", signs, n)
	}
	alone := 0
	for i, promise := range promises {
		c, err := consent.OpenPromise(promise, w.Trust.HubKeys)
		if err != nil || c.Commit != consent.DigestOf(commits[i]) || c.Deadline-c.IssuedAt != 60 {
			t.Errorf("promise %d: %+v, %v", i, c, err)
		}
		if !strings.Contains(promise, "~") {
			alone++
		}
	}
	if alone != 1 {
		t.Errorf("%d promises are alone", alone)
	}
	again, err := w.Ledger.Use(t.Context(), commits[7])
	ok(t, "the same commit again", err)
	one, _ := consent.OpenPromise(promises[7], w.Trust.HubKeys)
	if two, err := consent.OpenPromise(again, w.Trust.HubKeys); err != nil || one != two {
		t.Errorf("again: %+v, %v", two, err)
	}
	device.fails.Store(true)
	if _, err := w.Ledger.Use(t.Context(), commits[8]); err == nil || !strings.Contains(err.Error(), "the device is gone") {
		t.Errorf("without a device: %v", err)
	}
}

// TestPromisesGoOn has the device's driver panic once: the next promise is signed.
func TestPromisesGoOn(t *testing.T) {
	w := consenttest.New()
	r := w.Granted(t.Context(), "ada", w.People.Enrol("ada"))
	commit, key := w.Commit(r, 1, nil), w.Ledger.Key
	w.Ledger.Key = func() (crypto.Signer, string) { panic("the device is gone") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it does not panic")
			}
		}()
		_, _ = w.Ledger.Use(t.Context(), commit)
	}()
	w.Ledger.Key = key
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := w.Ledger.Use(ctx, commit)
	ok(t, "the same commit again", err)
}

// TestPromisesRefuse bends a promise of a group.
func TestPromisesRefuse(t *testing.T) {
	w, promises, _, _ := grouped(t, 6)
	var group []string
	for _, p := range promises {
		if strings.Contains(p, "~") {
			group = append(group, p)
		}
	}
	one, two := strings.Split(group[0], "~"), strings.Split(group[1], "~")
	_, way, _ := strings.Cut(one[2], ".")
	for name, text := range map[string]string{
		"it refuses another's claims":             one[0] + "~" + two[1] + "~" + one[2],
		"it refuses another's place":              one[0] + "~" + one[1] + "~" + two[2],
		"it refuses no place":                     one[0] + "~" + one[1],
		"it refuses a place beyond the group":     one[0] + "~" + one[1] + "~5." + way,
		"it refuses a negative place":             one[0] + "~" + one[1] + "~-1." + way,
		"it refuses another spelling of a place":  one[0] + "~" + one[1] + "~0" + one[2],
		"it refuses another spelling of claims":   one[0] + "~" + one[1] + "=~" + one[2],
		"it refuses a line break in the claims":   one[0] + "~" + one[1][:4] + "\n" + one[1][4:] + "~" + one[2],
		"it refuses more than a promise":          group[0] + "~" + one[1],
		"it refuses a way that is too long":       group[0] + strings.Repeat("."+one[2][strings.LastIndex(one[2], ".")+1:], 8),
		"it refuses a group without claims":       one[0],
		"it refuses the group's claims as claims": one[0] + "~" + strings.Split(one[0], ".")[1] + "~" + one[2],
		"it refuses what is too long":             group[0] + strings.Repeat("A", 64<<10),
	} {
		if _, err := consent.OpenPromise(text, w.Trust.HubKeys); err == nil {
			t.Errorf("%s: it does not", name)
		}
	}
	foreign, err := consent.SignGroup(w.Ledger, consent.PromiseClaims{Issuer: "https://other.example"}, consent.PromiseClaims{Issuer: w.Ledger.Issuer})
	ok(t, "sign", err)
	if _, err := consent.OpenPromise(foreign[0], w.Trust.HubKeys); err == nil {
		t.Error("it takes a promise of another issuer than the group's")
	}
	if _, err := consent.OpenPromise(foreign[1], w.Trust.HubKeys); err != nil {
		t.Error(err)
	}
	for i := range group[0] {
		bent := group[0][:i] + string(rune(group[0][i]^1)) + group[0][i+1:]
		if _, err := consent.OpenPromise(bent, w.Trust.HubKeys); err == nil {
			t.Fatalf("byte %d may be altered", i)
		}
	}
}

func FuzzPromises(f *testing.F) {
	w, promises, _, _ := grouped(f, 4)
	known := map[string]bool{}
	for _, p := range promises {
		known[p] = true
		f.Add(p)
		f.Add(p + "~")
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := consent.OpenPromise(text, w.Trust.HubKeys); err == nil && !known[text] {
			t.Fatalf("another text opens: %q", text)
		}
	})
}
