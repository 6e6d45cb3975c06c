package roomops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/iam"
	"confab/internal/operation"
)

// ListMessagesInput is what ListMessages takes.
type ListMessagesInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
	// The maximum number of messages in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page. All other members must be the same as for that
	// page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
	// The start of the time range: sendTime is not earlier.
	StartTime *string `json:"startTime" rule:"time"`
	// The end of the time range: sendTime is earlier.
	EndTime *string `json:"endTime" rule:"time"`
	// The user whose messages are listed; all users' if it is absent.
	SenderUserID *string `json:"senderUserId" rule:"1..128"`
	// The order of the messages; NEWEST_FIRST if it is absent.
	Order *string `json:"order" rule:"NEWEST_FIRST|OLDEST_FIRST"`
	// Whether deleted messages are included. This also needs the action
	// confab:ReadModerated.
	IncludeDeleted *bool `json:"includeDeleted"`
	// Whether messages are included that only their senders have seen. This also needs the action
	// confab:ReadModerated.
	IncludeHidden *bool `json:"includeHidden"`
}

// ListMessagesOutput is one page.
type ListMessagesOutput struct {
	// The messages of the page. A page can have fewer than maxResults messages, or none,
	// and still have a nextToken.
	Messages []Message `json:"messages"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// Message is a message of a room's history.
type Message struct {
	// The Id of the MESSAGE frame.
	ID string `json:"id"`
	// The SendTime of the MESSAGE frame.
	SendTime string `json:"sendTime" rule:"time"`
	// The text.
	Content string `json:"content"`
	// The message's own attributes.
	Attributes map[string]string `json:"attributes"`
	// Who sent it.
	Sender Sender `json:"sender"`
	// When it was deleted; absent for a message that was not.
	DeletedTime *string `json:"deletedTime,omitzero" rule:"time"`
	// Who deleted it: the user id of a moderator with a connection, the ARN of a principal,
	// or a room's ARN, a slash, and the user id of a moderator with a chat token.
	DeletedBy *string `json:"deletedBy,omitzero"`
	// Why it was deleted.
	Reason *string `json:"reason,omitzero"`
	// Whether only its sender has seen it.
	Hidden bool `json:"hidden,omitzero"`
}

// Sender is who sent a message.
type Sender struct {
	// The user id of the chat token.
	UserID string `json:"userId"`
	// The attributes of the chat token.
	Attributes map[string]string `json:"attributes"`
}

// ListMessages returns messages of a room with history (the tag confab:history). New
// messages do not shift the pages. A chat token with DELETE_MESSAGE is accepted instead of
// a signature, for its room.
func (s *Service) ListMessages(ctx context.Context, in *ListMessagesInput) (*ListMessagesOutput, error) {
	actions := []string{"ListMessages"}
	moderated := operation.IsSet(in.IncludeDeleted) || operation.IsSet(in.IncludeHidden)
	if moderated {
		actions = append(actions, "ReadModerated")
	}
	if moderated && iam.CallFrom(ctx).Principal.Token != nil {
		return nil, chat.Errorf(chat.AccessDenied, "A chat token does not allow confab:ReadModerated, which includeDeleted and includeHidden need")
	}
	room, err := s.Moderated(ctx, *in.RoomIdentifier, chat.DeleteMessage, actions...)
	if err != nil {
		return nil, err
	}
	q := history.Query{
		RoomID: room.ARN.ID, NewestFirst: in.Order == nil || *in.Order == "NEWEST_FIRST",
		Start: operation.Time(in.StartTime), End: operation.Time(in.EndTime), UserID: operation.String(in.SenderUserID),
		IncludeDeleted: operation.IsSet(in.IncludeDeleted), IncludeHidden: operation.IsSet(in.IncludeHidden), Max: operation.PageSize(in.MaxResults),
	}
	if token := iam.CallFrom(ctx).Principal.Token; token != nil {
		q.Viewer = token.UserID
	}
	if !q.Start.IsZero() && !q.End.IsZero() && !q.Start.Before(q.End) {
		return nil, chat.InvalidField("endTime", "must be later than startTime")
	}
	if q.After, err = operation.OpenPage[*history.Cursor](in.NextToken, listOf(&q)...); err != nil {
		return nil, err
	}
	page, next, err := s.messages(ctx, room, q)
	if err != nil {
		return nil, err
	}
	out := &ListMessagesOutput{Messages: make([]Message, len(page))}
	for i := range page {
		out.Messages[i] = show(&page[i])
	}
	if next != nil {
		out.NextToken = operation.SealPage(next, listOf(&q)...)
	}
	return out, nil
}

// messages reads a page of a room's history, as far as its present settings keep it.
func (s *Service) messages(ctx context.Context, room *chat.Room, q history.Query) ([]history.Message, *history.Cursor, error) {
	extensions, _ := chat.ExtensionsOf(room.Tags)
	if extensions.History == 0 {
		return nil, nil, nil
	}
	q.NotBefore = s.Now().Add(-extensions.History)
	return s.o.History.List(ctx, q)
}

func show(m *history.Message) Message {
	shown := Message{
		ID: m.ID, SendTime: chat.FormatTime(m.SendTime), Content: m.Content, Attributes: operation.OrEmpty(m.Attributes),
		Sender: Sender{UserID: m.UserID, Attributes: operation.OrEmpty(m.SenderAttributes)}, Hidden: m.Hidden,
	}
	if d := m.Deletion; d != nil {
		shown.DeletedTime = new(chat.FormatTime(d.Time))
		shown.DeletedBy, shown.Reason = operation.NotEmpty(d.By), operation.NotEmpty(d.Reason)
	}
	return shown
}

// listOf is what selects the messages of a list, for its page tokens.
func listOf(q *history.Query) []any {
	return []any{"messages", q.RoomID, q.UserID, q.Start, q.End, q.NewestFirst, q.IncludeDeleted, q.IncludeHidden}
}
