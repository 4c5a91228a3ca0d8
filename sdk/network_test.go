package sdk

import (
	"strings"
	"testing"
)

func TestWhole(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		said int64
	}{
		{"it reads as much as was said", "abc", 3},
		{"it reads what nothing was said of", strings.Repeat("abc", 1000), -1},
		{"it reads more than was said", strings.Repeat("abc", 1000), 5},
		{"it reads less than was said", "abc", 1 << 40},
		{"it reads nothing", "", 0},
	} {
		got, err := whole(strings.NewReader(tt.text), tt.said)
		if err != nil || string(got) != tt.text || cap(got) > 100<<10 {
			t.Errorf("%s: %d bytes in room for %d, %v", tt.name, len(got), cap(got), err)
		}
	}
}
