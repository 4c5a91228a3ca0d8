package public_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/idp/public"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// shelf is a registry and counts whose answers a test writes.
type shelf struct {
	catalogue *catalogue.Catalogue
	jws       string
	months    []tally.Month
	err       error
}

func (s shelf) Catalogue() *catalogue.Catalogue { return s.catalogue }
func (s shelf) CatalogueJWS() string            { return s.jws }

func (s shelf) CatalogueAt(_ context.Context, version int64) (string, []string, error) {
	switch {
	case s.err != nil:
		return "", nil, s.err
	case version == 1:
		return "old.jws.x", nil, nil
	case version == 2:
		return s.jws, []string{"one", "two"}, nil
	}
	return "", nil, registry.ErrUnknown
}

func (s shelf) Months(context.Context) ([]tally.Month, error) { return s.months, s.err }

// answer is what comes beside a body.
type answer struct {
	StatusCode int
	Header     http.Header
}

func (s shelf) get(t testing.TB, path string, header ...string) (answer, string) {
	t.Helper()
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&public.Handler{Log: log{}, Frame: frame, Catalogues: s, Counts: s}).Mount(mux)
	request := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	frame.Handler(mux).ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header()}, recorder.Body.String()
}

func text(s string) catalogue.Text { return catalogue.Text{"en": s, "ko": s + "ㄱ"} }

func agency(id, name string) catalogue.Agency {
	return catalogue.Agency{ID: id, Name: text(name), Contact: "privacy@" + name + ".example", Jurisdiction: "KR"}
}

func listed() *catalogue.Catalogue {
	return &catalogue.Catalogue{
		Version:  2,
		Agencies: []catalogue.Agency{agency("urn:a", "Insurer"), agency("urn:b", "<b>Office</b>")},
		DataSets: []catalogue.DataSet{
			{ID: "checkup", Provider: "urn:a", Title: text("Old title")},
			{
				ID: "checkup", Version: 2, Provider: "urn:a", Title: text("Check-up"), Sensitivity: catalogue.Sensitive,
				Law: &catalogue.Law{Name: text("Health Act"), Ref: "§ 7"}, Fields: []catalogue.Field{{Name: "left", Label: text("Left eye")}},
			},
		},
		Purposes: []catalogue.Purpose{{
			Code: "renewal", Text: text("Renew a licence"), MaxUses: 2, MaxDays: 30, DataSets: []string{"checkup"}, Law: &catalogue.Law{Name: text("Road Act")},
		}},
		Templates: []catalogue.Template{
			{ID: "eyes", Version: 1, Purpose: "renewal", Title: text("Old rule"), Extents: []catalogue.Extent{{DataSet: "checkup"}}},
			{
				ID: "eyes", Version: 2, Purpose: "renewal", Title: text("Eyes <i>only"), MaxUses: 1, MaxDays: 20, KeepDays: 9, Every: 7201,
				Extents: []catalogue.Extent{{DataSet: "checkup", Fields: []string{"left", "gone"}}},
			},
		},
	}
}

//clause:catalogue RFC 9110, 8.8.3 and 13.1.2: ETag, If-None-Match
func TestCatalogue(t *testing.T) {
	s := shelf{catalogue: listed(), jws: "new.jws.x"}
	for _, c := range []struct {
		name, path string
		shelf      shelf
		status     int
		body, kind string
		caching    string
	}{
		{"it serves the newest", "/catalogue", s, 200, "new.jws.x", "application/jose", "no-cache"},
		{"it serves an old one for ever", "/catalogue/1", s, 200, "old.jws.x", "application/jose", "immutable"},
		{"it serves the officers' signatures", "/catalogue/2/officers", s, 200, `{"signatures":["one","two"]}`, "application/json", "immutable"},
		{"it says where there are none", "/catalogue/1/officers", s, 200, `{"signatures":[]}`, "application/json", "immutable"},
		{"it describes the interface", "/openapi.json", s, 200, `{`, "application/openapi+json", "no-cache"},
		{"it has none so far", "/catalogue", shelf{}, 404, "no_catalogue", "", "no-store"},
		{"it has no such version", "/catalogue/3", s, 404, "no_such_catalogue", "", "no-store"},
		{"it has no signatures of it", "/catalogue/3/officers", s, 404, "no_such_catalogue", "", "no-store"},
		{"it refuses no number", "/catalogue/newest", s, 404, "no_such_catalogue", "", "no-store"},
		{"it refuses a number in other digits", "/catalogue/01", s, 404, "no_such_catalogue", "", "no-store"},
		{"it refuses a negative number", "/catalogue/-1", s, 404, "no_such_catalogue", "", "no-store"},
		{"it refuses an endless number", "/catalogue/99999999999999999999", s, 404, "no_such_catalogue", "", "no-store"},
		{"it keeps details to itself", "/catalogue/1", shelf{err: errors.New("secret")}, 500, "internal error", "", "no-store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, body := c.shelf.get(t, c.path, "Origin", "https://agency.example")
			if response.StatusCode != c.status || !strings.Contains(body, c.body) || strings.Contains(body, "secret") {
				t.Errorf("%d %q", response.StatusCode, body)
			}
			h := response.Header
			if !strings.Contains(h.Get("Cache-Control"), c.caching) || h.Get("Access-Control-Allow-Origin") != "*" || c.kind != "" && h.Get("Content-Type") != c.kind {
				t.Errorf("%v", h)
			}
		})
	}
	t.Run("it sends nothing that the reader has", func(t *testing.T) {
		for _, path := range []string{"/catalogue", "/catalogue/1", "/openapi.json", "/statistics.json", "/statistics.csv"} {
			response, _ := s.get(t, path)
			tag := response.Header.Get("ETag")
			for _, known := range []string{tag, `"x", ` + tag, "W/" + tag, "*"} {
				if again, body := s.get(t, path, "If-None-Match", known); again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("ETag") != tag {
					t.Errorf("%s with %s: %d %q", path, known, again.StatusCode, body)
				}
			}
			if again, body := s.get(t, path, "If-None-Match", `"x"`); again.StatusCode != http.StatusOK || body == "" {
				t.Errorf("%s: %d", path, again.StatusCode)
			}
		}
	})
}

