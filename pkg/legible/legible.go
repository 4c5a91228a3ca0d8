package legible

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'

	// maxStack is how many marks one letter may carry: more than any script
	// needs, too few to reach the next line.
	maxStack = 4
)

// Check says why a text may not be entered; the empty text may. The error names
// the character and never the text.
func Check(text string) error {
	seen, stack := text == "", 0
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return errors.New("it is not UTF-8")
			}
		}
		if refused(r) {
			return fmt.Errorf("it holds %U, which cannot be seen or moves other text", r)
		}
		if stack = stacked(stack, r); stack > maxStack {
			return fmt.Errorf("one letter in it carries more than %d marks", maxStack)
		}
		seen = seen || visible(r)
	}
	if !seen {
		return errors.New("nothing in it can be seen")
	}
	return nil
}

// Clean is for a text that nobody checked and that must be shown all the same:
// refused characters become U+FFFD, marks beyond a stack are left out, and what
// is longer than limit characters is cut and ends in an ellipsis.
func Clean(text string, limit int) string {
	var out strings.Builder
	n, stack, seen := 0, 0, false
	for _, r := range text {
		if n == limit {
			out.WriteRune('…')
			return out.String()
		}
		if stack = stacked(stack, r); stack > maxStack {
			continue
		}
		if refused(r) {
			r = utf8.RuneError
		}
		seen = seen || visible(r)
		out.WriteRune(r)
		n++
	}
	if n > 0 && !seen {
		return string(utf8.RuneError)
	}
	return out.String()
}

func refused(r rune) bool {
	switch {
	case r == nonJoiner, r == joiner:
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
		return true
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)
}

// stacked counts the marks that a letter carries so far.
func stacked(before int, r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return before + 1
	}
	return 0
}

// visible leaves marks on paper by itself.
func visible(r rune) bool {
	return r != nonJoiner && r != joiner && !unicode.In(r, unicode.White_Space, unicode.Variation_Selector)
}
