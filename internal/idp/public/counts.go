package public

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/internal/web"
)

// Counts answers the months that are published, the newest first; *tally.Counter
// is one.
type Counts interface {
	Months(ctx context.Context) ([]tally.Month, error)
}

func (h *Handler) mountCounts(mux *http.ServeMux) {
	mux.HandleFunc("GET /statistics", h.statistics)
	mux.HandleFunc("GET /statistics.json", h.statisticsJSON)
	mux.HandleFunc("GET /statistics.csv", h.statisticsCSV)
}

func (h *Handler) months(r *http.Request) ([]tally.Month, error) {
	if h.Counts == nil {
		return nil, nil
	}
	return h.Counts.Months(r.Context())
}

// shownMonth is a month on the page.
type shownMonth struct {
	Name  string
	Rows  []shownRow
	Total tally.Row
	Late  []shownLate
}

// shownLate is an agency whose statements of deletion were overdue.
type shownLate struct {
	Who    string
	Grants tally.Number
}

type shownRow struct {
	tally.Row
	From, To, Why string
}

func (h *Handler) statistics(w http.ResponseWriter, r *http.Request) {
	months, err := h.months(r)
	if err != nil {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	for len(months) > 0 && len(months[len(months)-1].Rows) == 0 && len(months[len(months)-1].Late) == 0 { // before the first number
		months = months[:len(months)-1]
	}
	var shown []shownMonth
	for _, m := range months {
		at, err := time.Parse("2006-01", m.Month)
		if err != nil {
			h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
			return
		}
		month := shownMonth{Name: at.Format("January 2006"), Total: tally.Total(m.Rows)}
		if web.Lang(r) == "ko" {
			month.Name = at.Format("2006년 1월")
		}
		for _, row := range m.Rows {
			month.Rows = append(month.Rows, shownRow{row, h.name(r, row.Provider), h.name(r, row.Consumer), h.purpose(r, row.Purpose)})
		}
		for _, late := range m.Late {
			month.Late = append(month.Late, shownLate{h.name(r, late.Consumer), late.Grants})
		}
		shown = append(shown, month)
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	h.pages.Render(w, r, http.StatusOK, "statistics", map[string]any{"Months": shown, "Threshold": tally.Threshold})
}

func (h *Handler) purpose(r *http.Request, code string) string {
	if c := h.Catalogues.Catalogue(); c != nil {
		if p, ok := c.Purpose(code); ok {
			return p.Text.In(web.Lang(r))
		}
	}
	return code
}

// statisticsJSON is the page for programs, with the rule beside the numbers.
func (h *Handler) statisticsJSON(w http.ResponseWriter, r *http.Request) {
	months, err := h.months(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	body, err := json.Marshal(map[string]any{
		"months": append([]tally.Month{}, months...), "threshold": tally.Threshold,
		"rule": "counted once after each month (UTC); null, and a row that is not there: fewer than the threshold of people, or none",
	})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.tagged(w, r, "application/json", "no-cache, max-age=0", append(body, '\n'))
}

func (h *Handler) statisticsCSV(w http.ResponseWriter, r *http.Request) {
	months, err := h.months(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var out bytes.Buffer
	table := csv.NewWriter(&out)
	lines := [][]string{{"month", "consumer", "provider", "purpose", "grants", "releases", "withdrawals"}}
	for _, m := range slices.Backward(months) {
		for _, row := range m.Rows {
			lines = append(lines, []string{
				m.Month, cell(row.Consumer), cell(row.Provider), cell(row.Purpose), number(row.Grants), number(row.Releases), number(row.Withdrawals),
			})
		}
	}
	if err := table.WriteAll(lines); err != nil {
		h.fail(w, r, err)
		return
	}
	h.tagged(w, r, "text/csv; charset=utf-8", "no-cache, max-age=0", out.Bytes())
}

func number(n tally.Number) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

// cell keeps a spreadsheet from computing a text (OWASP, CSV injection).
func cell(text string) string {
	if text != "" && bytes.IndexByte([]byte("=+-@\t\r"), text[0]) >= 0 {
		return "'" + text
	}
	return text
}
