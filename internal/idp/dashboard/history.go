package dashboard

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
)

// historyView is a line of the history: who, what, when, why, by what right.
type historyView struct {
	Grant    consent.GrantID `json:"grant_id"`
	Kind     consent.Kind    `json:"kind"`
	At       time.Time       `json:"at"`
	By       string          `json:"by"`
	Consumer partyView       `json:"consumer"`
	Provider partyView       `json:"provider"`
	DataSet  string          `json:"data_set"`
	Claims   []string        `json:"claims"`
	Labels   []string        `json:"claim_labels"`
	Fields   []string        `json:"field_labels,omitempty"` // of a release: what the provider read
	Why      string          `json:"purpose_text"`
	Use      int             `json:"use,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Receipt  string          `json:"receipt,omitempty"`

	Agreed   time.Time `json:"agreed_at,omitzero"` // of a release: the consent it rests on
	LawRef   string    `json:"law_ref,omitempty"`  // or the law
	Received time.Time `json:"received_at,omitzero"`

	Withdrawal *withdrawal `json:"withdrawal,omitempty"` // of a withdrawal

	Seq      int64        `json:"seq"`                // among the events of its grant
	Disowns  int64        `json:"disowns,omitempty"`  // of a "Not me": the entry that it is about
	Disowned bool         `json:"disowned,omitempty"` // somebody who is not the citizen did this
	About    *historyView `json:"-"`                  // the entry that Disowns names

	Release           bool   `json:"-"`
	Page              string `json:"-"` // the address that the entry's own pages begin with
	Disownable        bool   `json:"-"`
	TitleID, ReasonID string `json:"-"` // messages; "" where there is none
	ID                string `json:"-"` // of the entry on the page
}

// kinds that the page has texts for; see states.
var kinds = []consent.Kind{
	consent.KindRequested, consent.KindGranted, consent.KindDenied, consent.KindCancelled, consent.KindUsed, consent.KindReceived,
	consent.KindPaused, consent.KindResumed, consent.KindWithdrawn, consent.KindExpired, consent.KindConsumed, consent.KindInvalidated,
	"superseded", consent.KindDeleted, consent.KindDisowned,
}

func titleID(e consent.Event) string {
	switch {
	case !slices.Contains(kinds, e.Kind):
		return ""
	case e.Kind == consent.KindCancelled && e.By == "citizen":
		return "me.event.cancelled.citizen"
	case e.Kind == consent.KindPaused && e.By == "citizen":
		return "me.event.paused.citizen"
	case e.Kind == consent.KindPaused && e.By == "officer":
		return "me.event.paused.officer"
	}
	return "me.event." + string(e.Kind)
}

// withdrawal is how the hub kept its word: what was committed last before the
// withdrawal, and that nothing was after it.
type withdrawal struct {
	At    time.Time `json:"at"`
	Last  time.Time `json:"last_commit,omitzero"` // zero: there was none
	After int       `json:"commits_after"`

	Span string `json:"-"` // between the two, for reading
}

// withdrawals measures every withdrawn grant of a history by its events' places,
// not by their times alone.
func withdrawals(history []consent.HistoryEntry, lang string) map[consent.GrantID]*withdrawal {
	found, place := map[consent.GrantID]*withdrawal{}, map[consent.GrantID]int64{}
	for _, e := range history {
		if e.Event.Kind == consent.KindWithdrawn {
			found[e.Event.Grant], place[e.Event.Grant] = &withdrawal{At: e.Event.At}, e.Event.Seq
		}
	}
	for _, e := range history {
		w := found[e.Event.Grant]
		switch {
		case w == nil || e.Event.Kind != consent.KindUsed:
		case e.Event.Seq > place[e.Event.Grant] || e.Event.At.After(w.At):
			w.After++
		case e.Event.At.After(w.Last):
			w.Last, w.Span = e.Event.At, span(w.At.Sub(e.Event.At), lang)
		}
	}
	return found
}

// span writes a stretch of time with its two largest units.
func span(d time.Duration, lang string) string {
	units := map[string][4]string{"ko": {"일", "시간", "분", "초"}, "en": {" d", " h", " min", " s"}}[lang]
	d = d.Round(time.Second / 10)
	parts := []struct {
		n    int64
		unit string
	}{{int64(d / (24 * time.Hour)), units[0]}, {int64(d/time.Hour) % 24, units[1]}, {int64(d/time.Minute) % 60, units[2]}}
	var out []string
	for _, p := range parts {
		if p.n > 0 && len(out) < 2 {
			out = append(out, strconv.FormatInt(p.n, 10)+p.unit)
		}
	}
	if seconds := (d % time.Minute).Seconds(); len(out) == 0 || d < time.Hour && seconds > 0 {
		out = append(out, strconv.FormatFloat(seconds, 'f', -1, 64)+units[3])
	}
	return strings.Join(out, " ")
}

// entries of a citizen's history in the reader's language, newest first.
func (h *Handler) entries(r *http.Request, citizen string) ([]historyView, error) {
	history, err := h.Ledger.History(r.Context(), citizen)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	agreed := map[consent.GrantID]time.Time{}
	for _, e := range history {
		if e.Event.Kind == consent.KindGranted {
			agreed[e.Event.Grant] = e.Event.At
		}
	}
	ends := withdrawals(history, web.Lang(r))
	x, all := h.reader(r), []historyView{}
	for i, e := range history {
		v := x.view(e.Record, e.Detail)
		receipt := v.Receipt
		if e.Event.Kind == consent.KindRequested { // what was asked for, not what was agreed
			asked := e.Record
			asked.Agreed = nil
			v = x.view(asked, e.Detail)
		}
		line := historyView{
			Grant: v.Grant, Kind: e.Event.Kind, At: e.Event.At, By: e.Event.By, Consumer: v.Consumer, Provider: v.Provider,
			DataSet: v.DataSet, Claims: v.Claims, Labels: v.Labels, Why: v.Why, Use: e.Event.Use, Reason: e.Event.Reason,
			Receipt: receipt, TitleID: titleID(e.Event), ReasonID: reasonID(e.Event.Reason), ID: fmt.Sprint("entry-", len(history)-i),
			Seq: e.Event.Seq, Page: fmt.Sprintf("/me/history/%s/%d", v.Grant, e.Event.Seq), Disowns: e.Event.Disowns,
			Disownable: e.Event.Disownable(), Disowned: slices.Contains(e.Record.Disowned, e.Event.Seq),
		}
		switch e.Event.Kind {
		case consent.KindUsed:
			line.released(v, e.Record, agreed[v.Grant])
		case consent.KindWithdrawn:
			line.Withdrawal = ends[v.Grant]
		}
		all = append(all, line)
	}
	for i := range all {
		if all[i].Disowns == 0 {
			continue
		}
		if j := slices.IndexFunc(all, func(e historyView) bool { return e.Grant == all[i].Grant && e.Seq == all[i].Disowns }); j >= 0 {
			all[i].About = &all[j]
		}
	}
	return all, nil
}

// released adds what is to be known of a release.
func (line *historyView) released(v consentView, rec consent.Record, agreed time.Time) {
	line.Release, line.Fields, line.Agreed, line.LawRef = true, v.Fields, agreed, v.LawRef
	if line.Use >= 1 && line.Use <= len(rec.Uses) {
		line.Received = rec.Uses[line.Use-1].Received
	}
}

func (h *Handler) history(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.entries(r, s.Citizen)
	if err != nil {
		return err
	}
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]any{"history": all})
		return nil
	}
	h.pages.Render(w, r, http.StatusOK, "history", struct {
		here
		Entries []historyView
	}{here{"history"}, all})
	return nil
}

// entryPage is a page about one entry of the history.
type entryPage struct {
	here
	Entry  historyView
	Mail   string // of the provider, where its contact is an address
	Done   bool
	Frozen int // grants that are paused now
}

// entry finds one in the history of the session's citizen, if there is such a
// page about it.
func (h *Handler) entry(r *http.Request, s account.Session, may func(historyView) bool) (entryPage, error) {
	all, err := h.entries(r, s.Citizen)
	if err != nil {
		return entryPage{}, err
	}
	i := slices.IndexFunc(all, func(e historyView) bool {
		return string(e.Grant) == r.PathValue("id") && strconv.FormatInt(e.Seq, 10) == r.PathValue("seq") && may(e)
	})
	if i < 0 {
		return entryPage{}, consent.ErrUnknown
	}
	page := entryPage{here: here{"history"}, Entry: all[i]}
	if contact := page.Entry.Provider.Contact; strings.Count(contact, "@") == 1 && !strings.ContainsAny(contact, " <>,:?&/") {
		page.Mail = contact
	}
	return page, nil
}

// notMe asks before it freezes, and afterwards says what to do next.
func (h *Handler) notMe(w http.ResponseWriter, r *http.Request, s account.Session) error {
	page, err := h.entry(r, s, disownable)
	if err != nil {
		return err
	}
	if page.Done = r.URL.Query().Has("done"); page.Done {
		records, err := h.Ledger.Of(r.Context(), s.Citizen)
		if err != nil {
			return fmt.Errorf("consents: %w", err)
		}
		for _, rec := range records {
			if rec.State == consent.StatePaused {
				page.Frozen++
			}
		}
	}
	h.pages.Render(w, r, http.StatusOK, "notme", page)
	return nil
}

func disownable(e historyView) bool { return e.Disownable }

// disown stops all releases of whoever does not recognise an entry, writes that
// down, and ends all other logins: one of them may have done it. It needs the
// session alone; going on afterwards needs a passkey.
func (h *Handler) disown(w http.ResponseWriter, r *http.Request, s account.Session) error {
	page, err := h.entry(r, s, disownable)
	if err != nil {
		return err
	}
	if _, err := h.Ledger.Disown(r.Context(), page.Entry.Grant, page.Entry.Seq, s.Citizen); err != nil {
		return fmt.Errorf("not me: %w", err)
	}
	if err := h.Accounts.LogoutOthers(r.Context(), s); err != nil {
		return fmt.Errorf("not me: %w", err)
	}
	return h.done(w, r, page.Entry.Page+"/not-me?done")
}

// wrongData tells whom to turn to, and what to quote there.
func (h *Handler) wrongData(w http.ResponseWriter, r *http.Request, s account.Session) error {
	page, err := h.entry(r, s, func(e historyView) bool { return e.Release })
	if err != nil {
		return err
	}
	h.pages.Render(w, r, http.StatusOK, "wrongdata", page)
	return nil
}
