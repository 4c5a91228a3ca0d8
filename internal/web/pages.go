package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Pages are the templates of one flow, ready in both languages.
type Pages struct {
	frame *Frame
	byKey map[string]*template.Template // "ko/login"
}

// Pages reads the page files that glob names. The file shared.html is no page:
// what it defines is shared by all others of the glob. A broken file panics, and
// so does one that uses a template which nobody defines.
func (f *Frame) Pages(fsys fs.FS, glob string) *Pages {
	files, err := fs.Glob(fsys, glob)
	if err != nil || len(files) == 0 {
		panic(fmt.Sprintf("web: pages %s: none found (%v)", glob, err))
	}
	p := &Pages{frame: f, byKey: map[string]*template.Template{}}
	for _, lang := range languages {
		layout := f.parse(template.New("layout.html").Funcs(f.funcs(lang)), lang, ownFiles, "page/layout.html")
		for _, file := range files {
			if path.Base(file) == "shared.html" {
				f.parse(layout, lang, fsys, file)
			}
		}
		for _, file := range files {
			name := strings.TrimSuffix(path.Base(file), ".html")
			if name == "layout" || name == "shared" {
				continue
			}
			t := f.parse(template.Must(layout.Clone()), lang, fsys, file)
			mustEscape(t, file)
			p.byKey[lang+"/"+name] = t
		}
	}
	return p
}

// said is a text of our own files, {{t "id"}} or {{t "id" "Name" .Name}} with whom and
// what it names; named is one of these.
var (
	said  = regexp.MustCompile(`{{t "([\w.]+)"((?: "\w+" ` + value + `)*)}}`)
	named = regexp.MustCompile(`"(\w+)" (` + value + `)`)
)

const value = `(?:[$.][\w.]*|\(len [$.][\w.]*\))`

// parse reads a page file whose texts stand in it already, in the language of the page,
// and whose names in them are actions of their own. The texts are escaped for elements
// and attributes in quotes; no page has a script or a style of its own.
func (f *Frame) parse(t *template.Template, lang string, fsys fs.FS, file string) *template.Template {
	body, err := fs.ReadFile(fsys, file)
	if err != nil {
		panic("web: pages: " + err.Error())
	}
	text := said.ReplaceAllStringFunc(string(body), func(action string) string {
		parts := said.FindStringSubmatch(action)
		text, err := f.worded(lang, parts[1], named.FindAllStringSubmatch(parts[2], -1))
		if err != nil {
			panic("web: page " + file + ": " + action + ": " + err.Error())
		}
		return text
	})
	if strings.Contains(text, `{{t "`) {
		panic("web: page " + file + ": a text names what is no value")
	}
	return template.Must(t.Parse(text))
}

// worded is a text as a page has it.
func (f *Frame) worded(lang, id string, named [][]string) (string, error) {
	var names []string
	for _, n := range named {
		names = append(names, n[1])
	}
	text, err := f.filled(lang, id, names, func(i int) string { return "{{bdi " + named[i][2] + "}}" })
	if strings.Count(text, "{{") != strings.Count(text, "{{bdi ") {
		return "", errors.New("it is a template itself")
	}
	return text, err
}

// chosen is a text for a page whose id it learns when it is shown.
func (f *Frame) chosen(lang, id string, args []any) any {
	if len(args) == 0 {
		return f.Text(lang, id)
	}
	var names []string
	for i := 0; i+1 < len(args); i += 2 {
		names = append(names, fmt.Sprint(args[i]))
	}
	text, err := f.filled(lang, id, names, func(i int) string {
		if name, ok := bdi(args[2*i+1]).(template.HTML); ok {
			return string(name)
		}
		return template.HTMLEscapeString(fmt.Sprint(args[2*i+1]))
	})
	if err != nil {
		f.log.Error("message", "id", id, "lang", lang, "err", err)
		return id
	}
	return template.HTML(text) //nolint:gosec // G203: all parts are escaped
}

// filled is a text, escaped, with what is put where it names something.
func (f *Frame) filled(lang, id string, names []string, put func(i int) string) (string, error) {
	about, puts := map[string]any{}, []string(nil)
	for i, name := range names {
		mark := fmt.Sprintf("\ufdd0%d\ufdd1", i) // noncharacters, which no text has: pkg/legible
		about[name], puts = mark, append(puts, mark, put(i))
	}
	text, err := f.message(lang, id, about)
	if err == nil && strings.Contains(text, "<no value>") {
		err = errors.New("it names more than it is given")
	}
	return strings.NewReplacer(puts...).Replace(template.HTMLEscapeString(text)), err
}

