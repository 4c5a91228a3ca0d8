package consent

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// interval is the one spelling of a frequency: whole days, hours or minutes of
// ISO 8601, so that terms with the same meaning have the same digest.
var interval = regexp.MustCompile(`^P(?:([1-9][0-9]{0,3})D|T([1-9][0-9]{0,3})([HM]))$`)

// Interval reads a frequency as terms spell it (P30D, PT12H, PT15M): between two
// uses of the grant lies at least that time.
func Interval(frequency string) (time.Duration, error) {
	m := interval.FindStringSubmatch(frequency)
	if m == nil {
		return 0, refuse("frequency", "%q is not days, hours or minutes like P30D, PT12H, PT15M", frequency)
	}
	n, _ := strconv.Atoi(m[1] + m[2])
	unit := 24 * time.Hour
	switch m[3] {
	case "H":
		unit = time.Hour
	case "M":
		unit = time.Minute
	}
	return time.Duration(n) * unit, nil
}

// Every is the frequency of terms in the seconds by which Apply judges; 0 when
// they have none, or one that Narrow would refuse.
func (t Terms) Every() int64 {
	if t.Frequency == "" { // as most
		return 0
	}
	d, err := Interval(t.Frequency)
	if err != nil {
		return 0
	}
	return int64(d / time.Second)
}

// DataRange is the period that records may be from: two dates (2026-01-31), both
// included. Nil or the zero value is no bound.
type DataRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Check refuses what is no period.
func (r DataRange) Check() error {
	from, err1 := time.Parse(time.DateOnly, r.From)
	to, err2 := time.Parse(time.DateOnly, r.To)
	switch {
	case err1 != nil || err2 != nil:
		return refuse("data_range", "from and to are dates like 2026-01-31")
	case to.Before(from):
		return refuse("data_range", "it ends before it begins")
	}
	return nil
}

func sameRange(a, b *DataRange) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// checkRecurring is what a detail may say of repetition, period and company.
func (d Detail) checkRecurring() error {
	if d.Frequency != "" {
		if _, err := Interval(d.Frequency); err != nil {
			return err
		}
		if d.MaxUses < 2 {
			return refuse("frequency", "it is for grants of several uses")
		}
	}
	if d.DataRange != nil {
		if err := d.DataRange.Check(); err != nil {
			return err
		}
	}
	if d.Bundle != nil {
		if d.Supersedes != "" {
			return refuse("bundle", "a new version is asked for alone")
		}
		return d.Bundle.check()
	}
	return nil
}

// Often says in words how often a grant may be used.
func Often(lang string, maxUses int, frequency string) string {
	text := times(lang, maxUses)
	m := interval.FindStringSubmatch(frequency)
	if m == nil {
		return text
	}
	n, unit := m[1]+m[2], m[3]
	if lang == "ko" {
		return fmt.Sprintf("%s, %s%s에 한 번까지", text, n, map[string]string{"": "일", "H": "시간", "M": "분"}[unit])
	}
	word := map[string]string{"": "day", "H": "hour", "M": "minute"}[unit]
	if n != "1" {
		word = n + " " + word + "s"
	}
	return text + ", once per " + word + " at most"
}
