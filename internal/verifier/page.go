package verifier

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/legible"
)

//go:embed locale page static
var files embed.FS

const (
	cookieName     = "session"
	budgetQuestion = "question" // what one sender may ask
)

// Mount adds the verifier's addresses.
func (s *Server) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.start)
	mux.HandleFunc("POST /requests", s.create)
	mux.HandleFunc("GET /result/{id}", s.show)
	mux.HandleFunc("GET /open/{key}", s.opens)
	mux.HandleFunc("POST /open/{key}", s.opened)
	mux.HandleFunc("GET /number/{id}", s.showNumber)
	mux.HandleFunc("POST /result/{id}/number", s.typed)
	mux.HandleFunc("GET /result/{id}/record", s.saveRecord)
	mux.HandleFunc("GET /request/{handle}", s.serveRequest)
	mux.HandleFunc("POST /request/{handle}", s.serveRequest)
	mux.HandleFunc("POST /response/{handle}", s.serveResponse)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		web.JSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		web.JSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
}

func (s *Server) start(w http.ResponseWriter, r *http.Request) {
	s.pages.Render(w, r, http.StatusOK, "start", s.Queries)
}

// create asks the question that the form names and shows where it is answered.
func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	at := slices.IndexFunc(s.Queries, func(p Preset) bool { return p.Name == r.FormValue("ask") })
	if at < 0 {
		s.Frame.Fail(w, r, http.StatusBadRequest, "verifier.error.ask", nil)
		return
	}
	if s.Limits != nil {
		if err := s.Limits.Take(r.Context(), budgetQuestion, ""); err != nil {
			s.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
			return
		}
	}
	cookie := s.Frame.Cookie(r, cookieName)
	if cookie == "" {
		cookie = token()
	}
	n, err := s.begin(r.Context(), question{query: s.Queries[at].Query}, cookie, false)
	if errors.Is(err, errFull) {
		s.Frame.Fail(w, r, http.StatusTooManyRequests, "verifier.error.busy", err)
		return
	}
	if err != nil {
		s.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	s.Frame.SetCookie(w, cookieName, cookie, s.Life+retention)
	http.Redirect(w, r, "/result/"+n.id, http.StatusSeeOther)
}

// view is what the result page shows.
type view struct {
	ID         string
	Result     Result
	CrossLink  string       // openid4vp:// for another device
	SameLink   template.URL // openid4vp:// for a wallet on this device: made here, of our own parts
	WalletLink string       // SameLink in the demo wallet
	Until      time.Time
	Claims     []fact
	Types      []string // names of what was shown, by its issuer
	Checks     []line
	Purpose    string
	Signed     []signed // what is asked to be authorized, or was
	Again      bool     // another number was typed
	Records    []string // ids of the questions whose presentation can be kept
}

type fact struct {
	Name, Label, Value string
	path               openid4vp.Path
}

// maxValue is how many characters of a claim are shown.
const maxValue = 600

type line struct {
	credential.Check
	Label string
	Path  string    // by what the issuer was believed, in words
	Until time.Time // of a credential's validity
	Word  string    // message: what the status is
}

// show is the live result, for the browser that asked and for nobody else.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	id, browser := r.PathValue("id"), hashCookie(s.Frame.Cookie(r, cookieName))
	if code := r.URL.Query().Get("response_code"); code != "" {
		if err := s.sessions.land(id, code, browser); err != nil {
			s.Frame.Fail(w, r, http.StatusForbidden, "verifier.error.session", err)
			return
		}
		http.Redirect(w, r, "/result/"+id, http.StatusSeeOther) // the code leaves the address bar
		return
	}
	result, n, err := s.sessions.result(id)
	if err != nil || n.browser != browser {
		s.Frame.Fail(w, r, http.StatusNotFound, "verifier.error.unknown", err)
		return
	}
	w.Header().Set("Vary", "Accept")
	if web.WantsJSON(r) {
		web.JSON(w, http.StatusOK, result)
		return
	}
	lang := web.Lang(r)
	v := view{ID: id, Result: result, Until: n.until, Claims: s.facts(lang, result.Claims, n.types), Types: s.typeNames(lang, n), Checks: s.lines(lang, result.Checks),
		Purpose: n.question.purpose, Again: r.URL.Query().Has("again")}
	if result.Status == Pending || result.Status == Verified {
		v.Signed = s.signed(lang, shown(n.question.transactions))
	}
	if result.Status == Verified {
		v.Records = recordable(n)
	}
	if result.Status == Pending {
		for _, a := range n.asks {
			if a.same {
				v.SameLink, v.WalletLink = template.URL(a.link), s.walletLink(a.link) //nolint:gosec // G203: made here, of our own parts
			} else {
				v.CrossLink = a.link
			}
		}
	}
	s.pages.Render(w, r, http.StatusOK, "result", v)
}

