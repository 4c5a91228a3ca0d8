package dashboard

import (
	"context"
	"encoding/json"
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

	Withdrawable bool `json:"withdrawable"`
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
}

func (h *Handler) reader(r *http.Request) reader { return reader{h.Catalogue(), web.Lang(r)} }

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
		v.MaxUses = d.MaxUses
		for _, c := range d.Claims {
			v.Claims = append(v.Claims, c.Name)
		}
	}
	title, set := x.dataSet(setID)
	v.DataSet, v.Labels, v.Why = title, x.labels(set, v.Claims), x.purpose(v.Purpose)
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
	x, out := h.reader(r), []consentView{}
	for _, rec := range records {
		out = append(out, x.view(rec, details[rec.Grant]))
	}
	return out, nil
}

type consentsPage struct {
	here
	Withdrawn bool
	Consents  []consentView
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
	h.pages.Render(w, r, http.StatusOK, "consents", consentsPage{here{"consents"}, r.URL.Query().Has("withdrawn"), all})
	return nil
}

type withdrawPage struct {
	here
	Consent consentView
}

func (h *Handler) askWithdraw(w http.ResponseWriter, r *http.Request, s account.Session) error {
	all, err := h.views(r, s.Citizen)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(v consentView) bool { return string(v.Grant) == r.PathValue("id") })
	if i < 0 {
		return consent.ErrUnknown
	}
	if !all[i].Withdrawable {
		return errOver
	}
	h.pages.Render(w, r, http.StatusOK, "withdraw", withdrawPage{here{"consents"}, all[i]})
	return nil
}

// withdraw needs the session alone: never harder than granting.
func (h *Handler) withdraw(w http.ResponseWriter, r *http.Request, s account.Session) error {
	rec, err := h.Ledger.Withdraw(r.Context(), consent.GrantID(r.PathValue("id")), s.Citizen)
	if err != nil && !(errors.Is(err, consent.ErrWithdrawn) && rec.Citizen == s.Citizen) {
		return fmt.Errorf("withdraw: %w", err)
	}
	return h.done(w, r, "/me/consents?withdrawn")
}

// historyView is a line of the history: who, what, when, why.
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
	Why      string          `json:"purpose_text"`
	Use      int             `json:"use,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Receipt  string          `json:"receipt,omitempty"`
}

func (h *Handler) history(w http.ResponseWriter, r *http.Request, s account.Session) error {
	entries, err := h.Ledger.History(r.Context(), s.Citizen)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	x, all := h.reader(r), []historyView{}
	for _, e := range entries {
		v := x.view(e.Record, e.Detail)
		if e.Event.Kind == consent.KindRequested { // what was asked for, not what was agreed
			asked := e.Record
			asked.Agreed = nil
			v = x.view(asked, e.Detail)
		}
		all = append(all, historyView{
			Grant: v.Grant, Kind: e.Event.Kind, At: e.Event.At, By: e.Event.By, Consumer: v.Consumer, Provider: v.Provider,
			DataSet: v.DataSet, Claims: v.Claims, Labels: v.Labels, Why: v.Why, Use: e.Event.Use, Reason: e.Event.Reason,
			Receipt: x.view(e.Record, e.Detail).Receipt,
		})
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

// receiptWait bounds how long a download waits for the log's witnesses.
const receiptWait = 5 * time.Second

func (h *Handler) receipt(w http.ResponseWriter, r *http.Request, s account.Session) error {
	ctx, cancel := context.WithTimeout(r.Context(), receiptWait)
	defer cancel()
	id := consent.GrantID(r.PathValue("id"))
	whole, err := h.Receipts.ForCitizen(ctx, id, s.Citizen)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	body, err := json.Marshal(whole)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="mydata-receipt.json"`)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