func TestAgenciesPage(t *testing.T) {
	s := shelf{catalogue: listed(), jws: "x"}
	monthly := listed()
	monthly.Templates[1].Every = 28 * 24 * 60 * 60
	for _, c := range []struct {
		name, path  string
		shelf       shelf
		has, hasNot []string
	}{
		{"it shows who holds what, why and by which law", "/agencies?lang=en", s,
			[]string{"Insurer", "Check-up", "sensitive", "Left eye", "Health Act", "§ 7", "Renew a licence", "At most 2 times within 30 days", "Road Act", "privacy@Insurer.example", "Agencies found: 2"},
			[]string{"Old title", "<b>Office"}},
		{"it shows the rule that a purpose is asked by, the newest", "/agencies?lang=en", s,
			[]string{"Only by this rule:", "Eyes &lt;i&gt;only", "version 2", "Left eye", "Once within 20 days", "At least 3 hours between", "kept for 9 days"},
			[]string{"Old rule", "gone", "version 1"}},
		{"it counts long waits in days", "/agencies?lang=en", shelf{catalogue: monthly, jws: "x"}, []string{"At least 28 days between"}, []string{"hours"}},
		{"it speaks Korean", "/agencies?lang=ko", s, []string{"Insurerㄱ", "30일 안에 최대 2번", "민감정보"}, nil},
		{"it finds by a name", "/agencies?lang=en&q=insur", s, []string{"Insurer", "Agencies found: 1"}, []string{"Office"}},
		{"it finds by what is held", "/agencies?lang=en&q=check-UP", s, []string{"Insurer"}, []string{"Office"}},
		{"it finds in the other language", "/agencies?lang=en&q=Insurer%E3%84%B1", s, []string{"Agencies found: 1"}, nil},
		{"it finds nothing", "/agencies?lang=en&q=nobody", s, []string{"Agencies found: 0"}, []string{"Insurer"}},
		{"it shows a search as text", "/agencies?lang=en&q=%22%3E%3Cscript%3E", s, []string{"&#34;&gt;&lt;script&gt;"}, []string{`"><script>`}},
		{"it has no list yet", "/agencies?lang=en", shelf{}, []string{"No list is published yet."}, []string{"Version"}},
		{"it begins anew at a broken place", "/agencies?lang=en&from=x", s, []string{"Insurer"}, nil},
		{"it ends at the last", "/agencies?lang=en&from=99999999", s, []string{"Agencies found: 2"}, []string{"Insurer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, body := c.shelf.get(t, c.path)
			if response.StatusCode != http.StatusOK {
				t.Fatal(response.StatusCode)
			}
			for _, has := range c.has {
				if !strings.Contains(body, has) {
					t.Errorf("lacks %q", has)
				}
			}
			for _, not := range c.hasNot {
				if strings.Contains(body, not) {
					t.Errorf("has %q", not)
				}
			}
		})
	}
	t.Run("it shows many on several pages", func(t *testing.T) {
		many := &catalogue.Catalogue{Version: 1}
		for i := range 45 {
			many.Agencies = append(many.Agencies, agency(fmt.Sprint("urn:", i), fmt.Sprintf("Agency%02d", i)))
		}
		_, body := shelf{catalogue: many, jws: "x"}.get(t, "/agencies?lang=en&from=20&q=agency")
		if strings.Count(body, `class="card"`) != 21 || !strings.Contains(body, "Agency20") || strings.Contains(body, "Agency40") ||
			!strings.Contains(body, "from=40&amp;q=agency") || !strings.Contains(body, "from=0&amp;q=agency") {
			t.Error(body)
		}
	})
}

