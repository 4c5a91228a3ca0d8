package main

import (
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/legible"
)

var matcher = language.NewMatcher([]language.Tag{language.Korean, language.English})

// texts are the page's sentences by language and name.
type texts map[string]map[string]string

// loadTexts panics on a file that is broken or lacks a sentence of the other:
// a page with holes must not start.
func loadTexts(fsys fs.FS) texts {
	t := texts{}
	for _, lang := range []string{"ko", "en"} {
		body, err := fs.ReadFile(fsys, "locale/"+lang+".json")
		if err != nil {
			panic(err)
		}
		t[lang] = map[string]string{}
		into := t[lang]
		if err := json.Unmarshal(body, &into); err != nil {
			panic(err)
		}
	}
	for id := range t["ko"] {
		if t["en"][id] == "" {
			panic("no English for " + id)
		}
	}
	for id := range t["en"] {
		if t["ko"][id] == "" {
			panic("no Korean for " + id)
		}
	}
	return t
}

// lang is the reader's choice by ?lang= or cookie, else the browser's.
func lang(w http.ResponseWriter, r *http.Request) string {
	if chosen := r.URL.Query().Get("lang"); chosen == "ko" || chosen == "en" {
		//nolint:gosec // G124: the demo wallet is reached by plain http on loop-back.
		http.SetCookie(w, &http.Cookie{Name: "mydata_wallet_lang", Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		return chosen
	}
	if c, err := r.Cookie("mydata_wallet_lang"); err == nil && (c.Value == "ko" || c.Value == "en") {
		return c.Value
	}
	tag, _ := language.MatchStrings(matcher, r.Header.Get("Accept-Language"))
	if base, _ := tag.Base(); base.String() == "en" {
		return "en"
	}
	return "ko"
}

// display picks the reader's language of names in metadata, which is a
// stranger's.
func display(names []openid4vci.Display, lang string) string {
	const maxName = 120
	for _, n := range names {
		if n.Locale == lang || strings.HasPrefix(n.Locale, lang+"-") {
			return legible.Clean(n.Name, maxName)
		}
	}
	if len(names) > 0 {
		return legible.Clean(names[0].Name, maxName)
	}
	return ""
}

// day is a date and time of Korea.
func day(t time.Time, lang string) string {
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		zone = time.FixedZone("KST", 9*60*60)
	}
	if lang == "ko" {
		return t.In(zone).Format("2006년 1월 2일 15:04")
	}
	return t.In(zone).Format("2 January 2006, 15:04 Korean time")
}

// in marks an element whose text is Korean on an English page, for the voices that
// read it.
func in(lang, text string) template.HTMLAttr {
	if lang == "ko" || !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) {
		return ""
	}
	return ` lang="ko"`
}
