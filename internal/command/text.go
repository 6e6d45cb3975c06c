package command

import (
	"io"
	"os"
	"strings"
	"time"

	"confab/internal/chat"
)

// Examples joins the lines of an example as the help has them.
func Examples(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }

// Optional is the value of a member that is absent if s is empty.
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// largestFile is the size of the largest file that a person wrote.
const largestFile = 4 << 20

// ReadFile reads the file that a flag names, of at most 4 MiB; - is standard input.
func ReadFile(in io.Reader, flag, name string) ([]byte, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, Usagef("%s: %v", flag, err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, largestFile+1))
	if err != nil {
		return nil, Usagef("%s %q: %v", flag, name, err)
	}
	if len(text) > largestFile {
		return nil, Usagef("%s %q: larger than %d MiB", flag, name, largestFile>>20)
	}
	return text, nil
}

// TimeFlag reads a time: how long ago, or an ISO 8601 time.
func TimeFlag(name, s string) (*string, error) {
	if s == "" {
		return nil, nil
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return new(chat.FormatTime(time.Now().Add(-ago))), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return new(chat.FormatTime(t)), nil
		}
	}
	return nil, Usagef("%s %q: must be a duration such as 15m, or a time such as 2026-01-31T12:00:00Z", name, s)
}
