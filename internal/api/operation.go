package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"confab/internal/restjson"
)

// BearerUse says whether an operation accepts a chat token (Authorization: Bearer) instead
// of a signature.
type BearerUse int

// The uses of a chat token.
const (
	NoBearer   BearerUse = iota // only signatures count
	OrBearer                    // it may stand for the signature
	OnlyBearer                  // it must be there
)

// Operation is one operation of an API.
type Operation struct {
	Name string
	// Method and Path are the operation's route; empty is POST, and the name after a
	// slash. A path that ends in a slash is followed by the percent-encoded name of a
	// resource.
	Method, Path string
	// Status is the HTTP status of a successful answer; 0 is 200.
	Status int
	// Empty is set if a successful answer has no body, not even {}.
	Empty bool
	// Bearer says whether a chat token may or must replace the signature.
	Bearer BearerUse
	// NoStore forbids caches to store the answer.
	NoStore bool
	// MaxBody is the limit of a request's body in bytes; 0 is restjson.MaxBody.
	MaxBody int
	// Does carries out a request. It returns the output of the operation, or an error: a
	// *chat.Error is shown to the caller, any other one is answered with
	// InternalServerException.
	Does func(ctx context.Context, r *Request) (any, error)
}

// withDefaults fills in what most operations share.
func (o Operation) withDefaults() Operation {
	o.Method = cmp.Or(o.Method, http.MethodPost)
	o.Path = cmp.Or(o.Path, "/"+o.Name)
	o.Status = cmp.Or(o.Status, http.StatusOK)
	o.MaxBody = cmp.Or(o.MaxBody, restjson.MaxBody)
	return o
}

// Request is what an operation gets of an HTTP request, after the caller was authenticated.
type Request struct {
	Body     []byte
	Resource string // the ARN in the path
	Query    url.Values
}

// binder is an input with members outside of the body.
type binder interface {
	Bind(resource string, query url.Values)
}

// Calls makes an Operation.Does of a method: it decodes the request body into the input of
// the method and calls the method. It does not check the members; the method does.
func Calls[In, Out any](method func(context.Context, *In) (*Out, error)) func(context.Context, *Request) (any, error) {
	return func(ctx context.Context, r *Request) (any, error) {
		in := new(In)
		if err := restjson.Decode(r.Body, in); err != nil {
			return nil, err
		}
		if b, ok := any(in).(binder); ok {
			b.Bind(r.Resource, r.Query)
		}
		return method(ctx, in)
	}
}
