package consent_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// TestOver: every state from which nothing leads away is over, and no other.
func TestOver(t *testing.T) {
	for _, row := range lives {
		if row.to == "" {
			continue
		}
		r := consent.Record{Seq: 1, State: row.to, Expires: begin.AddDate(1, 0, 0)}
		if got := consent.Over(r.Ended(begin)); got != ends(row.kind) {
			t.Errorf("%s: %v", row.to, got)
		}
	}
}
