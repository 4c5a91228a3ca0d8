package sdk

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// A record that drifted from its schema is refused by the field's name, without
// a word of its value.
func TestProviderNamesTheFieldThatDrifted(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	f.records[citizen][0]["vision_left"] = marker
	status, no, _ := c.send()
	if status != http.StatusConflict || no.Code != "schema_drift" || no.Check != "record schema" || no.Mender != transfer.MenderProvider ||
		!strings.Contains(no.Cause, `field "vision_left" (type)`) || strings.Contains(no.Cause, marker) {
		t.Errorf("%d %+v", status, no)
	}
	if len(f.observed) != 0 {
		t.Error("it released")
	}
}
