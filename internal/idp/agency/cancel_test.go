package agency_test

import (
	"net/http"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// A consumer takes back what nobody has decided, as often as it asks; after a
// decision it is told so, and another agency is told nothing.
func TestCancel(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	sign := func(id consent.GrantID, by consenttest.Agency) string {
		jws, err := consent.SignCancel(consent.CancelClaims{
			Issuer: by.ID, Audience: consenttest.Issuer, IssuedAt: s.Now().Unix(), GrantID: id,
		}, by.Key, by.Chain)
		ok(t, "sign", err)
		return jws
	}
	asked, err := s.World.Ledger.Request(ctx, s.Request(ada, nil))
	ok(t, "request", err)
	granted := s.Granted(ctx, ada, s.passkey)
	for _, c := range []struct {
		name, jws string
		status    int
		field     string
		want      string
	}{
		{"it is nobody else's", sign(asked.Grant, s.Provider), http.StatusNotFound, "code", "unknown_grant"},
		{"it takes an offer back", sign(asked.Grant, s.Consumer), http.StatusOK, "state", "cancelled"},
		{"it takes it back again", sign(asked.Grant, s.Consumer), http.StatusOK, "state", "cancelled"},
		{"it leaves a grant", sign(granted.Grant, s.Consumer), http.StatusConflict, "code", "decided"},
		{"it wants a cancellation", "a.b.c", http.StatusBadRequest, "check", "cancellation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.post(t, "/agency/cancellations", c.jws)
			if r.status != c.status || r.text(c.field) != c.want {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	if r := s.post(t, "/agency/cancellations", sign(asked.Grant, s.Consumer), "Content-Type", "application/json"); r.status != http.StatusUnsupportedMediaType {
		t.Errorf("another media type: %d %s", r.status, r.body)
	}
}
