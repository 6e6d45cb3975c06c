// Package operation has what the operations that Confab adds to IVS Chat share: how they are
// described, how they find the room that they name, whom they authorize, and how they read
// and show members. The operations themselves are in packages by subject: roomops,
// moderationops, webhookops, serverops. Package extension lists them.
package operation

import (
	"context"
	"reflect"

	"confab/internal/api"
	"confab/internal/restjson"
)

// Path comes before the name of each operation.
const Path = "/_confab/v1/"

// Operation is an operation and the types that describe it.
type Operation struct {
	api.Operation
	// Input and Output are structs. Their tags are the rules of members, and their comments
	// are the documentation.
	Input, Output reflect.Type
}

// Describe makes an operation of a method. It decodes the input and checks its members.
func Describe[In, Out any](name string, method func(context.Context, *In) (*Out, error)) Operation {
	return Operation{
		Operation: api.Operation{Name: name, Path: Path + name, Does: func(ctx context.Context, r *api.Request) (any, error) {
			in := new(In)
			if err := restjson.Decode(r.Body, in); err != nil {
				return nil, err
			}
			var v api.Violations
			v.Members(in)
			if err := v.Err(); err != nil {
				return nil, err
			}
			return method(ctx, in)
		}},
		Input:  reflect.TypeFor[In](),
		Output: reflect.TypeFor[Out](),
	}
}

// OrBearer accepts a chat token instead of the signature.
func OrBearer(o Operation) Operation {
	o.Bearer = api.OrBearer
	return o
}

// WithBody allows bodies of requests up to a number of bytes that is larger than usual.
func WithBody(most int, o Operation) Operation {
	o.MaxBody = most
	return o
}
