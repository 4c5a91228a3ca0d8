package statuslist

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// history is a host that keeps lists of the past, or one that does not know how.
//
//clause:status 8.4: `time`; 501 where no history is given out, 404 for a time that is not kept; iat <= time < exp, or a static host's answer is refused
func TestClientAsksForThePast(t *testing.T) {
	h, key := newHost(t), newKey(t)
	then := now.Add(-time.Hour)
	token := func(iat, exp time.Time, list *List) string {
		jwt, err := Sign(Key{Signer: key}, Token{URI: h.URL + "/list", IssuedAt: iat, Expires: exp, List: list})
		if err != nil {
			t.Fatal(err)
		}
		return jwt
	}
	serve := func(jwt string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("time") != fmt.Sprint(then.Unix()) {
				t.Errorf("asked for %q", r.URL.RawQuery)
			}
			w.Header().Set("Content-Type", MediaType)
			_, _ = w.Write([]byte(jwt))
		}
	}
	code := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		trust  Trust
		want   error
	}{
		{"it takes the list of that time", serve(token(then.Add(-time.Minute), then.Add(time.Minute), listOf(t, 5))), nil, nil},
		{"it refuses a static host's list of now", serve(token(now, now.Add(time.Hour), listOf(t))), nil, ErrNoHistory},
		{"it refuses a list that ended before", serve(token(then.Add(-time.Hour), then, listOf(t))), nil, ErrNoHistory},
		{"it refuses a list that does not say until when", serve(token(then.Add(-time.Hour), time.Time{}, listOf(t))), nil, ErrNoHistory},
		{"it refuses whom the asker does not trust", serve(token(then, now, listOf(t))), distrusts, ErrUntrusted},
		{"it hears that the query is not understood", code(http.StatusNotImplemented), nil, ErrNoHistory},
		{"it hears that the time is not kept", code(http.StatusNotFound), nil, ErrNoHistory},
		{"it hears the same of draft 12", code(http.StatusNotAcceptable), nil, ErrNoHistory},
		{"it hears nothing of it from a host that fails", code(http.StatusBadGateway), nil, ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.answer = c.answer
			if c.trust == nil {
				c.trust = trusts(key)
			}
			client := &Client{Development: true, Now: func() time.Time { return now }}
			got, err := client.At(t.Context(), Reference{URI: h.URL + "/list", Index: 5}, then, c.trust)
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || got != Invalid) {
				t.Errorf("%d, %v", got, err)
			}
			if errors.Is(c.want, ErrNoHistory) && errors.Is(err, ErrUnavailable) == strings.Contains(c.name, "refuses") {
				t.Errorf("%v", err)
			}
		})
	}
}

//clause:status 9: aggregation, in the authorization server's metadata and in each list; one that fails does not stop the others
func TestAggregation(t *testing.T) {
	h, key := newHost(t), newKey(t)
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), List: listOf(t, 5)})
	list := h.answer
	h.answer = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/all":
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(Aggregation{StatusLists: []string{h.URL + "/gone", h.URL + "/list"}})
		case "/list":
			list(w, r)
		default:
			http.NotFound(w, r)
		}
	}
	client := &Client{Development: true, Now: func() time.Time { return now }}
	if err := client.Preload(t.Context(), h.URL+"/all", trusts(key)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the list that is gone: %v", err)
	}
	h.Close()
	if got, err := client.Status(t.Context(), Reference{URI: h.URL + "/list", Index: 5}, trusts(key)); err != nil || got != Invalid {
		t.Errorf("it looks up without a network what it loaded before: %d, %v", got, err)
	}
}

//clause:status 9: aggregation, in the authorization server's metadata and in each list; one that fails does not stop the others
func TestParseAggregationRefuses(t *testing.T) {
	many := `{"status_lists":["https://a.example/1"` + strings.Repeat(`,"https://a.example/1"`, maxAggregated) + `]}`
	for name, body := range map[string]string{
		"it refuses no list":          `{}`,
		"it refuses null":             `{"status_lists":null}`,
		"it refuses a text":           `{"status_lists":"https://a.example/1"}`,
		"it refuses another scheme":   `{"status_lists":["file:///etc/passwd"]}`,
		"it refuses plain http":       `{"status_lists":["http://a.example/1"]}`,
		"it refuses a name twice":     `{"status_lists":[],"status_lists":[]}`,
		"it refuses more than enough": many,
		"it refuses what is too long": `{"status_lists":[],"x":"` + strings.Repeat("x", maxAggregation) + `"}`,
		"it refuses what is no JSON":  `x`,
	} {
		if _, err := ParseAggregation([]byte(body), false); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, err := ParseAggregation([]byte(`{"status_lists":["https://a.example/1"]}`), false); err != nil || len(a.StatusLists) != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

func FuzzParseAggregation(f *testing.F) {
	f.Add([]byte(`{"status_lists":["https://a.example/1"]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseAggregation(body, true)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		for _, uri := range a.StatusLists {
			if CheckURI(uri, true) != nil {
				t.Fatal(uri)
			}
		}
	})
}

func TestClientAsksOnlyWhereItMay(t *testing.T) {
	h, key := newHost(t), newKey(t)
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), List: listOf(t)})
	client := &Client{Now: func() time.Time { return now }}
	if _, err := client.At(t.Context(), Reference{URI: h.URL + "/list"}, now, trusts(key)); !errors.Is(err, ErrMalformed) {
		t.Errorf("the past, by plain http: %v", err)
	}
	if _, err := client.Aggregation(t.Context(), h.URL+"/list"); !errors.Is(err, ErrMalformed) {
		t.Errorf("an aggregation, by plain http: %v", err)
	}
	if n := h.fetches.Load(); n != 0 {
		t.Errorf("%d were asked", n)
	}
	client = &Client{Development: true, Now: func() time.Time { return now }}
	if _, err := client.Aggregation(t.Context(), h.URL+"/list"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a list for an aggregation: %v", err)
	}
	if _, err := client.FetchAs(t.Context(), h.URL+"/list", MediaTypeCWT, trusts(key)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a JWT for a CWT: %v", err)
	}
}
