package oauth

import (
	"testing"

	"github.com/govmydata/mydata/internal/keys"
)

// fuzzServer has keys, and no store: what gets as far as a store is a finding.
func fuzzServer(t testing.TB) *Server {
	t.Helper()
	dir := t.TempDir()
	if err := keys.Generate(dir, keys.Options{Issuer: "https://hub", LogOrigin: "test"}); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Config: Config{Issuer: "https://hub", Keys: ring}}
}

func TestDescription(t *testing.T) {
	t.Run("it keeps a description within RFC 6749, 5.2", func(t *testing.T) {
		if got := ascii("a\"b\\c\n한"); got != "a'b'c''" {
			t.Errorf("%q", got)
		}
	})
}

func TestNew(t *testing.T) {
	s := fuzzServer(t)
	for name, c := range map[string]Config{
		"it refuses to go without its parts": {Issuer: "https://hub", Keys: s.Keys},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c); err == nil {
				t.Error("made")
			}
		})
	}
}
