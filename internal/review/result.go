package review

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"confab/internal/chat"
)

// Result is the outcome of one review: the label "result" of metrics and log lines.
type Result string

// The results. After the last five the room's fallback result decides.
const (
	Allowed       Result = "allowed"        // delivered as sent
	Changed       Result = "changed"        // delivered with other content or attributes
	Denied        Result = "denied"         // not delivered
	Invalid       Result = "invalid"        // the answer breaks the rules
	FunctionError Result = "function_error" // the handler ran and reported a failure
	NotInvoked    Result = "not_invoked"    // missing, not permitted, not reachable, an error status
	TimedOut      Result = "timed_out"      // no answer within the time limit
	Overloaded    Result = "overloaded"     // the handler has reached its limit of concurrent reviews
)

// The reasons for a missing answer. Errors of handlers wrap the first three.
var (
	errInvalid       = errors.New("the answer is not valid")
	errFunctionError = errors.New("the function failed")
	errRefused       = errors.New("the handler cannot be invoked")
	errTimeout       = errors.New("no answer within the time limit")
	errOverload      = errors.New("too many messages wait for the handler")
)

// invalid describes what is wrong with an answer. It never quotes the answer, which may
// have a user's words.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errInvalid}, args...)...)
}

// errTooLong is the error for an answer of more than maxAnswer bytes.
var errTooLong = invalid("it has more than %d KiB", maxAnswer>>10)

// failure returns the result of a review that failed with err.
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

// trace is the record of one review.
type trace struct {
	room      *chat.Room
	messageID string
	took      time.Duration
	result    Result
	err       error
}

// record counts the review, and logs it unless the message passed unchanged. The
// message and the reason of a denial are private and not logged.
func (r *Reviewer) record(ctx context.Context, t trace) {
	h := t.room.MessageReviewHandler
	r.o.Metrics.Results.WithLabelValues(h.URI, string(t.result)).Inc()
	r.o.Metrics.Duration.WithLabelValues(h.URI).Observe(t.took.Seconds())
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
