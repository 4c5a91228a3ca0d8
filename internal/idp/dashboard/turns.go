package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
)

// states and reasons that the pages have texts for. What comes to be known later
// is shown by its word.
var (
	states = []consent.State{
		consent.StateRequested, consent.StateActive, consent.StatePaused, consent.StateDenied, consent.StateCancelled,
		consent.StateWithdrawn, consent.StateExpired, consent.StateConsumed, consent.StateInvalidated, "superseded",
	}
	pauses = []string{consent.PausedLostPhone, consent.PausedNotMe}
)

func stateID(s consent.State) string {
	if slices.Contains(states, s) {
		return "me.state." + string(s)
	}
	return ""
}

func reasonID(code string) string {
	if slices.Contains(pauses, code) || slices.Contains(consent.Invalidations(), code) {
		return "me.reason." + code
	}
	return ""
}

// fields are the labels of what a provider reads.
func (x reader) fields(set catalogue.DataSet, all []consent.Field) []string {
	out := []string{}
	for _, f := range all {
		label := f.Label
		if known, ok := set.Field(f.Name); ok {
			label = known.Label.In(x.lang)
		}
		out = append(out, label)
	}
	return out
}

// pause needs the session alone: it is never harder than granting, and undone as
// easily.
func (h *Handler) pause(w http.ResponseWriter, r *http.Request, s account.Session) error {
	if _, err := h.Ledger.Pause(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen, ""); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return h.done(w, r, "/me/consents?paused")
}

// resume needs the session alone where the citizen paused; where an officer or
// "Not me" did, the browser is led on to the page that asks for a passkey. After
// an officers' order nothing is resumed for as long as nothing may be granted.
func (h *Handler) resume(w http.ResponseWriter, r *http.Request, s account.Session) error {
	if err := h.Accounts.Mature(r.Context(), s.Citizen); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	_, err := h.Ledger.Resume(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen)
	if errors.Is(err, consent.ErrConfirm) && !web.WantsJSON(r) {
		http.Redirect(w, r, r.URL.EscapedPath(), http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return h.done(w, r, "/me/consents?resumed")
}

// step names what a passkey confirms.
func step(r *http.Request) string { return "resume/" + r.PathValue("id") }

func (h *Handler) resumeOptions(w http.ResponseWriter, r *http.Request, s account.Session) error {
	if _, err := h.one(r, s); err != nil { // nobody is asked to sign for what is not theirs
		return err
	}
	return options(w)(h.Accounts.BeginStep(r.Context(), s, step(r)))
}

func (h *Handler) resumeFinish(w http.ResponseWriter, r *http.Request, s account.Session) error {
	credential, err := credentialIn(w, r)
	if err != nil {
		return err
	}
	if err := h.Accounts.FinishStep(r.Context(), s, step(r), credential); err != nil {
		return err
	}
	if _, err := h.Ledger.ResumeConfirmed(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": "/me/consents?resumed"})
	return nil
}

// cancel takes back a request that its citizen has not decided.
func (h *Handler) cancel(w http.ResponseWriter, r *http.Request, s account.Session) error {
	if _, err := h.Ledger.TakeBack(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen); err != nil {
		return fmt.Errorf("cancel: %w", err)
	}
	return h.done(w, r, "/me/consents?cancelled")
}
