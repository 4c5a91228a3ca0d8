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

// need is what a renewal needs: two yes-or-no answers, and the date if the
// citizen does not mind. Two uses in 30 days: one now, one when the licence is
// handed over.
func need(sub string) sdk.Need {
	return sdk.Need{
		Subject: sub, DataSet: "health-checkup", Purpose: "driving-licence-renewal",
		Claims: []string{"vision_ok", "hearing_ok"}, Optional: []string{"checked_on"},
		Uses: 2, For: 30 * 24 * time.Hour, KeepDays: 30,
	}
}

type homeData struct {
	LoggedIn bool
	Since    time.Time // of the person's record here
	Renewals []*sdk.Release
	Waiting  []string // grants whose answer did not come through
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	data := homeData{}
	if sub := s.sessions.Get(r).Sub; sub != "" {
		own, err := s.link(r.Context(), sub)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		grants, err := s.consumer.Grants(r.Context(), sub)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		data.LoggedIn, data.Since = true, own.Since
		for _, grant := range slices.Backward(grants) {
			if release, err := s.consumer.Last(r.Context(), grant); err == nil {
				data.Renewals = append(data.Renewals, release)
			} else {
				data.Waiting = append(data.Waiting, grant)
			}
		}
	}
	s.pages.Render(w, r, http.StatusOK, "home.html", data)
}

// renew is the one button: log in if need be, then ask.
func (s *site) renew(w http.ResponseWriter, r *http.Request) {
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
	to, err := s.consumer.Ask(r.Context(), need(v.Sub))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.State, v.Kind = to.State, "ask"
	s.sessions.Put(w, r, v)
	http.Redirect(w, r, to.URL, http.StatusSeeOther)
}

// callback is where the hub sends the browser back to, after login and after
// the citizen's decision.
func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	v := s.sessions.Get(r)
	switch v.Kind {
	case "login":
		who, err := s.consumer.LoggedIn(r.Context(), v.State, r.URL.Query())
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if _, err := s.link(r.Context(), who.Sub); err != nil {
			s.fail(w, r, err)
			return
		}
		s.ask(w, r, session{Sub: who.Sub})
	case "ask":
		// The citizen may close the browser now: what was granted is fetched anyway.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
		defer cancel()
		release, err := s.consumer.Complete(ctx, v.State, r.URL.Query())
		s.sessions.Put(w, r, session{Sub: v.Sub})
		if err != nil {
			s.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/renewal/"+release.GrantID, http.StatusSeeOther)
	default:
		s.fail(w, r, &sdk.Error{By: "sdk", Reason: "session", Check: "session", Cause: "this browser has nothing under way", Mender: "citizen"})
	}
}

type renewalData struct {
	*sdk.Release
	Grant   string
	Refused *sdk.Error // of the last attempt
	Good    bool
	More    bool // another use can be tried
}

func (s *site) renewal(w http.ResponseWriter, r *http.Request) {
	grant := r.PathValue("grant")
	if !s.mine(w, r, grant) {
		return
	}
	release, err := s.consumer.Last(r.Context(), grant)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, release, nil)
}

func (s *site) show(w http.ResponseWriter, r *http.Request, status int, release *sdk.Release, refused *sdk.Error) {
	good := release.Claims["vision_ok"] == true && release.Claims["hearing_ok"] == true
	more := release.Use < release.Uses
	if refused != nil {
		more = more && !slices.Contains([]string{"withdrawn", "expired", "consumed"}, refused.Reason)
	}
	s.pages.Render(w, r, status, "renewal.html", renewalData{release, release.GrantID, refused, good, more})
}

// again makes the second use: it fetches the facts once more, or says by name
// why the hub refused.
func (s *site) again(w http.ResponseWriter, r *http.Request) {
	grant := r.PathValue("grant")
	if !s.mine(w, r, grant) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	_, err := s.consumer.Again(ctx, grant)
	if err == nil {
		http.Redirect(w, r, "/renewal/"+grant, http.StatusSeeOther)
		return
	}
	var refused *sdk.Error
	last, missing := s.consumer.Last(ctx, grant)
	if !errors.As(err, &refused) || missing != nil {
		s.fail(w, r, err)
		return
	}
	slog.WarnContext(ctx, "use refused", "grant", grant, "error", err.Error())
	s.show(w, r, http.StatusConflict, last, refused)
}

func (s *site) receipt(w http.ResponseWriter, r *http.Request) {
	grant := r.PathValue("grant")
	if !s.mine(w, r, grant) {
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

// mine lets only the person whose grant it is see it.
func (s *site) mine(w http.ResponseWriter, r *http.Request, grant string) bool {
	if s.owns(r.Context(), s.sessions.Get(r).Sub, grant) {
		return true
	}
	s.pages.Render(w, r, http.StatusNotFound, "error.html", errorData{ID: page.Correlation(), Message: "error.session"})
	return false
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

// fail shows what went wrong in the page's language, the check by name, and an
// id that the log repeats.
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
