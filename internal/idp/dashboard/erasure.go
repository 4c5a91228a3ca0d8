package dashboard

import (
	"fmt"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
)

// stepErase names what a passkey confirms.
const stepErase = "erase"

// erasureView is a consent and when it may be erased.
type erasureView struct {
	Consent consentView `json:"consent"`
	At      time.Time   `json:"erasable_at,omitzero"` // zero: it lasts
	Now     bool        `json:"erasable"`
}

type erasurePage struct {
	here
	Done    bool
	Held    bool
	May     int // how many may go now
	Entries []erasureView
}

// erasable are a citizen's consents with what keeps each of them.
func (h *Handler) erasable(r *http.Request, citizen string) (erasurePage, error) {
	page := erasurePage{here: here{"consents"}, Done: r.URL.Query().Has("erased")}
	var err error
	if page.Held, err = h.Ledger.Held(r.Context(), citizen); err != nil {
		return page, fmt.Errorf("erasure: %w", err)
	}
	records, err := h.Ledger.Of(r.Context(), citizen)
	if err != nil {
		return page, fmt.Errorf("erasure: %w", err)
	}
	views, err := h.views(r, citizen)
	if err != nil {
		return page, err
	}
	ends := map[consent.GrantID]time.Time{}
	for _, rec := range records {
		ends[rec.Grant] = h.Ledger.ErasableAt(rec)
	}
	now := h.reader(r).now
	for _, v := range views {
		at, known := ends[v.Grant]
		if !known {
			continue // begun between the two
		}
		e := erasureView{Consent: v, At: at, Now: !page.Held && !at.IsZero() && !now.Before(at)}
		if e.Now {
			page.May++
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}

// erasure shows what would go, what stays and why.
func (h *Handler) erasure(w http.ResponseWriter, r *http.Request, s account.Session) error {
	page, err := h.erasable(r, s.Citizen)
	if err != nil {
		return err
	}
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]any{"held": page.Held, "consents": page.Entries})
		return nil
	}
	h.pages.Render(w, r, http.StatusOK, "erasure", page)
	return nil
}

func (h *Handler) erasureOptions(w http.ResponseWriter, r *http.Request, s account.Session) error {
	page, err := h.erasable(r, s.Citizen)
	switch {
	case err != nil:
		return err
	case page.Held:
		return consent.ErrHeld
	case page.May == 0:
		return consent.ErrYoung
	}
	return options(w)(h.Accounts.BeginStep(r.Context(), s, stepErase))
}

// erasureFinish erases what may go, once a passkey has just signed.
func (h *Handler) erasureFinish(w http.ResponseWriter, r *http.Request, s account.Session) error {
	credential, err := credentialIn(w, r)
	if err != nil {
		return err
	}
	if err := h.Accounts.FinishStep(r.Context(), s, stepErase, credential); err != nil {
		return err
	}
	if _, err := h.Ledger.EraseEnded(r.Context(), s.Citizen); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": "/me/erasure?erased"})
	return nil
}
