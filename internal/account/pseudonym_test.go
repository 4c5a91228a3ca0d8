package account

import (
	"bytes"
	"strings"
	"testing"
)

func TestTaggedTellsPartsApart(t *testing.T) {
	zeros := strings.Repeat("\x00", 8)
	base := tagged([]byte("k"), "w", "a", "b")
	for name, other := range map[string][]byte{
		"another key":   tagged([]byte("l"), "w", "a", "b"),
		"another tag":   tagged([]byte("k"), "x", "a", "b"),
		"one part":      tagged([]byte("k"), "w", "a"+zeros+"b"),
		"another split": tagged([]byte("k"), "w", "ab", ""),
	} {
		if bytes.Equal(base, other) {
			t.Errorf("%s gives the same", name)
		}
	}
}
