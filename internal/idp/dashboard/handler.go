package dashboard

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/credential"
)

//go:embed page locale
var files embed.FS

// Ledger of consents. What changes a grant answers consent.ErrForeign or
// ErrUnknown for one that is not this citizen's.
type Ledger interface {
	Of(ctx context.Context, citizen string) ([]consent.Record, error)
	History(ctx context.Context, citizen string) ([]consent.HistoryEntry, error)
	Withdraw(ctx context.Context, id consent.GrantID, citizen string) (consent.Record, error)
	WithdrawalToSign(ctx context.Context, id consent.GrantID, citizen string) ([32]byte, error)
	WithdrawSigned(ctx context.Context, id consent.GrantID, citizen string, a approval.Assertion) (consent.Record, error)
	SignedWithdrawal(ctx context.Context, id consent.GrantID, citizen string) (consent.SignedWithdrawal, error)
	Pause(ctx context.Context, id consent.GrantID, citizen, reason string) (consent.Record, error)
	// Resume is consent.ErrConfirm where ResumeConfirmed must be.
	Resume(ctx context.Context, id consent.GrantID, citizen string) (consent.Record, error)
	ResumeConfirmed(ctx context.Context, id consent.GrantID, citizen string) (consent.Record, error)
	TakeBack(ctx context.Context, id consent.GrantID, citizen string) (consent.Record, error)
	// Disown pauses all that stands, and writes down that an event was not the citizen's.
	Disown(ctx context.Context, id consent.GrantID, seq int64, citizen string) (consent.Record, error)

	ErasableAt(r consent.Record) time.Time
	Held(ctx context.Context, citizen string) (bool, error)
	// EraseEnded erases all that ErasableAt allows; consent.ErrHeld under a hold.
	EraseEnded(ctx context.Context, citizen string) (int, error)
}

// Receipts assembles the citizen's own copy; it waits for the log as long as the
// context lives.
type Receipts interface {
	ForCitizen(ctx context.Context, id consent.GrantID, citizen string) (receipt.Receipt, error)
	// AnswerForCitizen is the proof of a request that was not granted.
	AnswerForCitizen(ctx context.Context, id consent.GrantID, citizen string) (receipt.Answer, error)
}

// Issuer of credentials.
type Issuer interface {
	Of(ctx context.Context, citizen string) ([]credential.Issued, error)
	// RevokeBatch revokes all copies that were issued together.
	RevokeBatch(ctx context.Context, citizen, batch string) error
	// RevokeEach of those that which names, for one of credential.Reasons.
	RevokeEach(ctx context.Context, citizen, reason string, which func(credential.Issued) bool) error
}

// Deferrals are what a citizen's wallets wait for, and what was refused.
type Deferrals interface {
	Of(ctx context.Context, citizen string) ([]credential.Deferral, error)
}

// Offers makes credential offers: uri is openid-credential-offer://…, tx the
// transaction code when one was asked for.
type Offers interface {
	Offer(ctx context.Context, citizen, config, grant string, txCode bool) (uri, tx string, err error)
}

// Handler serves the flow.
type Handler struct {
	Frame     *web.Frame
	Accounts  *account.Accounts
	Ledger    Ledger
	Receipts  Receipts
	Issuer    Issuer
	Offers    Offers
	Deferrals Deferrals // nil: nothing is deferred
	Catalogue func() *catalogue.Catalogue
	Now       func() time.Time // time.Now when nil

	Hub       string // the hub's issuer: in exports, and where a printed receipt leads
	Config    string // credential configuration that "Add to phone" offers
	WalletURL string // of the demo wallet; empty: no such link
	// Lost ends what could bring new credentials to a lost phone; nil: nothing
	// can.
	Lost func(ctx context.Context, citizen string) error

	pages *web.Pages
}

