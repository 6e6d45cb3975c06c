package review

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"confab/internal/chat"
)

// checkTimeout bounds the check of a handler: an API call waits for it.
const checkTimeout = 3 * time.Second

// CheckHandler says whether a handler may be associated with a room. One that
// certainly cannot be invoked is refused as the service does; one of which
// nobody knows, because AWS does not answer, is accepted, and the log says so.
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
		r.o.Log.LogAttrs(ctx, slog.LevelWarn, "A message review handler was refused, because it cannot be invoked", attrs...)
		// The service's own words; what exactly is wrong is for the operator.
		return chat.InvalidField("uri", "invalid lambda permission")
	}
	r.o.Log.LogAttrs(ctx, slog.LevelWarn, "A message review handler was accepted, but could not be checked", attrs...)
	return nil
}
