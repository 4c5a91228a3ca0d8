package notify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
)

// An agency that was away for more than a week is told again, once an operator
// says so, with the same tokens and for another week.
//
//clause:signals what was put aside an operator sees, and has told again with the same jti and number
func TestResend(t *testing.T) {
	h := newHub(t)
	a := h.agencies[h.Consumer.ID]
	a.fail = func(_ int, w http.ResponseWriter) bool {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return true
	}
	h.Granted(t.Context(), ada, h.passkey)
	n := h.notifier()
	_ = n.Round(t.Context())
	h.Pass(8 * 24 * time.Hour)
	must(t, n.Round(t.Context()))
	dead, err := h.db.Signals().Dead(t.Context(), h.Consumer.ID, 10)
	if err != nil || len(dead) != 1 || dead[0].Reason != "too old" {
		t.Fatalf("%+v, %v", dead, err)
	}
	if many, err := h.db.Signals().Resend(t.Context(), h.Consumer.ID, "", h.Now()); err != nil || many != 1 {
		t.Fatalf("%d, %v", many, err)
	}
	h.Pass(6 * 24 * time.Hour) // within its new week
	a.fail = nil
	must(t, n.Round(t.Context()))
	if len(a.took) != 1 || a.took[0].ID != dead[0].ID || a.took[0].Seq != dead[0].Seq {
		t.Errorf("told %+v, put aside %+v", a.took, dead)
	}
	t.Run("it is put aside again after another week", func(t *testing.T) {
		a.fail = func(_ int, w http.ResponseWriter) bool {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return true
		}
		h.Granted(t.Context(), ada, h.passkey)
		h.Pass(8 * 24 * time.Hour)
		must(t, n.Round(t.Context()))
		if _, err := h.db.Signals().Resend(t.Context(), h.Consumer.ID, "", h.Now()); err != nil {
			t.Fatal(err)
		}
		h.Pass(8 * 24 * time.Hour)
		must(t, n.Round(t.Context()))
		if dead, err := h.db.Signals().Dead(t.Context(), "", 10); err != nil || len(dead) != 1 {
			t.Errorf("%+v, %v", dead, err)
		}
	})
	if h.heard[len(h.heard)-1] != notify.Dead {
		t.Errorf("%v", h.heard)
	}
}
