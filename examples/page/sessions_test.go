package page

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSessions(t *testing.T) {
	s := NewSessions[string](site())
	ask := func(cookies ...*http.Cookie) *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return r
	}
	put := func(r *http.Request, value string) *http.Cookie {
		w := httptest.NewRecorder()
		s.Put(w, r, value)
		return w.Result().Cookies()[0]
	}
	first := put(ask(&http.Cookie{Name: "mydata_test", Value: "prepared"}), "a")
	if first.Value == "prepared" || s.Get(ask(first)) != "a" {
		t.Error("it keeps a value under an id of its own")
	}
	second := put(ask(first), "b")
	if s.Get(ask(first)) != "" || s.Get(ask(second)) != "b" {
		t.Error("it forgets the old id")
	}
	s.End(httptest.NewRecorder(), ask(second))
	if s.Get(ask(second)) != "" || s.Get(ask()) != "" {
		t.Error("it ends")
	}
}
