package login

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

//go:embed page locale
var files embed.FS

// Interactions is what login asks of the authorization server. All methods are
// bound to the browser that began the request.
type Interactions interface {
	oauth.Questions
	Authenticated(ctx context.Context, r *http.Request, id, citizen string, authTime time.Time, amr []string) error

	// EndRequest checks a client's wish that somebody be logged out. EndSession has
	// the clients of a session told that it ends, Replaced that it goes on in
	// another; both come before the session ends.
	EndRequest(r *http.Request, form url.Values) (oauth.EndRequest, error)
	EndSession(ctx context.Context, session string) error
	EndCitizen(ctx context.Context, citizen string) error
	Replaced(ctx context.Context, from, to string) error
}

// Limits bounds what one sender may ask for, as oauth.Limits does; whom is
// always "", the sender of the request that ctx belongs to.
type Limits interface {
	Take(ctx context.Context, budget, whom string) error
	Return(ctx context.Context, budget, whom string)
}

// The names of the budgets.
const (
	budgetLogin = "login"      // logins begun
	budgetFail  = "login_fail" // answers that were not accepted
)

// Handler serves the flow.
type Handler struct {
	Frame    *web.Frame
	Accounts *account.Accounts
	OAuth    Interactions

	// Limits bounds logins; nil: they are not bounded.
	Limits Limits

	// Address is where a request comes from, for the budget of wrong codes; the
	// connection's peer when nil. Behind a proxy, let it read the header that
	// the proxy sets.
	Address func(r *http.Request) string

	pages      *web.Pages
	consenting oauth.Question // for a client that wants to be consented to
}

const (
	browserCookie = "browser" // binds a ceremony to a browser
	codeCookie    = "code"    // the enrolment code between the two halves of the ceremony
	ceremonyLife  = 10 * time.Minute
)

// Mount adds the flow's pages.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	h.consenting = oauth.Question{Server: h.OAuth, Step: oauth.StepConsent, Fail: h.fail}
	mux.HandleFunc("GET /login", h.login)
	mux.HandleFunc("POST /login", h.login) // without JavaScript: the page says so
	mux.HandleFunc("POST /login/options", h.loginOptions)
	mux.HandleFunc("POST /login/finish", h.loginFinish)
	mux.HandleFunc("POST /login/deny", h.deny)
	mux.HandleFunc("GET /consent/{interaction}", h.consent)
	mux.HandleFunc("POST /consent/{interaction}", h.consenting.Agree)
	mux.HandleFunc("GET /enrol", h.enrol)
	mux.HandleFunc("POST /enrol", h.enrol)
	mux.HandleFunc("POST /enrol/options", h.enrolOptions)
	mux.HandleFunc("POST /enrol/finish", h.enrolFinish)
	mux.HandleFunc("GET /logout", h.logoutPage)
	mux.HandleFunc("POST /logout", h.logout)
	mux.HandleFunc("GET /end_session", h.endSession)
	mux.HandleFunc("POST /end_session", h.endSessionByForm)
}

type loginPage struct {
	Again     bool   // for a card, whose offer wants a login of just now
	Asked     bool   // in the course of an authorization request
	Client    string // name of who asks
	Stranger  string // where it is, if nobody checked the name
	FinishURL string
	DenyURL   string
	Open      time.Time
}

func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("request")
	page := loginPage{FinishURL: "/login/finish"}
	if id == "" {
		page.Again = r.URL.Query().Has("again")
		switch _, err := h.Accounts.Session(r.Context(), h.Frame.Cookie(r, web.SessionCookie)); {
		case err == nil && page.Again:
		case err == nil:
			http.Redirect(w, r, "/me", http.StatusSeeOther)
			return
		case !errors.Is(err, account.ErrNotFound):
			h.fail(w, r, err)
			return
		}
		if next := local(r.URL.Query().Get("next")); next != "" {
			page.FinishURL += "?" + url.Values{"next": {next}}.Encode()
		}
		h.pages.Render(w, r, http.StatusOK, "login", page)
		return
	}
	in, err := h.OAuth.Interaction(r.Context(), r, id)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	query := "?" + url.Values{"request": {id}}.Encode()
	page.Asked, page.Client, page.Stranger = true, in.Client.DisplayName(web.Lang(r)), in.Stranger
	page.Open = in.Until
	page.FinishURL += query
	page.DenyURL = "/login/deny" + query
	web.AllowForm(w, in.Client.RedirectURIs...)
	h.pages.Render(w, r, http.StatusOK, "login", page)
}

// ownPage has no character that browsers read in more than one way, and no empty
// or dotted segment.
var ownPage = regexp.MustCompile(`^/me(/[A-Za-z0-9_-]+)*$`)

