package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/sdk"
)

type site struct {
	consumer *sdk.Consumer
	signals  *sdk.Signals
	records  *sdk.FileJournal
	sessions *page.Sessions[session]
	pages    *page.Site
}

// session is one browser's.
type session struct {
	Sub   string // "" until logged in
	State string // of the redirect under way
	Kind  string // what that redirect is for: "login" or "ask"
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	a, err := s.find(r.Context(), s.sessions.Get(r).Sub)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.pages.Render(w, r, http.StatusOK, "home.html", map[string]any{"LoggedIn": s.sessions.Get(r).Sub != "", "Application": a})
}

// apply is the one button: log in if need be, then ask.
func (s *site) apply(w http.ResponseWriter, r *http.Request) {
	v := s.sessions.Get(r)
	if v.Sub != "" {
		s.ask(w, r, v)
		return
	}
	to, err := s.consumer.Login(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sessions.Put(w, r, session{State: to.State, Kind: "login"})
	http.Redirect(w, r, to.URL, http.StatusSeeOther)
}

func (s *site) ask(w http.ResponseWriter, r *http.Request, v session) {
	to, err := s.consumer.AskBundle(r.Context(), needs(v.Sub))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.State, v.Kind = to.State, "ask"
	s.sessions.Put(w, r, v)
	http.Redirect(w, r, to.URL, http.StatusSeeOther)
}

// callback is where the hub sends the browser back to, after login and after the
// citizen's decision.
func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	v := s.sessions.Get(r)
	switch v.Kind {
	case "login":
		who, err := s.consumer.LoggedIn(r.Context(), v.State, r.URL.Query())
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.ask(w, r, session{Sub: who.Sub})
	case "ask":
		// The citizen may close the browser now: what was granted is fetched anyway.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
		defer cancel()
		s.sessions.Put(w, r, session{Sub: v.Sub})
		if err := s.complete(ctx, v, r); err != nil {
			s.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/application", http.StatusSeeOther)
	default:
		s.fail(w, r, &sdk.Error{By: "sdk", Reason: "session", Check: "session", Cause: "this browser has nothing under way", Mender: "citizen"})
	}
}

// complete keeps what the citizen permitted. What failed of one part leaves the
// other as it is, and is fetched later.
func (s *site) complete(ctx context.Context, v session, r *http.Request) error {
	parts, err := s.consumer.CompleteBundle(ctx, v.State, r.URL.Query())
	if err != nil {
		return err
	}
	a := application{At: time.Now().UTC()}
	for _, part := range parts {
		if sdk.Reason(part.Err) == "denied" {
			part.GrantID = ""
		} else if part.Err != nil {
			slog.WarnContext(ctx, "a part did not come", "grant", part.GrantID, "error", part.Err.Error())
		}
		a.Grants = append(a.Grants, part.GrantID)
	}
	return s.keep(ctx, kindApplication, v.Sub, a)
}

// part is one permission as the page shows it.
type part struct {
	Grant   string // "" where the citizen left it out
	DataSet string
	From    string
	Facts   []fact
	Release *sdk.Release // nil: it did not come through yet
	Ended   string       // why it is over, or ""
	Stopped time.Time    // since when no payment rests on it
	More    bool         // another use can be tried
	Refused *sdk.Error   // of the last attempt
}

type fact struct {
	Label string
	Value any
}

type applicationData struct {
	At       time.Time
	Parts    []part
	Entitled string // "yes", "no", "open"
	Withdraw string // the page where the citizen can withdraw
}

func (s *site) application(w http.ResponseWriter, r *http.Request) {
	s.present(w, r, http.StatusOK, "", nil)
}

// present shows a person's own application; refused is what became of an attempt
// under a grant.
func (s *site) present(w http.ResponseWriter, r *http.Request, status int, grant string, refused *sdk.Error) {
	ctx := r.Context()
	a, err := s.find(ctx, s.sessions.Get(r).Sub)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if len(a.Grants) == 0 {
		s.away(w, r)
		return
	}
	cat, err := s.consumer.Catalogue(ctx)
	if err != nil { // then the plain names are shown
		slog.WarnContext(ctx, "no catalogue", "error", err.Error())
	}
	data := applicationData{At: a.At}
	for i, need := range needs("") {
		labels := sdk.LabelsOf(cat, s.pages.Lang(r), need.DataSet)
		p := part{Grant: a.Grants[i], DataSet: labels.Of(need.DataSet)}
		if err := s.fill(ctx, &p, need, labels); err != nil {
			s.fail(w, r, err)
			return
		}
		if p.Grant == grant && grant != "" {
			p.Refused = refused
		}
		if p.Release != nil {
			data.Withdraw = p.Release.Withdraw
		}
		data.Parts = append(data.Parts, p)
	}
	data.Entitled = entitled(data.Parts)
	s.pages.Render(w, r, status, "application.html", data)
}

func (s *site) fill(ctx context.Context, p *part, need sdk.Need, labels sdk.Labels) (err error) {
	if p.Grant == "" {
		return nil
	}
	if p.Ended, err = s.consumer.Ended(ctx, p.Grant); err != nil {
		return err
	}
	if p.Stopped, err = s.stopped(ctx, p.Grant); err != nil {
		return err
	}
	p.More = p.Ended == ""
	release, err := s.consumer.Last(ctx, p.Grant)
	if err != nil {
		return nil //nolint:nilerr // nothing came yet: the page says so
	}
	p.Release, p.From, p.More = release, labels.Of(release.Provider), p.More && release.Use < release.Uses
	for _, name := range slices.Concat(need.Claims, need.Optional) {
		if value, ok := release.Claims[name]; ok {
			p.Facts = append(p.Facts, fact{labels.Of(name), value})
		}
	}
	return nil
}

// entitled decides by facts alone: there is nobody's income or address here.
func entitled(parts []part) string {
	for _, p := range parts {
		if p.Release == nil {
			return "open"
		}
	}
	if parts[1].Release.Claims["income_low"] == true {
		return "yes"
	}
	return "no"
}

// again makes the next use, or fetches what did not come, or says by name why not.
func (s *site) again(w http.ResponseWriter, r *http.Request) {
	grant := r.PathValue("grant")
	if !s.owns(r.Context(), s.sessions.Get(r).Sub, grant) {
		s.away(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	_, err := s.consumer.Again(ctx, grant)
	if err == nil {
		http.Redirect(w, r, "/application", http.StatusSeeOther)
		return
	}
	var refused *sdk.Error
	if !errors.As(err, &refused) {
		s.fail(w, r, err)
		return
	}
	slog.WarnContext(ctx, "use refused", "grant", grant, "error", err.Error())
	s.present(w, r, http.StatusConflict, grant, refused)
}

func (s *site) receipt(w http.ResponseWriter, r *http.Request) {
	grant := r.PathValue("grant")
	if !s.owns(r.Context(), s.sessions.Get(r).Sub, grant) {
		s.away(w, r)
		return
	}
	text, err := s.consumer.Receipt(r.Context(), grant)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="mydata-receipt-agency.json"`)
	w.Write(text)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	s.sessions.End(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

type errorData struct {
	ID      string
	Message string
	Refused *sdk.Error
}

// away is for who has nothing here.
func (s *site) away(w http.ResponseWriter, r *http.Request) {
	s.pages.Render(w, r, http.StatusNotFound, "error.html", errorData{ID: page.Correlation(), Message: "error.session"})
}

// fail shows what went wrong in the page's language, the check by name, and an id
// that the log repeats.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	data := errorData{ID: page.Correlation(), Message: "error.internal"}
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &data.Refused):
		status, data.Message = http.StatusConflict, "error.refused"
		if id := "error." + data.Refused.Reason; s.pages.Has(id) {
			data.Message = id
		}
	case errors.Is(err, sdk.ErrUnavailable):
		status, data.Message = http.StatusServiceUnavailable, "error.unavailable"
		w.Header().Set("Retry-After", "5")
	}
	level := slog.LevelError
	if status < http.StatusInternalServerError { // nobody here has to mend it
		level = slog.LevelInfo
	}
	slog.Log(r.Context(), level, "page", "correlation", data.ID, "error", err.Error())
	s.pages.Render(w, r, status, "error.html", data)
}
