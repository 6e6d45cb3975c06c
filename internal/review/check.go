package review

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"confab/internal/chat"
)

// checkTimeout bounds the check of a handler, because an API call waits for it.
const checkTimeout = 3 * time.Second

// CheckHandler reports whether a handler may be associated with a room. A handler that
// certainly cannot be invoked is refused, as in the service. If AWS does not answer,
// the handler is accepted, and the log has a line about it.
func (r *Reviewer) CheckHandler(ctx context.Context, uri string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	rule := r.find(uri)
	err := rule.handler.check(ctx, uri)
	if err == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("handler", uri), slog.String("rule", rule.pattern), slog.Any("error", err)}
	if errors.Is(err, errRefused) {
		r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Message review handler refused, because it cannot be invoked", attrs...)
		// The wording is the service's. The exact reason is for the operator.
		return chat.InvalidField("uri", "invalid lambda permission")
	}
	r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Message review handler accepted, but not checked", attrs...)
	return nil
}
