package verifier

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// Two wallets that both found the request open meet only here: whoever comes
// second must change nothing. From outside that is a race that seldom happens.
func TestTakeOnce(t *testing.T) {
	s := &Server{Config: Config{Logger: slog.New(slog.DiscardHandler)}, sessions: newSessions(time.Now)}
	a := ask{handle: "h"}
	if err := s.sessions.add(&session{id: "i", asks: []ask{a}, status: Pending, until: time.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.take(t.Context(), a, openid4vp.Response{Error: "first"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.take(t.Context(), a, openid4vp.Response{Error: "second"}); !errors.Is(err, errSpent) {
		t.Fatalf("taken twice: %v", err)
	}
	if r, _, err := s.sessions.result("i"); err != nil || r.Error != "first" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := s.take(t.Context(), ask{handle: "other"}, openid4vp.Response{Error: "x"}); !errors.Is(err, errUnknown) {
		t.Fatal(err)
	}
}

func TestBoundedCode(t *testing.T) {
	for _, c := range []struct{ name, code, want string }{
		{"it keeps a code", "access_denied", "access_denied"},
		{"it shortens a long one", string(make([]byte, 100)), ""},
		{"it escapes what is not printable", "a\nb\u202e", `a\nb\u202e`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := bounded(c.code)
			if c.want != "" && got != c.want || len(got) > 64*4 {
				t.Fatal(got)
			}
		})
	}
}
