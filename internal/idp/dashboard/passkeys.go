package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
)

// passkeyView is a passkey as its owner sees it; the public key is not shown.
type passkeyView struct {
	ID        string    `json:"id"`
	Device    string    `json:"device"`
	Synced    bool      `json:"synced"`
	Added     time.Time `json:"added"`
	LastUsed  time.Time `json:"last_used"`
	Current   bool      `json:"current"`
	Removable bool      `json:"removable"`
}

func (h *Handler) passkeyViews(r *http.Request, s account.Session) ([]passkeyView, error) {
	all, err := h.Accounts.Passkeys(r.Context(), s.Citizen)
	if err != nil {
		return nil, err
	}
	out := []passkeyView{}
	for _, p := range all {
		out = append(out, passkeyView{p.ID, p.Device, p.Synced, p.Added, p.LastUsed, p.ID == s.Passkey, len(all) > 1})
	}
	return out, nil
}

type passkeysPage struct {
	here
	Changed  bool
	Passkeys []passkeyView
}

func (h *Handler) passkeys(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.passkeyViews(r, s)
	if err != nil {
		return err
	}
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]any{"passkeys": all})
		return nil
	}
	h.pages.Render(w, r, http.StatusOK, "passkeys", passkeysPage{here{"passkeys"}, r.URL.Query().Has("changed"), all})
	return nil
}

func (h *Handler) add(w http.ResponseWriter, r *http.Request, _ account.Session) error {
	h.pages.Render(w, r, http.StatusOK, "add", here{"passkeys"})
	return nil
}

func (h *Handler) addOptions(w http.ResponseWriter, r *http.Request, s account.Session) error {
	return options(w)(h.Accounts.BeginAdd(r.Context(), s))
}

// options hands the script what the passkey is to be asked.
func options(w http.ResponseWriter) func(json.RawMessage, error) error {
	return func(o json.RawMessage, err error) error {
		if err == nil {
			web.JSON(w, http.StatusOK, o)
		}
		return err
	}
}

func credentialIn(w http.ResponseWriter, r *http.Request) (json.RawMessage, error) {
	var in struct {
		Credential json.RawMessage `json:"credential"`
	}
	if err := web.Decode(w, r, &in); err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	return in.Credential, nil
}

func (h *Handler) addFinish(w http.ResponseWriter, r *http.Request, s account.Session) error {
	credential, err := credentialIn(w, r)
	if err != nil {
		return err
	}
	id, err := h.Accounts.FinishAdd(r.Context(), s, r.UserAgent(), credential)
	if err != nil {
		return err
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": "/me/passkeys/confirm/" + id})
	return nil
}

type confirmPage struct {
	here
	ID     string
	Change account.Change
}

func (h *Handler) confirm(w http.ResponseWriter, r *http.Request, s account.Session) error {
	id := r.PathValue("id")
	c, err := h.Accounts.Change(r.Context(), s, id)
	if err != nil {
		return err
	}
	h.pages.Render(w, r, http.StatusOK, "confirm", confirmPage{here{"passkeys"}, id, c})
	return nil
}

func (h *Handler) confirmOptions(w http.ResponseWriter, r *http.Request, s account.Session) error {
	return options(w)(h.Accounts.BeginConfirm(r.Context(), s, r.PathValue("id")))
}

type removePage struct {
	here
	Passkey passkeyView
	Signer  string
	Last    bool
}

func (h *Handler) askRemove(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.passkeyViews(r, s)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.ID != r.PathValue("id") {
			continue
		}
		signer, err := h.Accounts.Remover(r.Context(), s, p.ID)
		last := errors.Is(err, account.ErrLastPasskey)
		if err != nil && !last {
			return err
		}
		h.pages.Render(w, r, http.StatusOK, "remove", removePage{here{"passkeys"}, p, signer.Device, last})
		return nil
	}
	return account.ErrNotFound
}

func (h *Handler) removeOptions(w http.ResponseWriter, r *http.Request, s account.Session) error {
	return options(w)(h.Accounts.BeginRemove(r.Context(), s, r.PathValue("id")))
}

// change finishes an addition or a removal. Who removed the passkey of this very
// session is led to the login by the next page.
func (h *Handler) change(w http.ResponseWriter, r *http.Request, s account.Session) error {
	credential, err := credentialIn(w, r)
	if err != nil {
		return err
	}
	if err := h.Accounts.FinishChange(r.Context(), s, credential); err != nil {
		return err
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": "/me/passkeys?changed"})
	return nil
}
