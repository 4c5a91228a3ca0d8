package legible_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/govmydata/mydata/pkg/legible"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"it takes nothing", "", true},
		{"it takes Hangul", "홍길동", true},
		{"it takes conjoining jamo", "\u1112\u1169\u11bc", true},
		{"it takes private-use Hanja", "金\ue0a1", true},
		{"it takes Hebrew and Arabic letters", "דוד محمد", true},
		{"it takes what looks like markup", `<script>alert("1")</script> & 'x'`, true},
		{"it takes emoji of four bytes, joined and coloured", "👩\u200d⚖\ufe0f", true},
		{"it takes a non-joiner, which Persian needs", "می\u200cخواهم", true},
		{"it takes the replacement character, which is one", "\ufffd", true},
		{"it takes spaces between words", "서울시\u00a0\u3000보기구", true},
		{"it refuses NUL", "a\x00b", false},
		{"it refuses a line feed", "a\nb", false},
		{"it refuses a tab", "a\tb", false},
		{"it refuses DEL", "a\x7fb", false},
		{"it refuses a C1 control", "a\u0085b", false},
		{"it refuses a line separator", "a\u2028b", false},
		{"it refuses a paragraph separator", "a\u2029b", false},
		{"it refuses a right-to-left override", "a\u202eb", false},
		{"it refuses an embedding", "a\u202bb", false},
		{"it refuses an isolate", "a\u2067b", false},
		{"it refuses the end of an isolate", "a\u2069b", false},
		{"it refuses a right-to-left mark", "a\u200fb", false},
		{"it refuses an Arabic letter mark", "a\u061cb", false},
		{"it refuses a zero-width space", "a\u200bb", false},
		{"it refuses a byte order mark", "a\ufeffb", false},
		{"it refuses a soft hyphen", "a\u00adb", false},
		{"it refuses a Hangul filler", "\u3164", false},
		{"it refuses a halfwidth Hangul filler", "가\uffa0", false},
		{"it refuses tag characters", "a\U000e0041", false},
		{"it refuses a noncharacter", "a\ufdd0", false},
		{"it refuses what is not UTF-8", "a\xff", false},
		{"it refuses a surrogate", "a\xed\xa0\x80", false},
		{"it takes a letter with the marks that a script needs", "שָּׁ", true},
		{"it refuses a tower of marks", "Z" + strings.Repeat("\u0301", 5), false},
		{"it refuses a text of joiners alone", "\u200d\u200c", false},
		{"it refuses a text of spaces alone", " \u3000", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := legible.Check(c.text)
			if (err == nil) != c.ok {
				t.Errorf("%+q: %v", c.text, err)
			}
			if err != nil && strings.ContainsAny(err.Error(), "ab가") && strings.Contains(err.Error(), c.text) {
				t.Errorf("the error quotes the text: %v", err)
			}
		})
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
	}{
		{"it leaves a good text alone", "홍길동 👩\u200d⚖\ufe0f", "홍길동 👩\u200d⚖\ufe0f"},
		{"it shows where something was", "a\u202eb\x00", "a\ufffdb\ufffd"},
		{"it shows a text that cannot be seen", "\u200d ", "\ufffd"},
		{"it shows bytes that are not UTF-8", "a\xff", "a\ufffd"},
		{"it cuts what is too long, by characters", strings.Repeat("가", 21), strings.Repeat("가", 20) + "…"},
		{"it leaves what just fits", strings.Repeat("가", 20), strings.Repeat("가", 20)},
		{"it takes a tower of marks down", "Z" + strings.Repeat("\u0301", 12) + "a", "Z" + strings.Repeat("\u0301", 4) + "a"},
		{"it makes nothing of nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := legible.Clean(c.in, 20); got != c.want {
				t.Errorf("%+q, want %+q", got, c.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\u202eb\u3164", 3)
	f.Add("\xff\u200d", 1)
	f.Add("Z\u0301\u202e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301", 9)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(1, min(limit, 1000))
		out := legible.Clean(text, limit)
		if err := legible.Check(out); err != nil {
			t.Errorf("%+q of %+q: %v", out, text, err)
		}
		if utf8.RuneCountInString(out) > limit+1 {
			t.Errorf("%d characters, limit %d", utf8.RuneCountInString(out), limit)
		}
	})
}

func TestDay(t *testing.T) {
	for _, c := range []struct{ name, lang, text, want string }{
		{"it says a day in Korean", "ko", "1984-03-12", "1984년 3월 12일"},
		{"it says a day in English", "en", "1984-03-12", "12 March 1984"},
		{"it leaves a day that there is not", "ko", "1984-02-30", "1984-02-30"},
		{"it leaves what is longer than a day", "ko", "1984-03-12T00:00:00Z", "1984-03-12T00:00:00Z"},
		{"it leaves a name", "en", "홍길동", "홍길동"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := legible.Day(c.lang, c.text); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}
