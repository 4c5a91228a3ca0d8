package store_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/govmydata/mydata/internal/store"
)

func TestMigrate(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		if err := db.Migrate(t.Context()); err != nil {
			t.Errorf("a second time: %v", err)
		}
		pending, err := db.Pending(t.Context())
		if err != nil || pending {
			t.Errorf("pending = %v, %v", pending, err)
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder?#%.db")
	service, command := open(t, "sqlite:"+path), open(t, "sqlite:"+path)
	if err := service.Hold(); err != nil {
		t.Fatal(err)
	}
	if err := command.Hold(); !errors.Is(err, store.ErrHeld) {
		t.Errorf("second holder: %v", err)
	}
	if err := service.Close(); err != nil {
		t.Fatal(err)
	}
	if err := command.Hold(); err != nil {
		t.Errorf("after the service ended: %v", err)
	}
}
