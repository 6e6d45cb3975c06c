package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"confab/internal/chat"
)

// Result is what became of one review: the label "result" of the metrics and
// of log lines.
type Result string

// The results. After the last five the room's fallback result decides.
const (
	Allowed       Result = "allowed"        // delivered as sent
	Changed       Result = "changed"        // delivered with other content or attributes
	Denied        Result = "denied"         // delivered to nobody
	Invalid       Result = "invalid"        // the answer breaks the rules
	FunctionError Result = "function_error" // the handler ran, and said that it failed
	NotInvoked    Result = "not_invoked"    // missing, not permitted, not reachable, an error status
	TimedOut      Result = "timed_out"      // no answer within the time limit
	Overloaded    Result = "overloaded"     // the handler reviews as many messages as it may
)

// Why there is no answer. Errors of handlers wrap the first three.
var (
	errInvalid       = errors.New("the answer is not valid")
	errFunctionError = errors.New("the function failed")
	errRefused       = errors.New("the handler cannot be invoked")
	errTimeout       = errors.New("no answer within the time limit")
	errOverload      = errors.New("too many messages wait for the handler")
)

// invalid says what is wrong with an answer. It never repeats any of it: that
// may be what a user wrote.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errInvalid}, args...)...)
}

// errTooLong is an answer of more than maxAnswer bytes.
var errTooLong = invalid("it has more than %d KiB", maxAnswer>>10)

// failure names the result of a review that ended with err.
func failure(err error) Result {
	switch {
	case errors.Is(err, errInvalid):
		return Invalid
	case errors.Is(err, errFunctionError):
		return FunctionError
	case errors.Is(err, errTimeout):
		return TimedOut
	case errors.Is(err, errOverload):
		return Overloaded
	}
	return NotInvoked
}

// trace is what is kept of one review.
type trace struct {
	room      *chat.Room
	messageID string
	took      time.Duration
	result    Result
	err       error
}

// record counts the review, and logs it unless the message passed as it was.
// What the message says, and why it was denied, is nobody's business here.
func (r *Reviewer) record(ctx context.Context, t trace) {
	h := t.room.MessageReviewHandler
	r.o.Metrics.ReviewResults.WithLabelValues(h.URI, string(t.result)).Inc()
	r.o.Metrics.ReviewDuration.WithLabelValues(h.URI).Observe(t.took.Seconds())
	if t.result == Allowed {
		return
	}
	attrs := []slog.Attr{
		slog.String("result", string(t.result)),
		slog.String("handler", h.URI),
		slog.String("rule", r.find(h.URI).pattern),
		slog.String("room", t.room.ARN.String()),
		slog.String("message_id", t.messageID),
		slog.Duration("duration", t.took),
	}
	if t.err == nil {
		r.o.Log.LogAttrs(ctx, slog.LevelInfo, "Message review refused or changed a message", attrs...)
		return
	}
	attrs = append(attrs, slog.String("fallback_result", string(h.FallbackResult)), slog.Any("error", t.err))
	r.o.Log.LogAttrs(ctx, slog.LevelWarn, "Message review had no valid answer; the fallback result decided", attrs...)
}
