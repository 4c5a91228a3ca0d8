package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// The languages of every page; the first is the default.
var languages = []string{"ko", "en"}

var matcher = language.NewMatcher([]language.Tag{language.Korean, language.English})

const languageCookie = "lang"

func newBundle() *i18n.Bundle {
	return i18n.NewBundle(language.Korean)
}

// Messages adds the texts of a flow: one en.json and one ko.json, anywhere in
// fsys. It panics when a file is broken or an id lacks one of the languages,
// because a page with holes must not start.
func (f *Frame) Messages(fsys fs.FS) {
	f.texts.Clear()
	ids := map[string][]string{}
	for _, lang := range languages {
		file, err := find(fsys, lang+".json")
		if err != nil {
			panic("web: messages: " + err.Error())
		}
		body, err := fs.ReadFile(fsys, file)
		if err != nil {
			panic("web: messages: " + err.Error())
		}
		if !json.Valid(body) {
			panic("web: messages: " + file + " is not JSON")
		}
		parsed, err := f.bundle.ParseMessageFileBytes(body, lang+".json")
		if err != nil {
			panic("web: messages: " + file + ": " + err.Error())
		}
		for _, m := range parsed.Messages {
			ids[lang] = append(ids[lang], m.ID)
		}
		slices.Sort(ids[lang])
	}
	if a, b := missing(ids["ko"], ids["en"]), missing(ids["en"], ids["ko"]); len(a)+len(b) > 0 {
		panic(fmt.Sprintf("web: messages: only in Korean %v, only in English %v", a, b))
	}
}

func find(fsys fs.FS, base string) (string, error) {
	found := ""
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() == base && found == "" {
			found = name
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("no %s", base)
	}
	return found, err
}

func missing(of, in []string) []string {
	var out []string
	for _, id := range of {
		if !slices.Contains(in, id) {
			out = append(out, id)
		}
	}
	return out
}

// Text is the message of that id in that language. An unknown id is shown as itself.
func (f *Frame) Text(lang, id string) string {
	key := [2]string{lang, id}
	if text, ok := f.texts.Load(key); ok {
		return text.(string)
	}
	text, err := f.message(lang, id, nil)
	if err != nil {
		f.log.Error("message", "id", id, "lang", lang, "err", err)
		return id
	}
	f.texts.Store(key, text) // of our own files alone are there any: they are few
	return text
}

func (f *Frame) message(lang, id string, about map[string]any) (string, error) {
	return i18n.NewLocalizer(f.bundle, lang).Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: about})
}

type langKey struct{}

// Lang is the reader's language, "ko" or "en": chosen by ?lang= (which is then
// remembered), by cookie, by Accept-Language; Korean when nothing says.
func Lang(r *http.Request) string {
	if lang, ok := r.Context().Value(langKey{}).(func() string); ok {
		return lang()
	}
	if lang := r.URL.Query().Get("lang"); slices.Contains(languages, lang) {
		return lang
	}
	return accepted(r)
}

func accepted(r *http.Request) string {
	tag, _, confidence := acceptedTag(r.Header.Get("Accept-Language"))
	if confidence == language.No {
		return languages[0]
	}
	base, _ := tag.Base()
	return base.String()
}

func acceptedTag(header string) (language.Tag, int, language.Confidence) {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return language.Korean, 0, language.No
	}
	return matcher.Match(tags...)
}

// withLanguage looks at what the browser accepts where somebody asks for the language:
// programs do not.
func (f *Frame) withLanguage(ctx context.Context, w http.ResponseWriter, r *http.Request) context.Context {
	lang := r.URL.Query().Get("lang")
	if slices.Contains(languages, lang) {
		f.SetCookie(w, languageCookie, lang, 365*24*time.Hour)
	} else if lang = f.Cookie(r, languageCookie); !slices.Contains(languages, lang) {
		return context.WithValue(ctx, langKey{}, sync.OnceValue(func() string { return accepted(r) }))
	}
	return context.WithValue(ctx, langKey{}, func() string { return lang })
}

// Country is what a language calls the country with this code (ISO 3166-1), or the code.
func Country(lang, code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	if name := display.Regions(language.Make(lang)).Name(region); name != "" {
		return name
	}
	return code
}

// switchURL is the same page in the other language. The answer to a POST has no
// address of its own, so its switch leads to the start.
func switchURL(r *http.Request, lang string) string {
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "//") {
		return "/?lang=" + lang
	}
	q := r.URL.Query()
	q.Set("lang", lang)
	return r.URL.EscapedPath() + "?" + q.Encode()
}
