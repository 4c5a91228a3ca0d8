package approval_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// A kiosk, a bot or another's device may ask about a citizen; who stands before
// it and is another neither sees, signs nor refuses anything. The citizen then
// does, wherever he is logged in.
func TestKioskMayAskNeverApprove(t *testing.T) {
	s := newSite(t)
	citizen := s.desk.citizen
	mine := s.do(t, "POST", "/approval/known/options", `{"claims":[]}`) // the citizen's own page, not yet signed
	stranger, session := s.Person(t, "resident-09", false)
	s.desk.citizen = session.Citizen
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for name, r := range map[string]reply{
		"page":              s.do(t, "GET", "/approval/known", ""),
		"options":           s.do(t, "POST", "/approval/known/options", `{"claims":[]}`),
		"finish":            s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(s.phone.Get(t, json.RawMessage(mine.body)))+`}`),
		"their own passkey": s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(stranger.Get(t, json.RawMessage(mine.body)))+`}`),
		"deny":              s.do(t, "POST", "/approval/known/deny", "", form...),
	} {
		if r.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	if state := s.record(t).State; state != consent.StateRequested || s.desk.denied || len(s.desk.done) != 0 {
		t.Errorf("something came of it: %s", state)
	}
	s.desk.citizen = citizen
	if r := s.sign(t, `[]`); r.status != http.StatusOK || s.record(t).State != consent.StateActive {
		t.Errorf("the citizen: %d %s", r.status, s.record(t).State)
	}
}
