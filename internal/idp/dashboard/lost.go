package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
)

func alive(c credential.Issued) bool { return c.Status != credential.Revoked }

// device is a wallet to choose: what was kept of it, and its name.
type device struct{ Kept, Name string }

type lostPage struct {
	here
	Devices []device
}

func (h *Handler) askLost(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.Issuer.Of(r.Context(), s.Citizen)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	page := lostPage{here: here{"credentials"}}
	for _, c := range all {
		if alive(c) && c.Device != "" {
			page.Devices = append(page.Devices, device{c.Device, credential.DeviceIn(c.Device, web.Lang(r))})
		}
	}
	slices.SortFunc(page.Devices, func(a, b device) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Kept, b.Kept))
	})
	page.Devices = slices.Compact(page.Devices)
	h.pages.Render(w, r, http.StatusOK, "lost", page)
	return nil
}

// lost revokes what one wallet holds, or all there is. First what could bring
// new ones to the phone ends, whichever wallet it was: names are no proof.
func (h *Handler) lost(w http.ResponseWriter, r *http.Request, s account.Session) error {
	// The phone may be logged in here: by that alone it could ask for an offer.
	if err := h.Accounts.LogoutOthers(r.Context(), s); err != nil {
		return fmt.Errorf("lost phone: %w", err)
	}
	if h.Lost != nil {
		if err := h.Lost(r.Context(), s.Citizen); err != nil {
			return fmt.Errorf("lost phone: %w", err)
		}
	}
	device := r.PostFormValue("device")
	err := h.Issuer.RevokeEach(r.Context(), s.Citizen, credential.ReasonLost, func(c credential.Issued) bool {
		return device == "" || c.Device == device
	})
	if err != nil {
		return fmt.Errorf("lost phone: %w", err)
	}
	return h.done(w, r, "/me?revoked")
}
