package monitor_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// TestEndorsedAnchors follows a hub that hands on what the peers of two
// organisations signed, and one that hands on something else.
func TestEndorsedAnchors(t *testing.T) {
	channel := et.New(time.Now().Add(-time.Hour), "Org1MSP", "Org2MSP")
	verify, err := monitor.Endorsed(channel.Folder())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	handed, err := monitor.NewHanded(w.address, verify)
	if err != nil {
		t.Fatal(err)
	}
	w.options.Anchors, w.options.Within = handed, time.Minute
	w.open()
	w.hub.add(t, entries(0, 300)...)
	prove := func(h *hub) []byte {
		c, err := h.policy.Open(h.note(t))
		if err != nil {
			t.Fatal(err)
		}
		return channel.Prove(endorsement.Record{Origin: c.Origin, Size: c.Size, Root: c.Root, Writer: "Org1MSP"}).Marshal()
	}
	good := prove(w.hub)
	w.lie(show("/anchors/latest", good))
	expect(t, w.round())
	report, err := w.monitor.Round(t.Context())
	if err != nil || report.Anchored != 300 {
		t.Errorf("%+v, %v", report, err)
	}
	w.lie(show("/anchors/latest", []byte(strings.Replace(string(good), "A", "B", 1))))
	expect(t, w.round(), audit.Anchor)
	other := w.operator.hub(t)
	other.add(t, entries(1000, 1100)...)
	w.lie(show("/anchors/latest", prove(other)))
	expect(t, w.round(), audit.Anchor)
	w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(rw, r) }) // this hub keeps none
	w.at = w.at.Add(2 * time.Minute)
	w.hub.add(t, entries(300, 301)...)
	expect(t, w.round())
	w.at = w.at.Add(2 * time.Minute)
	expect(t, w.round(), audit.Missed)
	var refused *endorsement.Error
	if _, err := monitor.Endorsed(fstest.MapFS{}); !errors.As(err, &refused) {
		t.Errorf("an empty folder: %v", err)
	}
}
