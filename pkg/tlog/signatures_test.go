package tlog_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/govmydata/mydata/pkg/tlog"
)

func TestLogSignatures(t *testing.T) {
	note := signedBy(t, []byte{1, 2, 3}, at(), at())
	policy, err := tlog.ParsePolicy([]byte("log " + logVKey(1) + "\nlog " + logVKey(2) + "\nwitness a " + witnessVKey(11) + "\nquorum a\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s\n7\n%s\n", signedOrigin, tlog.Hash{1})
	got := policy.LogSignatures(note)
	if len(got) != 2 || !ed25519.Verify(public(1), []byte(text), got[0]) || !ed25519.Verify(public(2), []byte(text), got[1]) {
		t.Errorf("%d signatures", len(got))
	}
	stranger, err := tlog.ParsePolicy([]byte("log " + logVKey(4) + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := stranger.LogSignatures(note); len(got) != 0 {
		t.Errorf("a stranger's: %d", len(got))
	}
	if got := policy.LogSignatures([]byte("x")); len(got) != 0 {
		t.Errorf("of nothing: %d", len(got))
	}
}