func FuzzAgenciesPage(f *testing.F) {
	f.Add("insurer", "0", "ko")
	f.Add("\x00\u202e<", "-9", "xx")
	s := shelf{catalogue: listed(), jws: "x"}
	f.Fuzz(func(t *testing.T, q, from, lang string) {
		request := httptest.NewRequest(http.MethodGet, "http://localhost:8080/agencies", nil)
		values := request.URL.Query()
		values.Set("q", q)
		values.Set("from", from)
		values.Set("lang", lang)
		if response, _ := s.get(t, "/agencies?"+values.Encode()); response.StatusCode != http.StatusOK {
			t.Error(response.StatusCode)
		}
	})
}

func TestStatistics(t *testing.T) {
	s := shelf{catalogue: listed(), months: []tally.Month{
		{Month: "2026-10", Rows: []tally.Row{
			{Consumer: "urn:b", Provider: "urn:a", Purpose: "renewal", Grants: 41, Releases: 62},
			{Consumer: "=gone", Provider: "urn:a", Purpose: "lost", Grants: 10, Withdrawals: 10},
		}},
		{Month: "2026-09", Rows: []tally.Row{}, Late: []tally.Late{{Consumer: "urn:b", Grants: 17}}},
		{Month: "2026-08", Rows: []tally.Row{{Consumer: "urn:b", Provider: "urn:a", Purpose: "renewal", Releases: 12}}},
		{Month: "2026-07", Rows: []tally.Row{}},
	}}
	t.Run("it shows numbers, sums of them, and the rule", func(t *testing.T) {
		_, body := s.get(t, "/statistics?lang=en")
		for _, has := range []string{
			"October 2026", "September 2026", "August 2026", "From <bdi>Insurer</bdi> to <bdi>&lt;b&gt;Office&lt;/b&gt;</bdi>", "Renew a licence", "=gone",
			"too few to show", "Sum of the numbers shown", "<dd>51</dd>", "10 people or more", "No number of this month",
			"Deletions not confirmed", "<dt><bdi>&lt;b&gt;Office&lt;/b&gt;</bdi></dt><dd>17</dd>",
		} {
			if !strings.Contains(body, has) {
				t.Errorf("lacks %q", has)
			}
		}
		if strings.Contains(body, "July 2026") {
			t.Error("shows a month before the first number")
		}
		if _, body := s.get(t, "/statistics?lang=ko"); !strings.Contains(body, "2026년 10월") || !strings.Contains(body, "10명 이상") {
			t.Error(body)
		}
	})
	t.Run("it gives the same as JSON, withheld as null", func(t *testing.T) {
		_, body := s.get(t, "/statistics.json")
		var got struct {
			Months []struct {
				Rows []map[string]any
			}
			Threshold int
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		row := got.Months[0].Rows[0]
		if withdrawn, there := row["withdrawals"]; got.Threshold != 10 || !there || withdrawn != nil || row["grants"] != 41.0 {
			t.Error(body)
		}
	})
	t.Run("it gives the same as CSV, withheld as nothing, no cell a formula", func(t *testing.T) {
		_, body := s.get(t, "/statistics.csv")
		lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || len(lines) != 4 {
			t.Fatal(lines, err)
		}
		if got := strings.Join(lines[1], "|") + "\n" + strings.Join(lines[3], "|"); got != "2026-08|urn:b|urn:a|renewal||12|\n2026-10|'=gone|urn:a|lost|10||10" {
			t.Error(got)
		}
	})
	t.Run("it has none so far", func(t *testing.T) {
		if _, body := (shelf{}).get(t, "/statistics?lang=en"); !strings.Contains(body, "No month has a number") {
			t.Error(body)
		}
		if _, body := (shelf{}).get(t, "/statistics.json"); !strings.Contains(body, `"months":[]`) {
			t.Error(body)
		}
	})
	t.Run("it keeps details to itself", func(t *testing.T) {
		for _, path := range []string{"/statistics", "/statistics.json", "/statistics.csv"} {
			if response, body := (shelf{err: errors.New("secret")}).get(t, path); response.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		}
	})
}
