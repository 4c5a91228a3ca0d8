package jcs

import "testing"

// It stops where a byte does not stand as it is, however it lies in its eight, and
// tells of more than ASCII before that.
func TestRun(t *testing.T) {
	for at := range 19 {
		for c := range 256 {
			for after := range 3 {
				text := []byte("abcdefghijklmnopqrs")
				text[at] = byte(c)
				if after > 0 && at+after < len(text) {
					text[at+after] = "\x80\x1f"[after-1]
				}
				wantEnd, wantWide := 0, false
				for ; wantEnd < len(text) && (ordinary[text[wantEnd]] || text[wantEnd] >= 0x80); wantEnd++ {
					wantWide = wantWide || text[wantEnd] >= 0x80
				}
				if end, wide := run(text, 0); end != wantEnd || wide != wantWide {
					t.Errorf("%q: %d %v, not %d %v", text, end, wide, wantEnd, wantWide)
				}
			}
		}
	}
}
