package anchor_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/pkg/tlog"
)

const origin = anchortest.Origin

// statement of a kind about an id.
func statement(t testing.TB, kind, id string, version int) []byte {
	t.Helper()
	entry, err := tlog.Statement(kind, map[string]any{"id": id, "version": version})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func personal(n int) []byte {
	return tlog.Commitment("test", [32]byte{byte(n), byte(n >> 8)}, [32]byte{})
}
