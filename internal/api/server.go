package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"confab/internal/chat"
	"confab/internal/clientip"
	"confab/internal/iam"
	"confab/internal/quota"
	"confab/internal/restjson"
)

// call is one request in progress.
type call struct {
	iam.Call
	start time.Time
	op    *Operation // nil if the request matches none
}

// name is the operation's name, for logs and metrics.
func (c *call) name() string {
	if c.op == nil {
		return "unknown"
	}
	return c.op.Name
}

// ServeHTTP answers every path: a path without an operation gets
// UnknownOperationException.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.origins.allow(w.Header(), r)
	if r.Method == http.MethodOptions {
		s.origins.preflight(w.Header(), r)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	now := s.Now()
	c := &call{start: now, Call: iam.Call{
		SourceIP:        clientip.From(r, s.TrustedProxies),
		Time:            now,
		RequestID:       newRequestID(),
		UserAgent:       r.UserAgent(),
		Referer:         r.Referer(),
		SecureTransport: clientip.Secure(r, s.TrustedProxies),
	}}
	out, err := s.protect(w, r, c)
	if c.op != nil && c.op.NoStore {
		w.Header().Set("Cache-Control", "no-store")
	}
	status := http.StatusOK
	if err == nil {
		if c.op.Empty {
			out = nil
		}
		status = c.op.Status
		err = restjson.Write(w, status, c.RequestID, out)
	}
	if err != nil {
		_, status = restjson.Exception(err)
		restjson.WriteError(w, c.RequestID, err)
		if status == http.StatusRequestEntityTooLarge {
			restjson.DiscardRest(w, r)
		}
	}
	s.record(r.Context(), c, status, err)
}

// protect is do. It turns a panic into an error.
func (s *Server) protect(w http.ResponseWriter, r *http.Request, c *call) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return s.do(w, r, c)
}

// do passes the request through the steps in the package comment.
func (s *Server) do(w http.ResponseWriter, r *http.Request, c *call) (any, error) {
	path := r.URL.EscapedPath()
	op, resource := s.find(r.Method, path)
	body, err := s.readBody(w, r, op)
	if err != nil {
		return nil, err
	}
	c.op = op
	if op == nil && s.BasePath != "" {
		return nil, unknownOperation(r.Method, path) // On a shared host, misdirected requests need no signature.
	}
	if c.Principal, err = s.authenticate(r, op, body, c.SourceIP); err != nil {
		return nil, err
	}
	if op == nil {
		return nil, unknownOperation(r.Method, path)
	}
	if name := quota.Calls(op.Name); !s.Quotas.Allow(r.Context(), name) {
		limit := s.Quotas.Limit(name)
		return nil, &chat.Error{
			Code: chat.Throttled, Limit: limit,
			Message: fmt.Sprintf("Rate exceeded: %s may be called %d times a second", op.Name, limit),
		}
	}
	if err := restjson.CheckMedia(r); err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost {
		body = nil // The API model gives GET and DELETE no body; if there is one, it is only signed.
	}
	return op.Does(iam.WithCall(r.Context(), &c.Call), &Request{Body: body, Resource: resource, Query: r.URL.Query()})
}

// readBody reads the body of a request. Bodies that may be larger than most are read a few
// at a time, because the signature of a request is checked behind its body.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, op *Operation) ([]byte, error) {
	if op == nil || op.MaxBody <= restjson.MaxBody || r.ContentLength >= 0 && r.ContentLength <= restjson.MaxBody {
		return restjson.ReadBody(w, r, restjson.MaxBody)
	}
	select {
	case s.large <- struct{}{}:
	case <-r.Context().Done():
		return nil, chat.Errorf(chat.Unavailable, "The server reads too many large requests; try again")
	}
	defer func() { <-s.large }()
	return restjson.ReadBody(w, r, op.MaxBody)
}

// authenticate returns who makes the request of an operation, nil if it is unknown, from an
// address.
func (s *Server) authenticate(r *http.Request, op *Operation, body []byte, from netip.Addr) (*iam.Principal, error) {
	if op != nil && op.Bearer != NoBearer {
		scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case ok && strings.EqualFold(scheme, "Bearer"): // RFC 9110, 11.1
			return s.Bearer(r.Context(), strings.TrimSpace(token), from)
		case op.Bearer == OnlyBearer:
			return nil, &chat.Error{
				Code: chat.Unauthenticated, Name: "MissingAuthenticationTokenException",
				Message: "A chat token is missing: it travels in the header Authorization, behind Bearer",
			}
		}
	}
	return s.Authenticator.Authenticate(r.Context(), r, body)
}

func unknownOperation(method, path string) error {
	return &chat.Error{
		Code: chat.Invalid, Name: "UnknownOperationException",
		Message: fmt.Sprintf("The service has no operation %s %.100q", method, path),
	}
}

// record counts the call and writes its log line, which contains nothing of the
// request's body.
func (s *Server) record(ctx context.Context, c *call, status int, err error) {
	took := s.Now().Sub(c.start)
	exception := ""
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("operation", c.name()),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("request_id", c.RequestID),
		slog.String("source_ip", c.SourceIP.String()),
	}
	if c.Principal != nil {
		attrs = append(attrs, slog.String("principal", c.Principal.ARN))
	}
	if err != nil {
		exception, _ = restjson.Exception(err)
		attrs = append(attrs, slog.String("exception", exception))
		if status >= http.StatusInternalServerError {
			attrs = append(attrs, slog.String("error", err.Error()))
			if ctx.Err() == nil { // Otherwise the call failed because the caller left.
				level = slog.LevelError
			}
		}
	}
	s.Log.LogAttrs(ctx, level, "API call", attrs...)
	s.Metrics.Requests.WithLabelValues(c.name(), exception).Inc()
	s.Metrics.Duration.WithLabelValues(c.name()).Observe(took.Seconds())
}

// newRequestID returns a random UUID (RFC 9562, version 4).
func newRequestID() string { return uuid.NewString() }
