package sdktest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// twice sends a request to both at once and answers what the first that said
// yes said.
type twice struct{ a, b http.Handler }

func (d twice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var answers [2]*httptest.ResponseRecorder
	var wg sync.WaitGroup
	for i, h := range []http.Handler{d.a, d.b} {
		answers[i] = httptest.NewRecorder()
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(text))
		wg.Go(func() { h.ServeHTTP(answers[i], again) })
	}
	wg.Wait()
	say := answers[0]
	if say.Code != http.StatusOK {
		say = answers[1]
	}
	for name, values := range say.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(say.Code)
	_, _ = w.Write(say.Body.Bytes())
}
