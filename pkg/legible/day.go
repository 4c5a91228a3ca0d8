package legible

import "time"

// Day says a full-date (RFC 3339, 5.6) as people write one in that language, "ko" or
// else English, and leaves any other text as it is.
func Day(lang, text string) string {
	day, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return text
	case lang == "ko":
		return day.Format("2006년 1월 2일")
	}
	return day.Format("2 January 2006")
}
