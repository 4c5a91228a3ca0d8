package credential

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// library publishes types, and counts who asks.
type library struct {
	url    string
	pages  map[string]string // path: body; URL stands for its address
	header http.Header
	asked  int
	now    time.Time
	client *TypeMetadata
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{pages: map[string]string{}, header: http.Header{}, now: testNow}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.asked++
		body, ok := l.pages[r.URL.Path]
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/base", http.StatusFound)
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		for name, values := range l.header {
			w.Header()[name] = values
		}
		_, _ = w.Write([]byte(l.body(body)))
	}))
	t.Cleanup(server.Close)
	l.url = server.URL
	l.client = &TypeMetadata{Development: true, Now: func() time.Time { return l.now }}
	l.pages["/base"] = `{"vct":"URL/base","display":[{"locale":"en","name":"Base"},{"locale":"ko-KR","name":"기본"}],"claims":[
		{"path":["name"],"display":[{"locale":"en","label":"Full name"},{"locale":"ko","label":"성명"}]},
		{"path":["address","city"],"display":[{"locale":"en","label":"City"}]}]}`
	l.pages["/child"] = `{"vct":"URL/child","extends":"URL/base","extends#integrity":"DIGEST","claims":[
		{"path":["address","city"],"display":[{"locale":"de","label":"Ort"},{"locale":"en","label":"Town"}]},
		{"path":["degrees",null,"type"],"display":[{"locale":"fr","label":"Diplôme"}]}, {"path":["address"],"display":[{"locale":"en","label":"Home"}]},{"path":["bare"]}]}`
	l.pages["/child"] = strings.Replace(l.pages["/child"], "DIGEST", sri256(l.body(l.pages["/base"])), 1)
	return l
}

func (l *library) body(page string) string { return strings.ReplaceAll(page, "URL", l.url) }

func sri256(body string) string { return Integrity([]byte(body)) }

//clause:trust SD-JWT VC, Type Metadata at a verifier: names of types and claims by language, inherited by extends, most exact path first
func TestDescribe(t *testing.T) {
	l := newLibrary(t)
	described, err := l.client.Describe(t.Context(), l.url+"/child", sri256(l.body(l.pages["/child"])))
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "Base", "ko": "기본", "fr": "Base"} {
		if got := described.Name(lang); got != want {
			t.Errorf("%s: the type is called %q", lang, got)
		}
	}
	for _, c := range []struct {
		name, lang string
		path       []any
		label      string
		named      int
	}{
		{"it inherits a claim", "en", []any{"name"}, "Full name", 1},
		{"it speaks the reader's language", "ko", []any{"name"}, "성명", 1},
		{"it speaks English where it cannot", "fr", []any{"name"}, "Full name", 1},
		{"it lets an extending type rename", "en", []any{"address", "city"}, "Town", 2},
		{"it names what is around a claim without a name", "en", []any{"address", "street"}, "Home", 1},
		{"it names any element", "en", []any{"degrees", 7, "type"}, "Diplôme", 3},
		{"it takes a name for no element", "en", []any{"degrees", "x", "type"}, "", 0},
		{"it names nothing that is not described", "en", []any{"other"}, "", 0},
		{"it names nothing that has no label", "en", []any{"bare"}, "", 0},
		{"it names no shorter path", "en", []any{"degrees"}, "", 0},
	} {
		if label, named := described.Label(c.lang, c.path); label != c.label || named != c.named {
			t.Errorf("%s: %q, %d", c.name, label, named)
		}
	}
	if label := (Type{}).Name("en"); label != "" {
		t.Errorf("a type of which nothing is known is called %q", label)
	}
}

