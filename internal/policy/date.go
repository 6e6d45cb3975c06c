package policy

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// dateShapes are the date formats of W3C's note "Date and Time Formats", the profile
// of ISO 8601 that IAM reads. 0 is a digit, and f is a fraction of one digit or more.
// Formats without a zone, which are not in the note, are in UTC.
var dateShapes = map[string]string{
	"0000":                        "2006",
	"0000-00":                     "2006-01",
	"0000-00-00":                  time.DateOnly,
	"0000-00-00T00:00Z":           "2006-01-02T15:04Z07:00",
	"0000-00-00T00:00+00:00":      "2006-01-02T15:04Z07:00",
	"0000-00-00T00:00:00Z":        time.RFC3339,
	"0000-00-00T00:00:00+00:00":   time.RFC3339,
	"0000-00-00T00:00:00.fZ":      time.RFC3339,
	"0000-00-00T00:00:00.f+00:00": time.RFC3339,
	"0000-00-00T00:00":            "2006-01-02T15:04",
	"0000-00-00T00:00:00":         "2006-01-02T15:04:05",
	"0000-00-00T00:00:00.f":       "2006-01-02T15:04:05",
}

// maxFraction is the greatest number of digits in a fraction of a second.
const maxFraction = 9

// readDate reads a date in one of the formats above, or seconds since 1970, which IAM
// also accepts. Four digits are a year, as in the note: as seconds they would be in
// the first three hours of 1970.
func readDate(s string) (time.Time, error) {
	if layout, ok := dateShapes[shapeOf(s)]; ok {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	} else if only(s, "0123456789") && len(s) <= 12 {
		seconds, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(seconds, 0), err
	}
	return time.Time{}, errors.New("this is no date; allowed are dates of ISO 8601, such as 2026, 2026-01, 2026-01-31, 2026-01-31T12:00Z or 2026-01-31T12:00:00+01:00, and seconds since 1970")
}

// shapeOf returns the format of a date, in the notation of dateShapes.
func shapeOf(s string) string {
	const longest = len("0000-00-00T00:00:00.") + maxFraction + len("+00:00")
	if len(s) > longest {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			b.WriteByte('0')
		case c == '-' && i > len("0000-00-00"):
			b.WriteByte('+') // Either sign of a zone.
		case c == '.':
			digits := len(s[i+1:]) - len(strings.TrimLeft(s[i+1:], "0123456789"))
			if digits == 0 || digits > maxFraction {
				return ""
			}
			b.WriteString(".f")
			i += digits
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
