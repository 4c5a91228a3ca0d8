package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
)

// consentView is a grant in the reader's language.
type consentView struct {
	Grant    consent.GrantID `json:"grant_id"`
	State    consent.State   `json:"state"`
	Consumer partyView       `json:"consumer"`
	Provider partyView       `json:"provider"`
	DataSet  string          `json:"data_set"`
	Claims   []string        `json:"claims"`
	Labels   []string        `json:"claim_labels"`
	Purpose  string          `json:"purpose"`
	Why      string          `json:"purpose_text"`
	Since    time.Time       `json:"since"`
	Expires  time.Time       `json:"expires,omitzero"`
	Uses     int             `json:"uses"`
	MaxUses  int             `json:"max_uses"`
	Reason   string          `json:"reason,omitempty"`
	Receipt  string          `json:"receipt,omitempty"`
	Answer   string          `json:"answer,omitempty"` // the proof of a request that was not granted

	Withdrawable bool `json:"withdrawable"`
	Pausable     bool `json:"pausable"`
	Resumable    bool `json:"resumable"`
	Guarded      bool `json:"guarded"` // resuming needs a passkey
	Cancellable  bool `json:"cancellable"`

	Withdrawal *withdrawal `json:"withdrawal,omitempty"`

	KeptUntil   time.Time `json:"kept_until,omitzero"` // by the consumer: its right to keep what it got
	Deleted     time.Time `json:"deleted_at,omitzero"` // the consumer's signed word
	Unconfirmed bool      `json:"deletion_unconfirmed,omitempty"`

	StateID, ReasonID string   `json:"-"` // messages; "" where there is none
	Fields            []string `json:"-"` // labels of what the provider reads
	LawRef            string   `json:"-"`
}

type partyView struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Contact string `json:"contact,omitempty"`
}

// reader speaks of the catalogue's things in one language. What the catalogue no
// longer holds is named by its code.
type reader struct {
	cat  *catalogue.Catalogue
	lang string
	now  time.Time
}

func (h *Handler) reader(r *http.Request) reader {
	return reader{h.Catalogue(), web.Lang(r), h.now()}
}

func (x reader) party(id string) partyView {
	if x.cat != nil {
		if a, ok := x.cat.Agency(id); ok {
			return partyView{id, a.Name.In(x.lang), a.Contact}
		}
	}
	return partyView{ID: id, Name: id}
}

func (x reader) purpose(code string) string {
	if x.cat != nil {
		if p, ok := x.cat.Purpose(code); ok {
			return p.Text.In(x.lang)
		}
	}
	return code
}

func (x reader) dataSet(id string) (string, catalogue.DataSet) {
	if x.cat != nil {
		if d, ok := x.cat.DataSet(id); ok {
			return d.Title.In(x.lang), d
		}
	}
	return id, catalogue.DataSet{}
}

func (x reader) labels(set catalogue.DataSet, claims []string) []string {
	out := []string{}
	for _, c := range claims {
		label := c
		if d, ok := set.Derivation(c); ok {
			label = d.Label.In(x.lang)
		} else if f, ok := set.Field(c); ok {
			label = f.Label.In(x.lang)
		}
		out = append(out, label)
	}
	return out
}

// view of a record: of the agreed terms, or, before there are any, of the request.
func (x reader) view(rec consent.Record, d consent.Detail) consentView {
	v := consentView{
		Grant: rec.Grant, State: rec.State, Consumer: x.party(rec.Consumer), Provider: x.party(rec.Provider),
		Since: rec.Since, Expires: rec.Expires, Uses: len(rec.Uses), MaxUses: rec.MaxUses, Reason: rec.Reason,
		Purpose: d.Purpose, Claims: []string{},
		Withdrawable: rec.State == consent.StateActive || rec.State == consent.StatePaused,
		Pausable:     rec.State == consent.StateActive, Resumable: rec.State == consent.StatePaused,
		Cancellable: rec.State == consent.StateRequested,
		StateID:     stateID(rec.State), ReasonID: reasonID(rec.Reason),
		KeptUntil: rec.KeptUntil(), Deleted: rec.Deleted, Unconfirmed: rec.Unconfirmed(x.now),
	}
	setID := ""
	if len(d.DataTypes) > 0 {
		setID = d.DataTypes[0]
	}
	if rec.Agreed != nil {
		setID, v.Purpose = rec.Agreed.DataSet.ID, rec.Agreed.Purpose.Code
		v.Receipt = "/me/receipts/" + string(rec.Grant)
		for _, c := range rec.Agreed.Claims {
			v.Claims = append(v.Claims, c.Name)
		}
	} else {
		if rec.State != consent.StateRequested {
			v.Answer = "/me/answers/" + string(rec.Grant)
		}
		v.MaxUses = d.MaxUses
		for _, c := range d.Claims {
			v.Claims = append(v.Claims, c.Name)
		}
	}
	title, set := x.dataSet(setID)
	v.DataSet, v.Labels, v.Why = title, x.labels(set, v.Claims), x.purpose(v.Purpose)
	if rec.Agreed != nil {
		v.Fields, v.LawRef = x.fields(set, rec.Agreed.Fields), rec.Agreed.LegalBasis.LawRef
	}
	return v
}

