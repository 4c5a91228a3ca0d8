package consent_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// What is no record is not exported as one; pkg/consent/receipt tries the rest.
func TestExportRefusesNoRecord(t *testing.T) {
	w, passkey := world(t)
	terms := *w.Granted(t.Context(), ada, passkey).Agreed
	event := consent.Event{Grant: terms.GrantID, Seq: 1, Kind: consent.KindRequested, At: w.Now()}
	_, err := consent.ExportRecord("hub", terms, nil)
	says(t, "no events", err, "export", "without events")
	terms.Recipient = nil
	_, err = consent.ExportRecord("hub", terms, []consent.Event{event})
	says(t, "no recipient", err, "export", "0 recipients")
}
