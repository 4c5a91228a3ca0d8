package main

import (
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/keys"
)

// Readiness says it in time, by name and with what to do, when the hub's own
// certificates end; a key that follows ends the warning.
func TestOwnCertificatesEnd(t *testing.T) {
	dir := t.TempDir()
	made := time.Now().Add(-(2*365 - 5) * 24 * time.Hour)
	e := &engines{}
	load := func() {
		t.Helper()
		var err error
		if e.ring, err = keys.Load(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := keys.Generate(dir, keys.Options{Issuer: "https://hub.example", LogOrigin: "test", Now: func() time.Time { return made }}); err != nil {
		t.Fatal(err)
	}
	load()
	if said := e.lateOwnCertificates(); !strings.Contains(said, "issuer at ") || !strings.Contains(said, "status at ") || strings.Contains(said, "ca at") || !strings.Contains(said, "--rotate-issuer") {
		t.Errorf("it says %q", said)
	}
	for _, p := range []keys.Purpose{keys.Issuer, keys.Status} {
		if _, err := keys.Rotate(dir, p, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	load()
	if said := e.lateOwnCertificates(); said != "" {
		t.Errorf("it says %q", said)
	}
}
