package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/store"
)

// TestLookAtClients: the log names who registered before a rule for addresses, at each start.
func TestLookAtClients(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "idp.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, uri := range map[string]string{"as-ever": "https://bank.example/cb", "of-before": "https://b\u0430nk.example/cb"} {
		if err := db.Registry().AddClient(t.Context(), registry.Client{ID: id, RedirectURIs: []string{uri}}); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	e := &engines{registry: &registry.Registry{Store: db.Registry()}, log: slog.New(slog.NewTextHandler(&log, nil))}
	e.lookAtClients(t.Context())
	if says := log.String(); strings.Count(says, "would be refused today") != 1 || !strings.Contains(says, "client=of-before") {
		t.Errorf("it says %q", says)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	if e.lookAtClients(t.Context()); !strings.Contains(log.String(), "were not looked at") {
		t.Errorf("without a database it says %q", log.String())
	}
}
