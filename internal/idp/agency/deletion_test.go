package agency_test

import (
	"net/http"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// A consumer says what it deleted once the grant is over, and no sooner.
func TestDeletion(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	r := s.Granted(ctx, ada, s.passkey)
	_, err := s.World.Ledger.Use(ctx, s.Commit(r, 1, nil))
	ok(t, "use", err)
	jws := s.Deleted(r, 1, nil)
	post := func(jws string, status int, field, want string) {
		t.Helper()
		if a := s.post(t, "/agency/deletions", jws); a.status != status || want != "" && a.text(field) != want {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	post(jws, http.StatusConflict, "code", "standing")
	_, err = s.World.Ledger.Withdraw(ctx, r.Grant, ada)
	ok(t, "withdraw", err)
	post(jws, http.StatusOK, "", "")
	post(jws, http.StatusOK, "", "")
	post("a.b.c", http.StatusBadRequest, "check", "deletion signature")
	post(s.Deleted(consent.Record{Grant: "nobody"}, 1, nil), http.StatusNotFound, "code", "unknown_grant")
}
