package telemetry

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNewLogger(t *testing.T) {
	t.Run("JSON unless a terminal reads", func(t *testing.T) {
		var b strings.Builder
		NewLogger(&b, "auto", "info").InfoContext(t.Context(), "Started", slog.Int("port", 1))
		if !strings.HasPrefix(b.String(), `{"time":`) || !strings.Contains(b.String(), `"port":1`) {
			t.Error(b.String())
		}
	})
	t.Run("text when asked", func(t *testing.T) {
		var b strings.Builder
		NewLogger(&b, "text", "info").InfoContext(t.Context(), "Started", slog.Int("port", 1))
		if !strings.Contains(b.String(), "msg=Started port=1") {
			t.Error(b.String())
		}
	})
	t.Run("lines below the level are left out", func(t *testing.T) {
		var b strings.Builder
		log := NewLogger(&b, "json", "warn")
		log.InfoContext(t.Context(), "Low")
		log.WarnContext(t.Context(), "High")
		if strings.Contains(b.String(), "Low") || !strings.Contains(b.String(), "High") {
			t.Error(b.String())
		}
	})
	t.Run("secrets become dots", func(t *testing.T) {
		var b strings.Builder
		log := NewLogger(&b, "json", "info")
		for key := range hidden {
			log.InfoContext(t.Context(), "X", slog.String(key, "precious"), slog.Group("g", slog.String(key, "precious")), slog.String("id", "shown"))
		}
		if strings.Contains(b.String(), "precious") || !strings.Contains(b.String(), "shown") {
			t.Error(b.String())
		}
	})
	t.Run("durations carry their unit", func(t *testing.T) {
		for _, format := range []string{"json", "text"} {
			var b strings.Builder
			NewLogger(&b, format, "info").InfoContext(t.Context(), "X", slog.Group("g", slog.Duration("pause", 90*time.Second)), slog.Any("took", 1500*time.Microsecond))
			if !strings.Contains(b.String(), "1m30s") || !strings.Contains(b.String(), "1.5ms") {
				t.Error(b.String())
			}
		}
	})
}
