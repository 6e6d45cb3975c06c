package control

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"confab/internal/chat"
	"confab/internal/policy"
	"confab/internal/restjson"
)

// operation is one row of the table of routes.
type operation struct {
	name string
	// method and path are the operation's route. A path that ends in a slash is
	// followed by the percent-encoded ARN of a resource.
	method, path string
	// status is that of success.
	status int
	// empty is set if a successful answer has no body, not even {}.
	empty bool
	call  func(s *Service, ctx context.Context, body []byte, resource string, query url.Values) (any, error)
}

// operations are all operations of the API, as its model lists them.
var operations = []operation{
	{"CreateChatToken", http.MethodPost, "/CreateChatToken", http.StatusOK, false, calls((*Service).CreateChatToken)},
	{"CreateLoggingConfiguration", http.MethodPost, "/CreateLoggingConfiguration", http.StatusOK, false, calls((*Service).CreateLoggingConfiguration)},
	{"CreateRoom", http.MethodPost, "/CreateRoom", http.StatusOK, false, calls((*Service).CreateRoom)},
	{"DeleteLoggingConfiguration", http.MethodPost, "/DeleteLoggingConfiguration", http.StatusNoContent, true, calls((*Service).DeleteLoggingConfiguration)},
	{"DeleteMessage", http.MethodPost, "/DeleteMessage", http.StatusOK, false, calls((*Service).DeleteMessage)},
	{"DeleteRoom", http.MethodPost, "/DeleteRoom", http.StatusNoContent, true, calls((*Service).DeleteRoom)},
	{"DisconnectUser", http.MethodPost, "/DisconnectUser", http.StatusOK, true, calls((*Service).DisconnectUser)},
	{"GetLoggingConfiguration", http.MethodPost, "/GetLoggingConfiguration", http.StatusOK, false, calls((*Service).GetLoggingConfiguration)},
	{"GetRoom", http.MethodPost, "/GetRoom", http.StatusOK, false, calls((*Service).GetRoom)},
	{"ListLoggingConfigurations", http.MethodPost, "/ListLoggingConfigurations", http.StatusOK, false, calls((*Service).ListLoggingConfigurations)},
	{"ListRooms", http.MethodPost, "/ListRooms", http.StatusOK, false, calls((*Service).ListRooms)},
	{"ListTagsForResource", http.MethodGet, "/tags/", http.StatusOK, false, calls((*Service).ListTagsForResource)},
	{"SendEvent", http.MethodPost, "/SendEvent", http.StatusOK, false, calls((*Service).SendEvent)},
	{"TagResource", http.MethodPost, "/tags/", http.StatusOK, false, calls((*Service).TagResource)},
	{"UntagResource", http.MethodDelete, "/tags/", http.StatusOK, false, calls((*Service).UntagResource)},
	{"UpdateLoggingConfiguration", http.MethodPost, "/UpdateLoggingConfiguration", http.StatusOK, false, calls((*Service).UpdateLoggingConfiguration)},
	{"UpdateRoom", http.MethodPost, "/UpdateRoom", http.StatusOK, false, calls((*Service).UpdateRoom)},
}

// byRoute finds an operation by its method, a space, and its path.
var byRoute = func() map[string]*operation {
	m := make(map[string]*operation, len(operations))
	for i := range operations {
		m[operations[i].method+" "+operations[i].path] = &operations[i]
	}
	return m
}()

// PolicyScope is what a policy can be about on a server of the region and account.
func PolicyScope(region, account string) policy.Scope {
	var s policy.Scope
	for _, o := range operations {
		s.Actions = append(s.Actions, "ivschat:"+o.name)
	}
	for _, kind := range []chat.ResourceType{chat.RoomResource, chat.LoggingConfigurationResource} {
		for _, id := range []string{"*", strings.Repeat(policy.AnyLetter, chat.IDLength)} {
			s.Resources = append(s.Resources, chat.ARN{Region: region, Account: account, Type: kind, ID: id}.String())
		}
	}
	return s
}

// IsPath reports whether an operation answers at the path.
func IsPath(path string) bool {
	return slices.ContainsFunc(operations, func(o operation) bool { return o.path == path })
}

// find returns the operation of a request and the ARN in its path, or nil. It uses
// the escaped path, in which the ARN of the tag operations is one segment. It also
// accepts an ARN with an unescaped slash.
func (s *Service) find(method, escapedPath string) (op *operation, resource string) {
	path, ok := strings.CutPrefix(escapedPath, s.BasePath)
	if !ok || !strings.HasPrefix(path, "/") {
		return nil, ""
	}
	if arn, ok := strings.CutPrefix(path, "/tags/"); ok {
		var err error
		if resource, err = url.PathUnescape(arn); err != nil {
			return nil, ""
		}
		path = "/tags/"
	}
	return byRoute[method+" "+path], resource
}

// binder is an input with members outside of the body.
type binder interface {
	bind(resource string, query url.Values)
}

// calls adapts a method to the table of operations: it decodes the input.
func calls[In, Out any](method func(*Service, context.Context, *In) (*Out, error)) func(*Service, context.Context, []byte, string, url.Values) (any, error) {
	return func(s *Service, ctx context.Context, body []byte, resource string, query url.Values) (any, error) {
		in := new(In)
		if err := restjson.Decode(body, in); err != nil {
			return nil, err
		}
		if b, ok := any(in).(binder); ok {
			b.bind(resource, query)
		}
		return method(s, ctx, in)
	}
}
