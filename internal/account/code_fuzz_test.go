package account

import (
	"strings"
	"testing"
)

// FuzzCode: what was typed is one code, in one spelling, or none.
func FuzzCode(f *testing.F) {
	f.Add("abcd-efgh-jkmn")
	f.Add("ABCD EFGH\tJKMN")
	f.Add("ａｂｃｄefghjkmn")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, typed string) {
		code := canonicalCode(typed)
		if code != "" && (len(code) != codeLength || strings.Trim(code, codeAlphabet) != "" || canonicalCode(code) != code) {
			t.Errorf("%q is read as %q", typed, code)
		}
	})
}
