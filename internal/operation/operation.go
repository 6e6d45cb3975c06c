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

// Path is the prefix of the path of each operation.
const Path = "/_confab/v1/"

// Operation is an api.Operation with the types from which its documentation and the service
// model are generated.
type Operation struct {
	api.Operation
	// Input and Output are structs. Their tags are the rules of members, and their comments
	// are the documentation.
	Input, Output reflect.Type
}

// Describe makes an Operation of a method. It decodes the input and checks its members by
// their rule tags before it calls the method.
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

// OrBearer makes an operation accept a chat token instead of a signature.
func OrBearer(o Operation) Operation {
	o.Bearer = api.OrBearer
	return o
}

// WithBody sets the limit of the request body, in bytes, for an operation that needs more
// than restjson.MaxBody.
func WithBody(most int, o Operation) Operation {
	o.MaxBody = most
	return o
}
