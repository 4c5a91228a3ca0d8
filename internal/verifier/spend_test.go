package verifier

import (
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"time"
	"weak"

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

// A request that made room for another is let go of at once, not when its time is over.
func TestDroppedIsFreed(t *testing.T) {
	now := time.Now()
	s := newSessions(func() time.Time { return now })
	old := make([]weak.Pointer[session], maxSessions)
	for i := range old {
		n := &session{id: token(), status: Pending, until: now.Add(time.Minute)}
		if old[i] = weak.Make(n); s.add(n) != nil {
			t.Fatal("no room")
		}
	}
	if err := s.add(&session{id: token(), until: now.Add(time.Minute)}); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	now = now.Add(time.Minute)
	if err := s.add(&session{id: token(), until: now.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	held := 0
	for _, p := range old {
		if p.Value() != nil {
			held++
		}
	}
	if held > 1 { // the last may still lie on the stack
		t.Errorf("%d of %d are still held", held, len(old))
	}
	runtime.KeepAlive(s)
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
