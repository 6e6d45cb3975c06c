package extension

import (
	"context"
	"reflect"
	"slices"

	"confab/internal/api"
	"confab/internal/restjson"
)

// Path comes before the name of each operation.
const Path = "/_confab/v1/"

// operation is an operation and the types that describe it.
type operation struct {
	api.Operation
	input, output reflect.Type
}

// operations returns all operations, in the order of the documentation.
func (s *Service) operations() []operation {
	filters := contentFilters{s}
	return []operation{
		orBearer(describe("CreateBan", s.CreateBan)),
		describe("CreateCredentials", s.CreateCredentials),
		describe("CreateWebhook", webhooks{s}.CreateWebhook),
		orBearer(describe("DeleteBan", s.DeleteBan)),
		describe("DeleteContentFilter", filters.DeleteContentFilter),
		describe("DeleteCredentials", s.DeleteCredentials),
		orBearer(describe("DeleteUserMessages", s.DeleteUserMessages)),
		describe("DeleteWebhook", webhooks{s}.DeleteWebhook),
		describe("EraseUser", s.EraseUser),
		orBearer(describe("GetBan", s.GetBan)),
		describe("GetContentFilter", filters.GetContentFilter),
		describe("GetMetrics", s.GetMetrics),
		orBearer(describe("GetRoomModes", s.GetRoomModes)),
		describe("GetRoomPresence", s.GetRoomPresence),
		describe("GetServer", s.GetServer),
		describe("GetWebhook", webhooks{s}.GetWebhook),
		orBearer(describe("ListBans", s.ListBans)),
		describe("ListContentFilters", filters.ListContentFilters),
		describe("ListCredentials", s.ListCredentials),
		orBearer(describe("ListMessages", s.ListMessages)),
		orBearer(describe("ListMessageTraces", messageTraces{s}.ListMessageTraces)),
		describe("ListModerationEvents", moderationEvents{s}.ListModerationEvents),
		describe("ListRoomPresence", s.ListRoomPresence),
		describe("ListRoomUsers", s.ListRoomUsers),
		describe("ListWebhooks", webhooks{s}.ListWebhooks),
		withBody(largestFilter, describe("PutContentFilter", filters.PutContentFilter)),
		describe("RotateWebhookSecret", webhooks{s}.RotateWebhookSecret),
		describe("SendMessage", s.SendMessage),
		describe("TestContentFilter", filters.TestContentFilter),
		describe("TestWebhook", webhooks{s}.TestWebhook),
		orBearer(describe("UpdateBan", s.UpdateBan)),
		orBearer(describe("UpdateRoomModes", s.UpdateRoomModes)),
		describe("UpdateWebhook", webhooks{s}.UpdateWebhook),
	}
}

// describe makes an operation of a method. It decodes the input and checks its members.
func describe[In, Out any](name string, method func(context.Context, *In) (*Out, error)) operation {
	return operation{
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
		input:  reflect.TypeFor[In](),
		output: reflect.TypeFor[Out](),
	}
}

// orBearer lets a chat token stand for the signature.
func orBearer(o operation) operation {
	o.Bearer = api.OrBearer
	return o
}

// withBody allows larger bodies of requests.
func withBody(most int, o operation) operation {
	o.MaxBody = most
	return o
}

// Operations returns all operations for package api.
func (s *Service) Operations() []api.Operation {
	all := []api.Operation{s.roomMessages()}
	for _, o := range s.operations() {
		all = append(all, o.Operation)
	}
	return all
}

// Actions returns the IAM actions of all operations, and those that some of them need as
// well.
func (s *Service) Actions() []string {
	all := []string{"confab:ConfigureRoom", "confab:ReadModerated", "confab:SkipReview"}
	for _, o := range s.operations() {
		all = append(all, "confab:"+o.Name)
	}
	slices.Sort(all)
	return all
}
