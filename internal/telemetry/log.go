package telemetry

import (
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"
)

// NewLogger makes the logger of a program. level is "debug", "info", "warn" or
// "error"; format is "json", "text", or "auto": text when w is a terminal and
// JSON elsewhere. Values of other names count as "info" and "auto".
//
// Attributes whose key names something that must not be logged are replaced by
// dots. That is a net under the rule, not a licence to break it.
func NewLogger(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		least = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: hide}
	if format == "text" || format != "json" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// hidden are the keys that no log line may carry: secrets, and what users say.
var hidden = map[string]bool{
	"token": true, "session_token": true, "secret": true, "secret_key": true, "secret_access_key": true,
	"authorization": true, "signature": true, "password": true, "content": true, "attributes": true, "payload": true,
}

func hide(_ []string, a slog.Attr) slog.Attr {
	if hidden[strings.ToLower(a.Key)] {
		a.Value = slog.StringValue("••••••••")
	}
	return a
}