// Mount adds the flow's pages.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	mux.HandleFunc("GET /{$}", h.home)
	h.mountPaper(mux)
	for pattern, page := range map[string]func(http.ResponseWriter, *http.Request, account.Session) error{
		"GET /me":                                 h.credentials,
		"POST /me/credentials/offer":              h.offer,
		"GET /me/credentials/{id}/revoke":         h.askRevoke,
		"POST /me/credentials/{id}/revoke":        h.revoke,
		"GET /me/lost":                            h.askLost,
		"POST /me/lost":                           h.lost,
		"GET /me/consents":                        h.consents,
		"GET /me/consents/{id}/withdraw":          h.ask("withdraw", func(v consentView) bool { return v.Withdrawable }),
		"POST /me/consents/{id}/withdraw":         h.withdraw,
		"POST /me/consents/{id}/withdraw/options": h.withdrawOptions,
		"POST /me/consents/{id}/withdraw/finish":  h.withdrawFinish,
		"GET /me/consents/{id}/withdrawal":        h.withdrawal,
		"POST /me/consents/{id}/pause":            h.pause,
		"POST /me/consents/{id}/resume":           h.resume,
		"GET /me/consents/{id}/resume":            h.ask("resume", func(v consentView) bool { return v.Resumable }),
		"POST /me/consents/{id}/resume/options":   h.resumeOptions,
		"POST /me/consents/{id}/resume/finish":    h.resumeFinish,
		"GET /me/consents/{id}/cancel":            h.ask("cancel", func(v consentView) bool { return v.Cancellable }),
		"POST /me/consents/{id}/cancel":           h.cancel,
		"GET /me/erasure":                         h.erasure,
		"POST /me/erasure/options":                h.erasureOptions,
		"POST /me/erasure/finish":                 h.erasureFinish,
		"GET /me/history":                         h.history,
		"GET /me/history/{id}/{seq}/not-me":       h.notMe,
		"POST /me/history/{id}/{seq}/not-me":      h.disown,
		"GET /me/history/{id}/{seq}/wrong-data":   h.wrongData,
		"GET /me/receipts/{id}/record":            h.exportRecord,
		"GET /me/receipts/{id}/details":           h.exportDetails,
		"GET /me/receipts/{id}":                   h.receipt,
		"GET /me/answers/{id}":                    h.answer,
		"GET /me/passkeys":                        h.passkeys,
		"GET /me/passkeys/add":                    h.add,
		"POST /me/passkeys/add/options":           h.addOptions,
		"POST /me/passkeys/add/finish":            h.addFinish,
		"GET /me/passkeys/confirm/{id}":           h.confirm,
		"POST /me/passkeys/confirm/{id}/options":  h.confirmOptions,
		"GET /me/passkeys/remove/{id}":            h.askRemove,
		"POST /me/passkeys/remove/{id}/options":   h.removeOptions,
		"POST /me/passkeys/change":                h.change,
	} {
		mux.HandleFunc(pattern, h.signedIn(page))
	}
}

// signedIn runs page for the citizen of the session, or leads to the login.
func (h *Handler) signedIn(page func(http.ResponseWriter, *http.Request, account.Session) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := h.Accounts.Session(r.Context(), h.Frame.Cookie(r, web.SessionCookie))
		switch {
		case errors.Is(err, account.ErrNotFound) && r.Method == http.MethodGet && !web.WantsJSON(r):
			http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.Path}}.Encode(), http.StatusSeeOther)
		case errors.Is(err, account.ErrNotFound):
			h.Frame.Fail(w, r, http.StatusUnauthorized, "me.error.signed_out", nil)
		case err != nil:
			h.fail(w, r, err)
		default:
			if err := page(w, r, s); err != nil {
				h.fail(w, r, err)
			}
		}
	}
}

// here is what every page of the dashboard tells the navigation.
type here struct{ Here string }

func (h *Handler) home(w http.ResponseWriter, r *http.Request) {
	_, err := h.Accounts.Session(r.Context(), h.Frame.Cookie(r, web.SessionCookie))
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		h.fail(w, r, err)
		return
	}
	page := struct {
		here
		SignedIn bool
	}{SignedIn: err == nil}
	h.pages.Render(w, r, http.StatusOK, "home", page)
}

// fail is the one table from sentinels to what a person is told.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if consent.Over(err) {
		err = errors.Join(errOver, err)
	}
	for _, row := range []struct {
		is      error
		status  int
		message string
	}{
		{account.ErrNotFound, http.StatusNotFound, "me.error.not_found"},
		{credential.ErrUnknown, http.StatusNotFound, "me.error.not_found"},
		{consent.ErrUnknown, http.StatusNotFound, "me.error.not_found"},
		{consent.ErrForeign, http.StatusNotFound, "me.error.not_found"},
		{receipt.ErrNotGranted, http.StatusNotFound, "me.error.not_granted"},
		{receipt.ErrGranted, http.StatusNotFound, "me.error.not_found"},
		{receipt.ErrOpen, http.StatusServiceUnavailable, "me.error.not_yet"},
		{errOver, http.StatusConflict, "me.error.over"},
		{consent.ErrPending, http.StatusConflict, "me.error.over"},
		{consent.ErrDecided, http.StatusConflict, "me.error.over"},
		{consent.ErrHeld, http.StatusConflict, "me.erasure.held"},
		{consent.ErrYoung, http.StatusConflict, "me.error.law"},
		{consent.ErrConfirm, http.StatusForbidden, "me.error.confirm"},
		{errLogin, http.StatusForbidden, "me.error.login"},
		{account.ErrYoung, http.StatusForbidden, "web.error.young"},
		{account.ErrLastPasskey, http.StatusConflict, "me.error.last_passkey"},
		{account.ErrConflict, http.StatusConflict, "me.error.conflict"},
		{account.ErrCeremony, http.StatusBadRequest, "me.error.ceremony"},
		{account.ErrAssertion, http.StatusBadRequest, "me.error.assertion"},
		{errBody, http.StatusBadRequest, "web.error.bad_request"},
		{sequencer.ErrPending, http.StatusServiceUnavailable, "me.error.not_yet"},
	} {
		if errors.Is(err, row.is) {
			if row.status == http.StatusServiceUnavailable {
				w.Header().Set("Retry-After", "10")
			}
			h.Frame.Fail(w, r, row.status, row.message, err)
			return
		}
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}

var (
	errBody = errors.New("the body is not as expected")
	errOver = errors.New("the consent is over")
	// errLogin: a login of just now is needed.
	errLogin = errors.New("the login is too old for this")
)

func (h *Handler) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}
