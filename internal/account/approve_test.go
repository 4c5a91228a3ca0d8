package account_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/account/accounttest"
)

// The browser is told how each passkey is reached, as the passkey said when it was made.
func TestApprovalsSayTransports(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	_, s := b.Person(t, "resident-01", false)
	rows, err := b.Store.Passkeys(ctx, s.Citizen)
	is(t, "passkeys", err, nil)
	var kept map[string]any
	is(t, "json", json.Unmarshal(rows[0].Credential, &kept), nil)
	kept["transport"] = []string{"hybrid", "internal"}
	text, err := json.Marshal(kept)
	is(t, "json", err, nil)
	is(t, "keep", b.Store.TouchPasskey(ctx, rows[0].ID, text, b.Now()), nil)
	options, err := b.AssertionOptions(ctx, s.Citizen, [32]byte{1})
	is(t, "options", err, nil)
	if !strings.Contains(string(options), `"transports":["hybrid","internal"]`) {
		t.Errorf("options %s", options)
	}
}
