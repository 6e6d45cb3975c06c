// Package api serves operations over restJson1 with Signature Version 4: those of Amazon
// IVS Chat (package control) and those that Confab adds (package extension).
//
// A request passes these steps. The first one that fails decides the answer:
//
//	read the body         at most Operation.MaxBody
//	authenticate          also if no operation has the path, except with BasePath, where
//	                      other services share the host
//	find the operation    404 UnknownOperationException
//	throttle              the quota on calls of the operation
//	decode                406, 415, SerializationException
//	the operation         checks its members, and names all that are wrong at once;
//	                      authorizes the caller, by the tags of the resource too;
//	                      then reads the resource
//
// Members are checked before the caller's policies, because policies need the ARN in the
// members. Callers learn whether a resource exists only if their policies allow the
// operation on its ARN; other callers are denied. This includes ARNs of another region or
// account, where nothing exists.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"confab/internal/iam"
	"confab/internal/origin"
	"confab/internal/quota"
)

// Authenticator identifies the caller: *iam.Authenticator.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request, body []byte) (*iam.Principal, error)
}

// Options configure a Server. Authenticator is required.
type Options struct {
	Authenticator Authenticator
	// Bearer authenticates a chat token that is sent instead of a signature, from the
	// address from. It is required if an operation accepts chat tokens.
	Bearer func(ctx context.Context, token string, from netip.Addr) (*iam.Principal, error)
	// Quotas holds the API call rates; nil is quota.Off().
	Quotas *quota.Set
	// TrustedProxies are the proxies whose X-Forwarded-For sets aws:SourceIp.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins whose pages may call; an empty list allows all.
	CORSOrigins origin.List
	// BasePath comes before the paths of all operations; empty is the whole host.
	BasePath string

	Log     *slog.Logger     // nil discards
	Metrics *Metrics         // nil makes unused ones
	Now     func() time.Time // nil is time.Now
}

// Server is the HTTP handler of a set of operations.
type Server struct {
	Options
	origins origins
	byRoute map[string]*Operation
	// prefixes are the paths that a resource follows.
	prefixes []string
	// large has an element for each large body that is read.
	large chan struct{}
}

// mostLarge bounds how many large bodies are read at a time.
const mostLarge = 8

// New makes a Server of the operations.
func New(o Options, operations ...Operation) *Server {
	if o.Quotas == nil {
		o.Quotas = quota.Off()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{Options: o, origins: newOrigins(o.CORSOrigins), byRoute: make(map[string]*Operation, len(operations)), large: make(chan struct{}, mostLarge)}
	for _, o := range operations {
		o = o.withDefaults()
		s.byRoute[o.Method+" "+o.Path] = &o
		if strings.HasSuffix(o.Path, "/") && !slices.Contains(s.prefixes, o.Path) {
			s.prefixes = append(s.prefixes, o.Path)
		}
	}
	return s
}

// IsPath reports whether one of the operations answers at the path.
func IsPath(path string, operations []Operation) bool {
	return slices.ContainsFunc(operations, func(o Operation) bool { return o.withDefaults().Path == path })
}

// find returns the operation of a request and the resource in its path, or nil. It uses
// the escaped path, in which the ARN of the tag operations is one segment. It also
// accepts an ARN with an unescaped slash.
func (s *Server) find(method, escapedPath string) (op *Operation, resource string) {
	path, ok := strings.CutPrefix(escapedPath, s.BasePath)
	if !ok || !strings.HasPrefix(path, "/") {
		return nil, ""
	}
	for _, before := range s.prefixes {
		if name, ok := strings.CutPrefix(path, before); ok {
			var err error
			if resource, err = url.PathUnescape(name); err != nil {
				return nil, ""
			}
			path = before
			break
		}
	}
	return s.byRoute[method+" "+path], resource
}
