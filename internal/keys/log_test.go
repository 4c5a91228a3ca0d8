package keys_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/keys"
)

// rotated is a folder of keys whose log key changes between these times.
func rotated(t *testing.T, active, retired time.Time) string {
	t.Helper()
	dir, _ := generate(t)
	if _, err := keys.RotateLog(dir, active, retired); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLogKeyChange: the old key, both, the new one, by the clock.
func TestLogKeyChange(t *testing.T) {
	active := time.Now().Add(time.Hour).Truncate(time.Second)
	retired := active.Add(time.Hour)
	dir := rotated(t, active, retired)
	ring, err := keys.Load(dir)
	must(t, err)
	all, changes := ring.LogKeys(), ring.LogChanges()
	if len(all) != 2 || len(changes) != 1 || !all[0].Until.Equal(retired) || !all[1].Until.IsZero() || all[0].Key.Name != all[1].Key.Name {
		t.Fatalf("keys %v, changes %v", all, changes)
	}
	old, next := all[0].Key.KeyHash(), all[1].Key.KeyHash()
	for at, want := range map[time.Time][]uint32{
		active.Add(-time.Second): {old}, active: {old, next}, retired.Add(-time.Second): {old, next}, retired: {next},
	} {
		var got []uint32
		for _, s := range ring.LogSigners(at) {
			got = append(got, s.KeyHash())
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %s sign %v, want %v", at, got, want)
		}
	}
	if _, err := keys.RotateLog(dir, retired, retired.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "being changed already") {
		t.Errorf("a second change during the first: %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "keys", "log.pem")))
	if _, err := keys.Load(dir); err == nil || !strings.Contains(err.Error(), "not retired") {
		t.Errorf("without the key that signs: %v", err)
	}
}

// TestLogKeyRetired: the private half may go, and another change may follow.
func TestLogKeyRetired(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	dir := rotated(t, past.Add(-time.Hour), past)
	must(t, os.Remove(filepath.Join(dir, "keys", "log.pem")))
	must(t, keys.Generate(dir, options))
	if _, err := os.Stat(filepath.Join(dir, "keys", "log.pem")); err == nil {
		t.Error("it makes a retired key again")
	}
	soon := time.Now().Add(time.Hour)
	for _, left := range []string{"log-3.pem", "log-3.vkey"} { // an attempt that was cut off
		must(t, os.WriteFile(filepath.Join(dir, "keys", left), []byte("half"), 0o600))
	}
	if _, err := keys.Load(dir); err != nil {
		t.Errorf("what is left of an attempt counts: %v", err)
	}
	c, err := keys.RotateLog(dir, soon, soon.Add(time.Hour))
	must(t, err)
	ring, err := keys.Load(dir)
	must(t, err)
	if all := ring.LogKeys(); len(all) != 3 || all[2].Key.String() != c.New.String() || len(ring.LogSigners(time.Now())) != 1 {
		t.Errorf("%v", all)
	}
}

func TestLogKeyFilesThatDoNotFit(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	other := rotated(t, soon, soon.Add(time.Hour))
	for name, spoil := range map[string]func(dir string) error{
		"a change of other keys": func(dir string) error {
			for _, end := range []string{"pem", "vkey", "change"} {
				text, err := os.ReadFile(filepath.Join(other, "keys", "log-2."+end))
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, "keys", "log-2."+end), text, 0o600)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		"a cut change": func(dir string) error { return os.Truncate(filepath.Join(dir, "keys", "log-2.change"), 100) },
		"another private key": func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, "keys", "log.pem"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "keys", "log-2.pem"), text, 0o600)
		},
		"no public key":           func(dir string) error { return os.Remove(filepath.Join(dir, "keys", "log-2.vkey")) },
		"no key that is to come":  func(dir string) error { return os.Remove(filepath.Join(dir, "keys", "log-2.pem")) },
		"a public key of nothing": func(dir string) error { return os.WriteFile(filepath.Join(dir, "keys", "log-2.vkey"), nil, 0o600) },
	} {
		dir := rotated(t, soon, soon.Add(time.Hour))
		must(t, spoil(dir))
		if _, err := keys.Load(dir); err == nil {
			t.Errorf("it loads %s", name)
		}
	}
	dir, _ := generate(t)
	if _, err := keys.RotateLog(dir, soon, soon); err == nil {
		t.Error("a change without a time of both passes")
	}
	if _, err := keys.Load(dir); err != nil {
		t.Error(fmt.Errorf("a change that was refused left something: %w", err))
	}
}
