package sequencer

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

type answering func() *http.Response

func (f answering) RoundTrip(*http.Request) (*http.Response, error) { return f(), nil }

// FuzzWitnessAnswer: whatever a witness answers, its lines are taken only from a
// 200, and a 409 is a size.
func FuzzWitnessAnswer(f *testing.F) {
	f.Add(200, "— w1 AAAA\n")
	f.Add(409, "17\n")
	f.Add(409, "-17\n")
	f.Add(409, "99999999999999999999")
	f.Add(422, "no")
	f.Fuzz(func(t *testing.T, status int, body string) {
		w := &witness{client: &http.Client{Transport: answering(func() *http.Response {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}
		})}}
		w.URL = "http://witness.example"
		lines, err := w.ask(t.Context(), &grown{Tree: Tree{Signed: []byte("x")}}, 0)
		if err == nil && (status != http.StatusOK || len(lines) > len(body)) {
			t.Errorf("%d %q gave %q", status, body, lines)
		}
		var at conflict
		if errors.As(err, &at) && (status != http.StatusConflict || at.size < 0) {
			t.Errorf("%d %q is size %d", status, body, at.size)
		}
	})
}
