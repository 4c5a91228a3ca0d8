package consent

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// korea is the zone of the times in a notice: fixed, so that a notice renders
// the same wherever it is checked.
var korea = time.FixedZone("KST", 9*60*60)

// words are the fixed parts of a notice, by language.
type words struct {
	title, asks, gives, what, derived, released, optional, reads, why, uses string
	time, keeps, basis, consent, withdraw, after, period, together          string
	stamp                                                                   string
}

var notices = map[string]words{
	"en": {
		title: "Permission to pass on your information", asks: "Who asks", gives: "Who gives",
		what: "What is passed on", derived: "worked out by the giver; the values it is worked out from stay there",
		released: "the values themselves", optional: "optional, agreed to", reads: "What the giver reads for it",
		why: "What for", period: "From which period", together: "Asked for together with others", uses: "How often", time: "From when to when", keeps: "How long the receiver keeps it, and where",
		basis: "Legal basis", consent: "your consent", withdraw: "How to withdraw",
		after: "at any time; from then on nothing more is passed on", stamp: "2006-01-02 15:04 MST",
	},
	"ko": {
		title: "내 정보 제공 동의", asks: "요청하는 기관", gives: "제공하는 기관",
		what: "제공되는 항목", derived: "제공 기관이 판정한 결과이며, 판정에 쓰인 값은 제공되지 않습니다",
		released: "값 그대로 제공됩니다", optional: "선택 항목, 동의함", reads: "판정을 위해 제공 기관이 확인하는 항목",
		why: "이용 목적", period: "정보의 기간", together: "함께 요청된 동의", uses: "제공 횟수", time: "유효 기간", keeps: "받는 기관의 보관 기간과 보관 국가",
		basis: "법적 근거", consent: "본인의 동의", withdraw: "동의 철회 방법",
		after: "언제든지 철회할 수 있으며, 철회한 뒤에는 더 이상 제공되지 않습니다", stamp: "2006-01-02 15:04 MST",
	},
}

// Notice renders the terms, less their notice member, as the plain text that
// the citizen is shown. It is deterministic: one fact a line, UTF-8, LF.
func Notice(t Terms) ([]byte, error) {
	w, ok := notices[t.Notice.Lang]
	if !ok {
		return nil, refuse("language", "%q", t.Notice.Lang)
	}
	if len(t.Recipient) != 1 {
		return nil, refuse("recipient", "%d recipients", len(t.Recipient))
	}
	text := make([]byte, 0, 1<<10)
	line := func(label, format string, args ...any) {
		text = append(fmt.Appendf(append(append(text, label...), ": "...), format, args...), '\n')
	}
	text = append(append(text, w.title...), '\n')
	line(w.asks, "%s (%s)", t.Recipient[0].Name, t.Recipient[0].Contact)
	line(w.gives, "%s (%s)", t.Provider.Name, t.Provider.Contact)
	how := w.released
	if t.Action == ActionDerive {
		how = w.derived
	}
	line(w.what, "%s (%s)", t.DataSet.Title, how)
	for _, c := range t.Claims {
		text = append(append(text, "- "...), c.Label...)
		if c.Optional {
			text = fmt.Appendf(text, " (%s)", w.optional)
		}
		text = append(text, '\n')
	}
	if t.Action == ActionDerive {
		line(w.reads, "%s", labels(t.Fields))
	}
	line(w.why, "%s", t.Purpose.Text)
	if t.DataRange != nil {
		line(w.period, "%s – %s", t.DataRange.From, t.DataRange.To)
	}
	line(w.uses, "%s", Often(t.Notice.Lang, t.MaxUses, t.Frequency))
	line(w.time, "%s – %s", stamp(t.Validity.NotBefore, w), stamp(t.Validity.Expires, w))
	line(w.keeps, "%s, %s", Retained(t.Notice.Lang, t.Retention), place(t))
	if b := t.Bundle; b != nil {
		line(w.together, "%d/%d", b.Index+1, b.Count)
	}
	line(w.basis, "%s", w.consent)
	line(w.withdraw, "%s (%s)", t.Withdrawal.URI, w.after)
	return text, nil
}

func labels(fields []Field) string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Label
	}
	return strings.Join(all, ", ")
}

func stamp(seconds int64, w words) string {
	return time.Unix(seconds, 0).In(korea).Format(w.stamp)
}

func place(t Terms) string {
	if t.Storage == t.Jurisdiction {
		return t.Storage
	}
	return t.Storage + " (" + t.Jurisdiction + ")"
}

func times(lang string, n int) string {
	switch {
	case lang == "ko":
		return fmt.Sprintf("최대 %d회", n)
	case n == 1:
		return "once"
	}
	return fmt.Sprintf("at most %d times", n)
}

// Retained says P30D in words; terms carry days alone.
func Retained(lang, period string) string {
	n := strings.TrimSuffix(strings.TrimPrefix(period, "P"), "D")
	switch {
	case lang == "ko":
		return n + "일"
	case n == "1":
		return "1 day"
	}
	return n + " days"
}

// withNotice fills in the notice member, last of all.
func withNotice(t Terms) (Terms, error) {
	text, err := Notice(t)
	if err != nil {
		return t, err
	}
	sum := sha256.Sum256(text)
	t.Notice.SHA256 = Encode(sum[:])
	return t, nil
}

// CheckNotice recomputes the notice and compares its digest.
func CheckNotice(t Terms) error {
	again, err := withNotice(t)
	if err != nil {
		return err
	}
	if again.Notice.SHA256 != t.Notice.SHA256 {
		return refuse("notice", "its digest is not that of the terms' rendering")
	}
	return nil
}
