package jcs

import (
	"encoding/binary"
	"testing"
)

// Eight bytes at once are ordinary when each is.
func TestEight(t *testing.T) {
	for at := range 8 {
		for c := range 256 {
			text := []byte("abcdefgh")
			text[at] = byte(c)
			if got := eight(binary.LittleEndian.Uint64(text)); got != ordinary[c] {
				t.Errorf("%#x at %d: %v", c, at, got)
			}
		}
	}
}
