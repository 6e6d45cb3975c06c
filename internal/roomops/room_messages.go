package roomops

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/iam"
	"confab/internal/operation"
)

// RoomMessages serves GET /_confab/v1/rooms/<room id>/messages, for browsers that have a
// chat token and no credentials. It is not in the service model.
func (s *Service) RoomMessages() api.Operation {
	return api.Operation{
		Name: "GetRoomMessages", Method: http.MethodGet, Path: operation.Path + "rooms/", Bearer: api.OnlyBearer, NoStore: true,
		Does: func(ctx context.Context, r *api.Request) (any, error) { return s.getRoomMessages(ctx, r) },
	}
}

// roomMessagesOutput is a page, the oldest message first, as clients that join get them.
type roomMessagesOutput struct {
	// Messages are the MESSAGE frames as they were.
	Messages []jsontext.Value `json:"Messages"`
	// Before is the parameter of the page before this one; absent on the first page of
	// the room.
	Before *string `json:"Before,omitzero"`
}

func (s *Service) getRoomMessages(ctx context.Context, r *api.Request) (*roomMessagesOutput, error) {
	id, ok := strings.CutSuffix(r.Resource, "/messages")
	arn := chat.ARN{Region: s.Region, Account: s.Account, Type: chat.RoomResource, ID: id}
	if _, err := chat.ParseARN(arn.String()); !ok || err != nil {
		return nil, &chat.Error{Code: chat.Invalid, Name: "UnknownOperationException", Message: "The messages of a room are at " + operation.Path + "rooms/<room id>/messages"}
	}
	token := iam.CallFrom(ctx).Principal.Token
	if token.Room != arn {
		return nil, chat.Errorf(chat.AccessDenied, "The chat token is for another room")
	}
	if err := s.AllowBearer(ctx); err != nil {
		return nil, err
	}
	limit, before, err := pageOf(r.Query)
	if err != nil {
		return nil, err
	}
	room, err := s.Rooms.Room(ctx, arn.ID)
	if err != nil {
		return nil, err
	}
	extensions, _ := chat.ExtensionsOf(room.Tags)
	if extensions.HistoryRead == chat.Nobody || extensions.HistoryRead == chat.Staff && !token.Staff() {
		return nil, chat.Errorf(chat.AccessDenied, "The room's history is not for bearers of this chat token")
	}
	q := history.Query{RoomID: arn.ID, NewestFirst: true, Viewer: token.UserID, Max: limit}
	if q.After, err = operation.OpenPage[*history.Cursor](&before, listOf(&q)...); err != nil {
		return nil, chat.InvalidField("before", "must be that of a page of this room")
	}
	page, next, err := s.messages(ctx, room, q)
	if err != nil {
		return nil, err
	}
	slices.Reverse(page)
	out := &roomMessagesOutput{Messages: make([]jsontext.Value, len(page))}
	for i := range page {
		out.Messages[i] = page[i].Frame
	}
	if next != nil {
		out.Before = operation.SealPage(next, listOf(&q)...)
	}
	return out, nil
}

// pageOf reads the parameters limit, 50 if it is absent, and before.
func pageOf(query url.Values) (limit int, before string, err error) {
	limit = operation.DefaultPage
	if given := query.Get("limit"); given != "" {
		n, err := strconv.ParseUint(given, 10, 16)
		if err != nil || n < 1 || n > chat.MaxHistoryOnJoin {
			return 0, "", chat.InvalidField("limit", "must be a whole number from 1 to %d, this is %.32q", chat.MaxHistoryOnJoin, given)
		}
		limit = int(n)
	}
	return limit, query.Get("before"), nil
}
