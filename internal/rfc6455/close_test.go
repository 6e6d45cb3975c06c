package rfc6455

import (
	"strings"
	"testing"
)

func TestCloseReason(t *testing.T) {
	for _, c := range []struct {
		code   uint16
		reason string
		want   string
	}{
		{1000, "", "\x88\x02\x03\xe8"},
		{1000, "bye", "\x88\x05\x03\xe8bye"},
		{1000, strings.Repeat("x", 123), "\x88\x7d\x03\xe8" + strings.Repeat("x", 123)},
		{1000, strings.Repeat("x", 124), "\x88\x7d\x03\xe8" + strings.Repeat("x", 123)},
		{1000, strings.Repeat("é", 62), "\x88\x7c\x03\xe8" + strings.Repeat("é", 61)},
		{1000, "\xff", "\x88\x02\x03\xe8"},
		{1005, "no status", "\x88\x00"},
		{1006, "", "\x88\x00"},
		{0, "", "\x88\x00"},
	} {
		if got := string(CloseFrame(c.code, c.reason)); got != c.want {
			t.Errorf("CloseFrame(%d, %q) = %q, want %q", c.code, c.reason, got, c.want)
		}
	}
}