// local is a path of the citizen's own pages, or nothing.
func local(next string) string {
	if len(next) <= 512 && ownPage.MatchString(next) {
		return next
	}
	return ""
}

func (h *Handler) loginOptions(w http.ResponseWriter, r *http.Request) {
	if h.Limits != nil {
		if err := h.Limits.Take(r.Context(), budgetLogin, ""); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	browser := h.browser(r)
	options, err := h.Accounts.BeginLogin(r.Context(), browser)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.Frame.SetCookie(w, browserCookie, browser, ceremonyLife)
	web.JSON(w, http.StatusOK, options)
}

// browser is the secret that this browser has, so that two tabs do not disturb
// each other, or a new one.
func (h *Handler) browser(r *http.Request) string {
	if known := h.Frame.Cookie(r, browserCookie); len(known) == len(account.NewBrowser()) {
		return known
	}
	return account.NewBrowser()
}

// answer is what the script posts when the passkey has spoken.
type answer struct {
	Credential json.RawMessage `json:"credential"`
}

func (h *Handler) loginFinish(w http.ResponseWriter, r *http.Request) {
	var in answer
	if err := web.Decode(w, r, &in); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	token, session, err := h.finish(r, in.Credential)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if err := h.begin(w, r, token); err != nil {
		h.fail(w, r, err)
		return
	}
	next, err := h.next(r, session)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": next})
}

// finish charges the sender for an answer before it is looked at; what was
// right, or was not judged, is given back.
func (h *Handler) finish(r *http.Request, credential json.RawMessage) (string, account.Session, error) {
	browser := h.Frame.Cookie(r, browserCookie)
	if h.Limits == nil {
		return h.Accounts.FinishLogin(r.Context(), browser, credential)
	}
	if err := h.Limits.Take(r.Context(), budgetFail, ""); err != nil {
		return "", account.Session{}, err
	}
	token, session, err := h.Accounts.FinishLogin(r.Context(), browser, credential)
	wrong := errors.Is(err, account.ErrAssertion) || errors.Is(err, account.ErrCeremony) || errors.Is(err, account.ErrNotFound)
	if !wrong {
		h.Limits.Return(r.Context(), budgetFail, "")
	}
	return token, session, err
}

// begin puts the new token into the cookie and ends the session that was there.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, token string) error {
	if err := h.takeOver(r, token); err != nil {
		return err
	}
	if err := h.Accounts.Logout(r.Context(), h.Frame.Cookie(r, web.SessionCookie)); err != nil {
		return err
	}
	h.Frame.SetCookie(w, web.SessionCookie, token, 12*time.Hour)
	h.Frame.SetCookie(w, browserCookie, "", 0)
	return nil
}

// next tells the authorization server who logged in, and asks it where to go.
func (h *Handler) next(r *http.Request, s account.Session) (string, error) {
	id := r.URL.Query().Get("request")
	if id == "" {
		if next := local(r.URL.Query().Get("next")); next != "" {
			return next, nil
		}
		return "/me", nil
	}
	if err := h.OAuth.Authenticated(r.Context(), r, id, s.Citizen, s.AuthTime, s.AMR); err != nil {
		return "", err
	}
	return h.OAuth.Next(r.Context(), id)
}

func (h *Handler) deny(w http.ResponseWriter, r *http.Request) {
	to, err := h.OAuth.Deny(r.Context(), r, r.URL.Query().Get("request"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fail is the one table from sentinels to what a person is told.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	for _, row := range []struct {
		is      error
		status  int
		message string
	}{
		{account.ErrTooMany, http.StatusTooManyRequests, "login.error.too_many"},
		{account.ErrCode, http.StatusBadRequest, "login.error.code"},
		{account.ErrCeremony, http.StatusBadRequest, "login.error.ceremony"},
		{account.ErrAssertion, http.StatusBadRequest, "login.error.assertion"},
		{account.ErrConflict, http.StatusConflict, "login.error.conflict"},
		{account.ErrNotFound, http.StatusBadRequest, "login.error.assertion"},
		{oauth.ErrConflict, http.StatusConflict, "login.error.conflict"},
		{oauth.ErrNoInteraction, http.StatusBadRequest, "login.error.interaction"},
		{oauth.ErrOtherBrowser, http.StatusBadRequest, "login.error.interaction"},
		{oauth.ErrNobody, http.StatusBadRequest, "login.error.interaction"},
		{oauth.ErrStale, http.StatusBadRequest, "login.error.interaction"},
	} {
		if errors.Is(err, row.is) {
			if row.status == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "900")
			}
			h.Frame.Fail(w, r, row.status, row.message, err)
			return
		}
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}

// address is the network that a budget is charged to: one IPv4 address, or the
// /64 that one subscriber of IPv6 has.
func (h *Handler) address(r *http.Request) string {
	if h.Address != nil {
		return h.Address(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