// views of all grants of a citizen, newest first.
func (h *Handler) views(r *http.Request, citizen string) ([]consentView, error) {
	records, err := h.Ledger.Of(r.Context(), citizen)
	if err != nil {
		return nil, fmt.Errorf("consents: %w", err)
	}
	history, err := h.Ledger.History(r.Context(), citizen)
	if err != nil {
		return nil, fmt.Errorf("consents: %w", err)
	}
	details := map[consent.GrantID]consent.Detail{}
	for _, e := range history {
		details[e.Record.Grant] = e.Detail
	}
	ends, guarded := withdrawals(history, web.Lang(r)), false
	x, out := h.reader(r), []consentView{}
	for _, rec := range records {
		v := x.view(rec, details[rec.Grant])
		v.Withdrawal = ends[rec.Grant]
		guarded = guarded || rec.State == consent.StatePaused && rec.Reason != ""
		out = append(out, v)
	}
	for i := range out {
		out[i].Guarded = guarded && out[i].Resumable
	}
	return out, nil
}

type consentsPage struct {
	here
	Done     string // the message of what was just done
	Consents []consentView
}

func (h *Handler) consents(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.views(r, s.Citizen)
	if err != nil {
		return err
	}
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, map[string]any{"consents": all})
		return nil
	}
	done := ""
	for _, what := range []string{"withdrawn", "paused", "resumed", "cancelled"} {
		if r.URL.Query().Has(what) {
			done = "me." + what
		}
	}
	h.pages.Render(w, r, http.StatusOK, "consents", consentsPage{here{"consents"}, done, all})
	return nil
}

// consentPage is a page about one consent.
type consentPage struct {
	here
	Consent consentView
}

// one finds a consent among those of the session's citizen.
func (h *Handler) one(r *http.Request, s account.Session) (consentView, error) {
	all, err := h.views(r, s.Citizen)
	if err != nil {
		return consentView{}, err
	}
	i := slices.IndexFunc(all, func(v consentView) bool { return string(v.Grant) == r.PathValue("id") })
	if i < 0 {
		return consentView{}, consent.ErrUnknown
	}
	return all[i], nil
}

// ask renders a page that asks before a change, while the change is possible.
func (h *Handler) ask(page string, possible func(consentView) bool) func(http.ResponseWriter, *http.Request, account.Session) error {
	return func(w http.ResponseWriter, r *http.Request, s account.Session) error {
		v, err := h.one(r, s)
		if err != nil {
			return err
		}
		if !possible(v) {
			return errOver
		}
		h.pages.Render(w, r, http.StatusOK, page, consentPage{here{"consents"}, v})
		return nil
	}
}

// withdraw needs the session alone: never harder than granting.
func (h *Handler) withdraw(w http.ResponseWriter, r *http.Request, s account.Session) error {
	rec, err := h.Ledger.Withdraw(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen)
	if err != nil && !(errors.Is(err, consent.ErrWithdrawn) && rec.Citizen == s.Citizen) {
		return fmt.Errorf("withdraw: %w", err)
	}
	return h.done(w, r, "/me/consents?withdrawn")
}

// receiptWait bounds how long a download waits for the log's witnesses.
const receiptWait = 5 * time.Second
