// Package review asks a room's message review handler about a message (IVS Chat
// user guide, "Chat Message Review Handler").
//
// A room names its handler by the ARN of a Lambda function. The operator's rules map an
// ARN to one of these:
//
//	lambda, lambda:NAME   a Lambda function, through the AWS SDK (lambda.go)
//	http://…, https://…   a server that takes a POST of the same JSON (http.go)
//	exec:PROGRAM ARG…     a Lambda runtime program on this machine (exec.go)
//
// Each gets the payload of event.go and returns the answer of answer.go within one time
// limit. There are no retries. Without a valid answer, the room's fallback result
// decides.
package review

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"confab/internal/chat"
)

// The defaults of Options.
const (
	// DefaultTimeout is the service's quota "Message review handler time-out".
	DefaultTimeout = 200 * time.Millisecond
	// DefaultConcurrency is how many concurrent invocations AWS grants to all functions
	// of a new account.
	DefaultConcurrency = 1000
	// DefaultInstances is the largest number of processes of an exec handler.
	DefaultInstances = 16
)

// Options configure a Reviewer. Metrics and Log are required.
type Options struct {
	// Rules map the uri of a handler to a target; the first rule that matches is used. A
	// uri without a match is invoked as the Lambda function itself.
	Rules []Rule
	// Timeout is the time limit of a review, including a cold start and the wait for an
	// idle instance; 0 is DefaultTimeout.
	Timeout time.Duration
	// Concurrency bounds how many messages one handler reviews at the same time; for
	// further ones the fallback result decides. 0 is DefaultConcurrency.
	Concurrency int
	// Instances bounds the processes of one exec rule; 0 is DefaultInstances.
	Instances int
	// Region is the region of AWS clients and handlers if their ARN or the SDK's
	// configuration has none.
	Region  string
	Metrics *Metrics
	Log     *slog.Logger
}

// Reviewer asks message review handlers. Its methods may be called from any
// goroutine. It implements messaging.Reviewer.
type Reviewer struct {
	o     Options
	rules []route
	gate  gate
}

// handler is the target of a rule.
type handler interface {
	// invoke sends the payload and returns the answer. It returns by the time ctx ends.
	// An error that wraps errInvalid means that there was an answer, but an invalid
	// one.
	invoke(ctx context.Context, uri string, payload []byte) ([]byte, error)
	// check reports whether the handler can be invoked. An error that wraps errRefused
	// means that it certainly cannot; any other error means that this is unknown.
	check(ctx context.Context, uri string) error
	// close ends the handler's processes and waits for them.
	close()
}

// New makes a Reviewer, and starts one process for each exec rule. A *RuleError names the
// rule that cannot be used. If the AWS configuration cannot be read, New logs that: only
// rooms whose handler is a Lambda function are affected.
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

// Close ends the processes of exec handlers. The fallback result decides on later
// reviews.
func (r *Reviewer) Close() {
	for _, rule := range r.rules {
		rule.handler.close()
	}
}

// Review asks the room's handler. It returns the message to deliver, or Rejected with the
// handler's reason and the message's id. It returns no other error: without a valid answer
// within the time limit, the room's fallback result decides about the original message, and
// fallback is set.
func (r *Reviewer) Review(ctx context.Context, room *chat.Room, m *chat.Message, senderIP string) (reviewed *chat.Message, fallback bool, err error) {
	uri := room.MessageReviewHandler.URI
	began := time.Now()
	a, err := r.ask(ctx, room, m, senderIP)
	t := trace{room: room, messageID: m.ID, took: time.Since(began), err: err}
	switch {
	case err != nil:
		fallback = true
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
		return nil, fallback, a.rejection(m.ID)
	}
	return a.apply(m), fallback, nil
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
		// Whatever error the handler returned, this is its cause.
		return answer{}, errTimeout
	}
	return answer{}, err
}
