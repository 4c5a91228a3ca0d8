package dashboard

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
)

type credentialsPage struct {
	here
	Name              string
	Enrolled, Revoked bool
	Alive             bool // one of them is not revoked
	Credentials       []card
	Waiting           []waiting
}

func (h *Handler) credentials(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.Issuer.Of(r.Context(), s.Citizen)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]any{"credentials": cards(all, web.Lang(r))})
		return nil
	}
	resident, err := h.Accounts.Resident(r.Context(), s.Citizen)
	if err != nil && !errors.Is(err, account.ErrNotFound) { // the page is theirs, by whatever name
		return err
	}
	name := resident.NameKo
	if web.Lang(r) == "en" {
		name = resident.NameLatin
	}
	later, err := h.waiting(r, s)
	if err != nil {
		return err
	}
	h.pages.Render(w, r, http.StatusOK, "credentials", credentialsPage{
		here: here{"credentials"}, Name: name, Credentials: cards(all, web.Lang(r)), Alive: slices.ContainsFunc(all, alive), Waiting: later,
		Enrolled: r.URL.Query().Has("enrolled"), Revoked: r.URL.Query().Has("revoked"),
	})
	return nil
}

func (h *Handler) waiting(r *http.Request, s account.Session) ([]waiting, error) {
	if h.Deferrals == nil {
		return nil, nil
	}
	all, err := h.Deferrals.Of(r.Context(), s.Citizen)
	if err != nil {
		return nil, fmt.Errorf("waiting credentials: %w", err)
	}
	var out []waiting
	for _, d := range all {
		d.Device = credential.DeviceIn(d.Device, web.Lang(r))
		out = append(out, waiting{d})
	}
	return out, nil
}

type offerPage struct {
	here
	URI, Tx, Wallet string
	Link            template.URL
}

// offerLogin is how old a login may be on whose strength a card is offered, as where
// a wallet asks for one: an open browser on a lost phone is not enough.
const offerLogin = 5 * time.Minute

// offer makes a pre-authorized offer. The transaction code is shown once, here:
// who only photographs the QR code cannot use it.
func (h *Handler) offer(w http.ResponseWriter, r *http.Request, s account.Session) error {
	if h.now().Sub(s.AuthTime) > offerLogin {
		if web.WantsJSON(r) {
			return errLogin
		}
		http.Redirect(w, r, "/login?"+url.Values{"again": {"card"}, "next": {"/me"}}.Encode(), http.StatusSeeOther)
		return nil
	}
	uri, tx, err := h.Offers.Offer(r.Context(), s.Citizen, h.Config, credential.GrantPreAuthorized, true)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]string{"credential_offer": uri, "tx_code": tx})
		return nil
	}
	h.pages.Render(w, r, http.StatusOK, "offer", offerPage{here{"credentials"}, uri, tx, h.wallet(uri), link(uri)})
	return nil
}

// link lets the one foreign scheme of an offer through html/template.
func link(offer string) template.URL {
	if !strings.HasPrefix(offer, "openid-credential-offer://") {
		return ""
	}
	return template.URL(offer) //nolint:gosec // G203: its scheme was compared
}

// wallet is the demo wallet's address for an offer: it takes the whole link in the
// parameter "offer", since a browser page cannot own the openid- scheme.
func (h *Handler) wallet(offer string) string {
	u, err := url.Parse(h.WalletURL)
	if h.WalletURL == "" || err != nil {
		return ""
	}
	q := u.Query()
	q.Set("offer", offer)
	u.RawQuery = q.Encode()
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// own finds a credential among those of the session's citizen.
func (h *Handler) own(r *http.Request, s account.Session) (credential.Issued, error) {
	all, err := h.Issuer.Of(r.Context(), s.Citizen)
	if err != nil {
		return credential.Issued{}, fmt.Errorf("credentials: %w", err)
	}
	i := slices.IndexFunc(all, func(c credential.Issued) bool { return c.ID == r.PathValue("id") })
	if i < 0 {
		return credential.Issued{}, credential.ErrUnknown
	}
	return all[i], nil
}

type revokePage struct {
	here
	Credential credential.Issued
}

func (h *Handler) askRevoke(w http.ResponseWriter, r *http.Request, s account.Session) error {
	c, err := h.own(r, s)
	if err != nil {
		return err
	}
	h.pages.Render(w, r, http.StatusOK, "revoke", revokePage{here{"credentials"}, c})
	return nil
}

func (h *Handler) revoke(w http.ResponseWriter, r *http.Request, s account.Session) error {
	c, err := h.own(r, s)
	if err != nil {
		return err
	}
	if err := h.Issuer.RevokeBatch(r.Context(), s.Citizen, c.Batch()); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return h.done(w, r, "/me?revoked")
}

// done sends the browser on after a change, and tells a program that it happened.
func (h *Handler) done(w http.ResponseWriter, r *http.Request, to string) error {
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]string{"next": to})
		return nil
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