// facts flattens the claims for a definition list, in a stable order.
func (s *Server) facts(lang string, claims map[string]any, types map[string]credential.Type) []fact {
	var list []fact
	for _, query := range slices.Sorted(maps.Keys(claims)) {
		for _, f := range flatten(nil, claims[query]) {
			f.Label = s.label(lang, f.path, types[query])
			if f.Value == "true" || f.Value == "false" { // an unknown message is logged, and a claim must never be
				f.Value = s.Frame.Text(lang, "verifier.value."+f.Value)
			}
			f.Value = legible.Day(lang, f.Value)
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b fact) int { return place(a.Name) - place(b.Name) })
	return list
}

// reading is the order in which a person reads what is known here.
var reading = []string{"name", "family_name", "given_name", "birthdate", "age_over_19", "address"}

func place(name string) int {
	first, _, _ := strings.Cut(name, ".")
	if at := slices.Index(reading, first); at >= 0 {
		return at
	}
	return len(reading)
}

func flatten(path openid4vp.Path, value any) []fact {
	var list []fact
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = append(list, flatten(append(slices.Clone(path), name), v[name])...)
		}
	case []any:
		for i, element := range v {
			list = append(list, flatten(append(slices.Clone(path), i), element)...)
		}
	default:
		list = append(list, fact{path: path, Name: path.Name(), Value: legible.Clean(strings.TrimSpace(fmt.Sprint(value)), maxValue)})
	}
	return list
}

// lines gives the checks their names in the reader's language.
func (s *Server) lines(lang string, checks []credential.Check) []line {
	var list []line
	for _, c := range checks {
		query, name, many := strings.Cut(c.Name, ": ")
		if !many {
			query, name = "", c.Name
		}
		label := s.known(lang, "verifier.check."+strings.ReplaceAll(name, " ", "-"), name)
		if many {
			label = query + ": " + label
		}
		c.Detail, label = legible.Clean(c.Detail, maxValue), legible.Clean(label, maxValue)
		one := line{Check: c, Label: label}
		if c.Path != "" && c.OK {
			one.Path = s.known(lang, "verifier.path."+string(c.Path), string(c.Path))
		}
		list = append(list, one.worded(name))
	}
	return list
}

// worded says in the reader's words what the detail says in a program's. Of a check that
// passed only the names are left that it found.
func (l line) worded(name string) line {
	end, err := time.Parse("until "+time.RFC3339, l.Detail)
	switch {
	case err == nil:
		l.Until, l.Detail = end, ""
	case l.OK && name != "format" && l.Path == "" && name != "issuer signature":
		l.Detail = ""
	case l.Detail == "revoked" || l.Detail == "suspended":
		l.Word, l.Detail = "verifier.status."+l.Detail, ""
	}
	return l
}

// signed is a transaction for a page: its type and members by their names.
type signed struct {
	Label string
	Facts []fact
}

func (s *Server) signed(lang string, all []Transaction) []signed {
	var list []signed
	for _, t := range all {
		one := signed{Label: s.known(lang, "verifier.transaction."+t.Type, t.Type)}
		for _, d := range t.order {
			one.Facts = append(one.Facts, fact{Name: d.Name, Label: s.known(lang, "verifier.transaction."+d.Name, d.Name), Value: legible.Clean(fmt.Sprint(d.Value), maxValue)})
		}
		list = append(list, one)
	}
	return list
}

// known is a message, or what stands for it where there is none.
func (s *Server) known(lang, id, fallback string) string {
	if text := s.Frame.Text(lang, id); text != id {
		return text
	}
	return fallback
}
