// Package review asks a room's message review handler about a message (IVS Chat
// user guide, "Chat Message Review Handler").
//
// A room names its handler by the ARN of a Lambda function. The operator's
// rules say what stands behind an ARN:
//
//	lambda, lambda:NAME   a Lambda function, through the AWS SDK (lambda.go)
//	http://…, https://…   a server that takes a POST of the same JSON (http.go)
//	exec:PROGRAM ARG…     a Lambda runtime program on this machine (exec.go)
//
// Whatever it is, it gets the payload of event.go and gives the answer of
// answer.go within one time limit. It is asked once. When there is no valid
// answer, the room's fallback result decides.
package review

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"confab/internal/chat"
	"confab/internal/telemetry"
)

// The defaults of Options.
const (
	// DefaultTimeout is the service's quota "Message review handler time-out".
	DefaultTimeout = 200 * time.Millisecond
	// DefaultConcurrency is how many invocations at a time AWS grants to all
	// functions of a new account.
	DefaultConcurrency = 1000
	// DefaultInstances is how many processes an exec handler grows to.
	DefaultInstances = 16
)

// Options are what a Reviewer is made of. Metrics and Log are required.
type Options struct {
	// Rules say what stands behind a handler's uri; the first that matches
	// decides. Behind a uri that none matches stands the Lambda function itself.
	Rules []Rule
	// Timeout is the time limit over everything, a cold start and a wait for a
	// free instance included; 0 is DefaultTimeout.
	Timeout time.Duration
	// Concurrency bounds how many messages one handler reviews at a time; the
	// fallback result decides on those above it. 0 is DefaultConcurrency.
	Concurrency int
	// Instances bounds the processes of one exec rule; 0 is DefaultInstances.
	Instances int
	// Region is what AWS clients and handlers get that are told no other.
	Region  string
	Metrics *telemetry.Metrics
	Log     *slog.Logger
}

// Reviewer asks message review handlers. Its methods may be called from any
// goroutine. It implements messaging.Reviewer.
type Reviewer struct {
	o     Options
	rules []route
	gate  gate
}

// handler is what a rule leads to.
type handler interface {
	// invoke hands over the payload and returns the answer. It returns by the
	// time ctx ends. An error that wraps errInvalid means that there was an
	// answer, but not a valid one.
	invoke(ctx context.Context, uri string, payload []byte) ([]byte, error)
	// check says whether the handler can be invoked. An error that wraps
	// errRefused means that it certainly cannot; any other, that nobody knows.
	check(ctx context.Context, uri string) error
	// close ends what the handler runs and waits for it.
	close()
}

// New makes a Reviewer, and starts one process for each exec rule. A *RuleError
// says which rule cannot be used. AWS configuration that cannot be read is
// logged, and matters only to rooms with a handler that needs it.
func New(ctx context.Context, o Options) (*Reviewer, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Instances == 0 {
		o.Instances = DefaultInstances
	}
	r := &Reviewer{o: o, gate: gate{limit: o.Concurrency, inside: map[string]int{}}}
	targets := make([]target, len(o.Rules))
	for i, rule := range o.Rules {
		var err error
		if targets[i], err = rule.parse(); err != nil {
			return nil, &RuleError{Index: i, Rule: rule, Problem: err.Error()}
		}
	}
	functions := newLambda(ctx, o)
	for i, t := range targets {
		r.rules = append(r.rules, route{o.Rules[i].Pattern, t.handler(o, o.Rules[i].Pattern, functions)})
	}
	r.rules = append(r.rules, route{"*", functions})
	return r, nil
}

// Close ends the processes of exec handlers. Reviews that come later are
// decided by the fallback result.
func (r *Reviewer) Close() {
	for _, rule := range r.rules {
		rule.handler.close()
	}
}

// Review asks the room's handler. It returns the message as it shall be
// delivered, or Rejected with the handler's reason and the message's id.
//
// It fails for no other reason: without a valid answer within the time limit
// the room's fallback result decides, on the original message.
func (r *Reviewer) Review(ctx context.Context, room *chat.Room, m *chat.Message, senderIP string) (*chat.Message, error) {
	uri := room.MessageReviewHandler.URI
	began := time.Now()
	a, err := r.ask(ctx, room, m, senderIP)
	t := trace{room: room, messageID: m.ID, took: time.Since(began), err: err}
	switch {
	case err != nil:
		t.result = failure(err)
		if t.result == Invalid {
			r.o.Metrics.ResponseValidationErrors.WithLabelValues(uri).Inc()
		} else {
			r.o.Metrics.InvocationErrors.WithLabelValues(uri).Inc()
		}
		a = answer{denied: room.MessageReviewHandler.FallbackResult == chat.Deny, content: m.Content}
	case a.denied:
		t.result = Denied
	case a.changes(m):
		t.result = Changed
	default:
		t.result = Allowed
	}
	r.record(ctx, t)
	if a.denied {
		return nil, a.rejection(m.ID)
	}
	return a.apply(m), nil
}

// ask invokes the handler once and reads its answer.
func (r *Reviewer) ask(ctx context.Context, room *chat.Room, m *chat.Message, senderIP string) (answer, error) {
	uri := room.MessageReviewHandler.URI
	if !r.gate.enter(uri) {
		return answer{}, errOverload
	}
	defer r.gate.leave(uri)
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	b, err := r.find(uri).handler.invoke(ctx, uri, appendEvent(nil, room, m, senderIP))
	switch {
	case err == nil:
		return parseAnswer(b, room.MaximumMessageLength)
	case ctx.Err() != nil && !errors.Is(err, errInvalid):
		// However the handler's own failure may read, this is its cause.
		return answer{}, errTimeout
	}
	return answer{}, err
}
