package dashboard_test

import (
	"net/http"
	"testing"
)

func TestLostPhone(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       bool
	}{
		{"it revokes what one wallet holds", "device=Demo+wallet", true},
		{"it revokes all", "device=", true},
		{"it leaves what another wallet holds", "device=Another", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			b, lost := s.open(t, s.phone), s.open(t, s.phone)
			r := b.do("POST", "/me/lost", c.body, "Content-Type", "application/x-www-form-urlencoded")
			if r.status != http.StatusSeeOther || r.header.Get("Location") != "/me?revoked" || s.office.revoked != c.want {
				t.Errorf("%d %v, revoked %v\n%s", r.status, r.header, s.office.revoked, r.body)
			}
			if here, there := b.do("GET", "/me", ""), lost.do("GET", "/me", "", "Accept", "application/json"); here.status != http.StatusOK || there.status != http.StatusUnauthorized {
				t.Errorf("logged in here %d, on the phone %d", here.status, there.status)
			}
		})
	}
	s := newSite(t)
	if r := s.open(t, nil).do("POST", "/me/lost", ""); r.status != http.StatusUnauthorized || s.office.revoked {
		t.Errorf("it revokes for nobody: %d", r.status)
	}
}
