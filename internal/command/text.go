package command

import (
	"io"
	"strings"
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