//clause:trust SD-JWT VC, Type Metadata at a verifier: at the https vct, no redirect, bounded, the same vct; vct#integrity and extends#integrity; a circle is found
func TestDescribeRefuses(t *testing.T) {
	l := newLibrary(t)
	l.pages["/other"] = `{"vct":"URL/base"}`
	l.pages["/long"] = `{"vct":"URL/long","x":"` + strings.Repeat("x", maxMetadata) + `"}`
	l.pages["/html"] = `<html>`
	l.pages["/a"], l.pages["/b"] = `{"vct":"URL/a","extends":"URL/b"}`, `{"vct":"URL/b","extends":"URL/a"}`
	for n := range 6 {
		l.pages[fmt.Sprintf("/%d", n)] = fmt.Sprintf(`{"vct":"URL/%d","extends":"URL/%d"}`, n, n+1)
	}
	l.pages["/twice"] = `{"vct":"URL/other","vct":"URL/twice"}`
	l.pages["/badly"] = `{"vct":"URL/badly","extends":"URL/base","extends#integrity":"` + sri256("x") + `"}`
	l.pages["/urn"] = `{"vct":"URL/urn","extends":"urn:example:type"}`
	for path, claims := range map[string]string{"/path0": `[]`, "/path-1": `[-1]`, "/path1.5": `[1.5]`, "/pathx": `[{}]`, "/pathb": `[true]`,
		"/deep": `["a"` + strings.Repeat(`,"a"`, maxTypePath) + `]`} {
		l.pages[path] = `{"vct":"URL` + path + `","claims":[{"path":` + claims + `}]}`
	}
	l.pages["/many"] = `{"vct":"URL/many","claims":[` + strings.Repeat(`{"path":["a"]},`, maxTypeClaims) + `{"path":["a"]}]}`
	l.pages["/tongues"] = `{"vct":"URL/tongues","display":[` + strings.Repeat(`{},`, maxTypeLocales) + `{}]}`
	l.pages["/labels"] = `{"vct":"URL/labels","claims":[{"path":["a"],"display":[` + strings.Repeat(`{},`, maxTypeLocales) + `{}]}]}`
	for _, c := range []struct{ name, path, integrity, cause string }{
		{"it refuses another document than was named", "/base", sri256("x"), errIntegrity.Error()},
		{"it refuses a digest of an algorithm that it does not know", "/base", "md5-AAAA", errIntegrity.Error()},
		{"it refuses a digest that is none", "/base", "?", errIntegrity.Error()},
		{"it refuses another extended document than was named", "/badly", "", errIntegrity.Error()},
		{"it refuses a description of another type", "/other", "", "another type"},
		{"it refuses what is too long", "/long", "", "longer than"},
		{"it refuses a page for people", "/html", "", "not JSON"},
		{"it refuses a member given twice", "/twice", "", "not JSON"},
		{"it refuses what is not there", "/none", "", "HTTP status 404"},
		{"it refuses to be sent elsewhere", "/elsewhere", "", "HTTP status 302"},
		{"it refuses an extended type that has no address", "/urn", "", "not an https URL"},
		{"it refuses a circle", "/a", "", ErrTypeCircular.Error()},
		{"it refuses too long a chain", "/0", "", ErrTypeCircular.Error()},
		{"it refuses a path of nothing", "/path0", "", "path or languages"},
		{"it refuses a negative index", "/path-1", "", "no index"},
		{"it refuses half an index", "/path1.5", "", "no index"},
		{"it refuses an object in a path", "/pathx", "", "names, indices and null"},
		{"it refuses a truth in a path", "/pathb", "", "names, indices and null"},
		{"it refuses a path too deep", "/deep", "", "path or languages"},
		{"it refuses too many claims", "/many", "", "too many claims"},
		{"it refuses too many languages", "/tongues", "", "too many claims or languages"},
		{"it refuses too many languages of a claim", "/labels", "", "path or languages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := l.client.Describe(t.Context(), l.url+c.path, c.integrity)
			if !errors.Is(err, ErrTypeMetadata) || !strings.Contains(err.Error(), c.cause) {
				t.Errorf("got %v", err)
			}
			if circle := c.path == "/a" || c.path == "/0"; errors.Is(err, ErrTypeCircular) != circle {
				t.Errorf("a circle: %v", err)
			}
		})
	}
	asked := l.asked
	if _, err := new(TypeMetadata).Describe(t.Context(), l.url+"/base", ""); err == nil || l.asked != asked {
		t.Error("it asks this machine in production")
	}
	if _, err := new(TypeMetadata).Describe(t.Context(), "https://169.254.169.254/base", ""); err == nil || !strings.Contains(err.Error(), "prohibited") {
		t.Errorf("it asks a private network: %v", err)
	}
}

//clause:trust SD-JWT VC, Type Metadata at a verifier: kept for good by its digest, else by Cache-Control
func TestDescribeKeeps(t *testing.T) {
	l := newLibrary(t)
	whole := sri256(l.body(l.pages["/base"]))
	sum := sha512.Sum512([]byte(l.body(l.pages["/base"])))
	strong := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	for _, c := range []struct {
		name, integrity, control string
		later                    time.Duration
		asked                    int
	}{
		{"it keeps what its digest names", whole, "no-store", 10 * 365 * 24 * time.Hour, 1},
		{"it keeps what the strongest of its digests names", whole[:7] + "x " + strong + "?ct=x", "", time.Hour, 1},
		{"it keeps what may be kept", "", "public, max-age=60", 59 * time.Second, 1},
		{"it asks again when that is over", "", "max-age=60", 60 * time.Second, 2},
		{"it asks again when the clock went back", "", "max-age=60", -time.Second, 2},
		{"it keeps nothing longer than a day", "", "max-age=9999999", 25 * time.Hour, 2},
		{"it keeps nothing that may not be kept", "", "max-age=60, no-store", 0, 2},
		{"it keeps nothing of which nothing is said", "", "", 0, 2},
		{"it keeps nothing by an age that is none", "", "max-age=x", 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.client = &TypeMetadata{Development: true, Now: func() time.Time { return l.now }}
			l.header.Set("Cache-Control", c.control)
			l.now, l.asked = testNow, 0
			for range 2 {
				if _, err := l.client.Describe(t.Context(), l.url+"/base", c.integrity); err != nil {
					t.Fatal(err)
				}
				l.now = l.now.Add(c.later)
			}
			if l.asked != c.asked {
				t.Errorf("asked %d times", l.asked)
			}
		})
	}
	t.Run("it takes no weaker digest when a stronger is given", func(t *testing.T) {
		if _, err := l.client.Describe(t.Context(), l.url+"/base", whole+" "+strong[:20]); err == nil {
			t.Error("taken")
		}
	})
}

// FuzzType: whatever is read is of the type that was asked for, and can be asked.
func FuzzType(f *testing.F) {
	f.Add(`{"vct":"v","display":[{"locale":"en","name":"x"}],"claims":[{"path":["a",null,1],"display":[{"locale":"ko","label":"x"}]}]}`)
	f.Add(`{"vct":"v","extends":"w","extends#integrity":"sha256-x"}`)
	f.Add(`{"vct":"v","claims":[{"path":[{}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseType([]byte(text), "v")
		if err != nil {
			return
		}
		described := Type{}
		described.extend(d)
		described.Name("ko")
		if _, named := described.Label("ko", []any{"a", 3, 1}); named > 3 || d.VCT != "v" {
			t.Errorf("%q", text)
		}
		if text, err := json.Marshal(d); err != nil || len(text) == 0 {
			t.Error(err)
		}
	})
}