// mustEscape runs html/template's own check, which comes before the first byte is
// written, and stops there.
func mustEscape(t *template.Template, file string) {
	err := t.ExecuteTemplate(closed{}, "layout", view{})
	if broken := (*template.Error)(nil); errors.As(err, &broken) {
		panic("web: page " + file + ": " + err.Error())
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// view is what the layout sees; the page sees Data alone.
type view struct {
	Data        any
	Service     string
	Brand       string
	Correlation string
	Other       string // the other language
	Switch      string // its name
	SwitchURL   string
}

// Render writes the page of that name, in the reader's language. Nothing is
// sent before the template has run to its end.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	lang := Lang(r)
	t, ok := p.byKey[lang+"/"+page]
	if !ok {
		panic("web: no page " + page)
	}
	other := "en"
	if lang == "en" {
		other = "ko"
	}
	f := p.frame
	v := view{data, f.service, f.Text(lang, "web.brand."+f.service), Correlation(r.Context()), other, f.Text(lang, "web.switch."+other), switchURL(r, other)}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", v); err != nil {
		f.log.ErrorContext(r.Context(), "render", "page", page, "correlation_id", v.Correlation, "err", err)
		http.Error(w, "internal error, correlation id "+v.Correlation, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	h.Add("Vary", "Accept, Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

func (f *Frame) funcs(lang string) template.FuncMap {
	return template.FuncMap{
		"t":    func(id string, args ...any) any { return f.chosen(lang, id, args) },
		"bdi":  bdi,
		"lang": func() string { return lang },
		"text": func(translations any) string { return pick(translations, lang) },
		"time": func(t time.Time) template.HTML { return stamp(t, f.zone, lang, true) },
		"date": func(t time.Time) template.HTML { return stamp(t, f.zone, lang, false) },
		"in":   func(text string) template.HTMLAttr { return in(lang, text) },
		"qr":   drawQR,
		"code": Group,
	}
}

// in marks an element whose text is Korean on an English page, so that a voice reads it
// as such (WCAG 2.2, 3.1.2). Voices of Koreans read Latin letters by themselves.
func in(lang, text string) template.HTMLAttr {
	if lang == "ko" || !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) {
		return ""
	}
	return ` lang="ko"`
}

// bdi puts a name that stands in a sentence into <bdi>, so that one of letters that run
// the other way cannot turn the sentence around (Unicode Standard Annex #9, 6.3). A
// title, where no element can stand, names nobody.
func bdi(v any) any {
	name := reflect.ValueOf(v)
	if name.Kind() != reflect.String || name.Len() == 0 {
		return v
	}
	return template.HTML("<bdi>" + template.HTMLEscapeString(name.String()) + "</bdi>") //nolint:gosec // G203: escaped
}

// pick takes the reader's language of a map of translations, else English, else
// any.
func pick(translations any, lang string) string {
	v := reflect.ValueOf(translations)
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String || v.Type().Elem().Kind() != reflect.String {
		return fmt.Sprint(translations)
	}
	for _, l := range []string{lang, "en", "ko"} {
		if s := v.MapIndex(reflect.ValueOf(l).Convert(v.Type().Key())); s.IsValid() && s.String() != "" {
			return s.String()
		}
	}
	return ""
}

// stamp shows a time in the words of a language, machine readable besides. Its zone is
// named where the reader would not take it for granted.
func stamp(t time.Time, zone *time.Location, lang string, clock bool) template.HTML {
	if t.IsZero() {
		return ""
	}
	t = t.In(zone)
	layout := "2 January 2006"
	if lang == "ko" {
		layout = "2006년 1월 2일"
	}
	if clock {
		switch name, _ := t.Zone(); {
		case name != "KST":
			layout += " 15:04 MST"
		case lang == "ko":
			layout += " 15:04"
		default:
			layout += ", 15:04 Korean time"
		}
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.Format(time.RFC3339), template.HTMLEscapeString(t.Format(layout)))) //nolint:gosec // G203: times, escaped
}

// Group cuts a code into groups of four for reading aloud.
func Group(code string) string {
	var out strings.Builder
	for i, r := range code {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteRune(r)
	}
	return out.String()
}
