package web

import "testing"

func TestCountry(t *testing.T) {
	for _, c := range []struct{ name, lang, code, want string }{
		{"it says Korea in Korean", "ko", "KR", "대한민국"},
		{"it says Korea in English", "en", "KR", "South Korea"},
		{"it keeps what names no country", "ko", "K?", "K?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Country(c.lang, c.code); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}
