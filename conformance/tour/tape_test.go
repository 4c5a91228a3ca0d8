package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"testing"
)

func TestHolds(t *testing.T) {
	const marker = "MARKER-7f3a-do-not-leave"
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	for _, c := range []struct {
		name, body string
		want       bool
	}{
		{"it finds plain text", "a " + marker + " b", true},
		{"it finds hex", hex.EncodeToString([]byte("x" + marker)), true},
		{"it finds a query", url.QueryEscape("a=&" + marker), true},
		{"it misses nothing that is not there", "MARKER-7f3a-do-not", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := holds([]byte(c.body), marker); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	for shift := range 6 {
		inner := fmt.Sprintf("%.*s%s and more", shift, "[,\"{:?", marker)
		t.Run(fmt.Sprintf("it finds base64, begun %d bytes before", shift), func(t *testing.T) {
			for _, body := range []string{std.EncodeToString([]byte(inner)), raw.EncodeToString([]byte(inner)), raw.EncodeToString([]byte("ey" + raw.EncodeToString([]byte(inner)) + ".x"))} {
				if !holds([]byte(body), marker) {
					t.Errorf("missed in %s", body)
				}
			}
		})
	}
}
