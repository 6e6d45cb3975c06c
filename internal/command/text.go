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

// ReadAll reads a file of at most largest bytes. what names it in errors.
func ReadAll(in io.Reader, largest int64, what string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, largest+1))
	if err == nil && int64(len(text)) > largest {
		err = Usagef("%s: larger than %d MiB", what, largest>>20)
	}
	return text, err
}

// ReadFile reads a file that a person wrote: of at most 4 MiB.
func ReadFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadAll(file, LargestFile, name)
}

// LargestFile is the size of the largest file that a person wrote.
const LargestFile = 4 << 20

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
