package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
)

// NewLogger makes the logger of a program. level is "debug", "info", "warn" or "error";
// format is "json", "text", or "auto": text when w is a terminal and JSON elsewhere. Other
// values count as "info" and "auto". With an *Output, logging never waits for the reader of
// the log.
//
// As a second safeguard, an attribute whose key names a secret is replaced by dots. Callers
// must not log secrets all the same.
func NewLogger(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		least = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: replace}
	handler := func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	out, isOutput := w.(*Output)
	if format == "text" || format != "json" && isOutput && out.terminal {
		handler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	}
	if isOutput {
		out.setNotice(func(lines uint64) []byte {
			var line bytes.Buffer
			slog.New(handler(&line)).LogAttrs(context.Background(), slog.LevelWarn, "Log lines dropped", slog.Uint64("lines", lines))
			return line.Bytes()
		})
	}
	return slog.New(handler(w))
}

// SetDefault makes log print, as warnings, the lines of the standard loggers that libraries
// use.
func SetDefault(log *slog.Logger) {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	slog.SetDefault(log)
}

// hidden are the keys that no log line may carry: secrets, and what users say.
var hidden = map[string]bool{
	"token": true, "session_token": true, "secret": true, "secret_key": true, "secret_access_key": true,
	"authorization": true, "signature": true, "password": true, "content": true, "attributes": true, "payload": true,
}

// replace hides what must not be logged, and has durations carry their unit, as
// in 1.5s: the JSON of log/slog has nanoseconds without one.
func replace(_ []string, a slog.Attr) slog.Attr {
	switch {
	case hidden[strings.ToLower(a.Key)]:
		a.Value = slog.StringValue("••••••••")
	case a.Value.Kind() == slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
