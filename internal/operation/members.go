package operation

import "time"

// IsSet reports whether a member is present and true.
func IsSet(b *bool) bool { return b != nil && *b }

// String returns the value of a member, "" if it is absent.
func String(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Time returns the time of a member, whose rule has checked its form. It is the zero time
// if the member is absent. Earlier times than 1970 and later ones than 2200 become these
// bounds, because the database has nanoseconds in 64 bits.
func Time(s *string) time.Time {
	if s == nil {
		return time.Time{}
	}
	t, _ := time.Parse(time.RFC3339Nano, *s)
	if earliest := time.Unix(0, 0); t.Before(earliest) {
		return earliest
	}
	if latest := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC); t.After(latest) {
		return latest
	}
	return t
}

// Seconds returns the duration of a member in seconds, 0 if it is absent.
func Seconds(seconds *int64) time.Duration {
	if seconds == nil {
		return 0
	}
	return time.Duration(*seconds) * time.Second
}

// NotEmpty returns s as a member that is left out of the answer if s is empty.
func NotEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// OrEmpty returns m, or an empty map for nil, so that the answer has the member.
func OrEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
