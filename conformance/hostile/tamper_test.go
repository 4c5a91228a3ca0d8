package hostile_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// tampered are pages that something in the browser changed before they were sent.
func tampered() []attempt {
	var list []attempt
	var single, both string // pages that wait: of one request, and of two together
	add := func(name string, status int, code string, try func(t *testing.T, w *world, page string) answer, page *string) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			if *page == "" {
				*page = w.asked(t, w.kim.watcher)
				if page == &both {
					*page = w.askedTogether(t)
				}
				w.settle(t)
			}
			return try(t, w, *page)
		}})
	}
	post := func(body string, more ...string) func(t *testing.T, w *world, page string) answer {
		return func(t *testing.T, w *world, page string) answer {
			return as(t, w.kim.watcher, http.MethodPost, page+"/options", jsonType, body, more...)
		}
	}
	for name, body := range map[string]string{"terms of its own": `{"claims":[],"terms":{"max_uses":9}}`, "a nonce of its own": `{"claims":[],"nonce":"AAAA"}`, "more uses": `{"claims":[],"max_uses":9}`,
		"another grant": `{"claims":[],"grant":"x"}`, "another purpose": `{"claims":[],"purpose":"curiosity"}`, "another language for the notice": `{"claims":[],"lang":"xx"}`} {
		add("it takes no page that brings "+name, 400, "bad_request", post(body), &single)
	}
	for name, body := range map[string]string{"a field for a claim": `{"claims":["vision_left"]}`,
		"a claim of another case": `{"claims":["Checked_On"]}`, "an empty claim": `{"claims":[""]}`, "a claim with a byte that no row can hold": `{"claims":["a\u0000b"]}`} {
		add("it takes no page that ticks "+name, 400, "choice", post(body), &single)
	}
	add("it takes no signature over the terms of another page", 400, "signature", func(t *testing.T, w *world, page string) answer {
		options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)
		other := w.asked(t, w.kim.watcher)
		w.settle(t)
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, other+"/options", `{"claims":[]}`)).body(t)
		return as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, signed)
	}, &single)
	add("it takes no signature with terms beside it", 400, "bad_request", func(t *testing.T, w *world, page string) answer {
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)).body(t)
		return as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, strings.TrimSuffix(signed, "}")+`,"claims":["checked_on"]}`)
	}, &single)
	for name, body := range map[string]string{"part 0": `{"grants":["0"]}`, "part 3 of 2": `{"grants":["1","3"]}`, "a part that is no number": `{"grants":["x"]}`, "a part in another spelling": `{"grants":["01"]}`,
		"a part before the first": `{"grants":["-1"]}`, "no part at all": `{"grants":[]}`, "a claim of a part that is not there": `{"grants":["1"],"claims":["9/checked_on"]}`, "a claim of no part": `{"grants":["1"],"claims":["checked_on"]}`,
		"a claim that was not asked for, of a part": `{"grants":["1"],"claims":["1/remarks"]}`} {
		add("it takes no page of a bundle that ticks "+name, 400, "choice", post(body), &both)
	}
	signedOver := func(first, then string) func(t *testing.T, w *world, page string) answer {
		return func(t *testing.T, w *world, page string) answer {
			signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", first)).body(t)
			options(t, w.kim.watcher, page+"/options", then)
			return as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, signed)
		}
	}
	add("it takes the signature of both not for one", 400, "signature", signedOver(`{"grants":["1","2"]}`, `{"grants":["1"]}`), &both)
	add("it takes the signature of one not for both", 400, "signature", signedOver(`{"grants":["1"]}`, `{"grants":["1","2"]}`), &both)
	add("it takes the signature of one not for the other", 400, "signature", signedOver(`{"grants":["1"]}`, `{"grants":["2"]}`), &both)
	return list
}

// together bends a request object to ask for several things.
func together(n need, all []any) []bend {
	salts := []string{}
	for range all {
		salts = append(salts, consent.Encode(n.salt[:]))
	}
	return []bend{claim("authorization_details", all), claim("mydata_subject", map[string]any{"sub": n.sub, "salts": salts})}
}

// askedTogether is a bundle of two that waits for kim.
func (w *world) askedTogether(t *testing.T) string {
	t.Helper()
	n := w.need(t, w.subject(t, w.kim))
	id, all := text(), []any{}
	for i := range 2 {
		one := n.body
		one.ID, one.RecipientKey = text(), w.need(t, "x").body.RecipientKey
		one.Details = []consent.Detail{n.body.Details[0]}
		one.Details[0].Bundle = &consent.Bundle{ID: id, Index: i, Count: 2}
		all = append(all, map[string]any{"type": consent.TransferType, "request": w.asks.signed(t, consent.RequestJWT, one)})
	}
	object := w.asks.object(t, w, newVerifier(), append(n.object(""), together(n, all)...)...)
	pushed := w.asks.pushed(t, w, object)
	var uri par
	if err := json.Unmarshal([]byte(pushed.body), &uri); err != nil || uri.RequestURI == "" {
		t.Fatalf("%d %s", pushed.status, pushed.body)
	}
	page, err := w.kim.watcher.Open(t.Context(), w.authorizeURL(w.asks.client, uri.RequestURI))
	if err != nil {
		t.Fatal(err)
	}
	return w.hub + page.URL.Path
}
