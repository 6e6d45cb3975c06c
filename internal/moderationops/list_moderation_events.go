package moderationops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/modlog"
	"confab/internal/operation"
)

// ModerationLog lists the moderation log: peers.ModerationLog.
type ModerationLog interface {
	List(ctx context.Context, q modlog.Query) ([]modlog.Event, *modlog.Place, error)
}

// ListModerationEventsInput is what ListModerationEvents takes.
type ListModerationEventsInput struct {
	// The ARN of the room whose events are listed, without those of every room; all events
	// if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The user whom the action was about; the events of all users if it is absent.
	UserID *string `json:"userId" rule:"1..128"`
	// The start of the time range: events are not earlier.
	StartTime *string `json:"startTime" rule:"time"`
	// The end of the time range: events are earlier.
	EndTime *string `json:"endTime" rule:"time"`
	// The maximum number of events in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page. All other members must be the same as for that
	// page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListModerationEventsOutput is one page.
type ListModerationEventsOutput struct {
	// The events, the latest first.
	Events []ModerationEvent `json:"events"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// ModerationEvent is one action of a moderator or a content filter.
type ModerationEvent struct {
	// The id of the event.
	ID string `json:"id"`
	// When the action was taken.
	Time string `json:"time" rule:"time"`
	// DELETE_MESSAGE, DISCONNECT_USER, CREATE_BAN, UPDATE_BAN, DELETE_BAN,
	// UPDATE_ROOM_MODES, PUT_CONTENT_FILTER, DELETE_CONTENT_FILTER, CONTENT_FILTER_HIT,
	// DELETE_USER_MESSAGES or ERASE_USER.
	Action string `json:"action"`
	// The ARN of the room; absent for every room.
	RoomArn *string `json:"roomArn,omitzero"`
	// The user whom the action was about. For DELETE_MESSAGE and CONTENT_FILTER_HIT it is
	// the sender of the message. Absent if the action was about no user, or if the sender
	// is not known.
	UserID *string `json:"userId,omitzero"`
	// The id of the message that was deleted, or that a filter matched.
	MessageID *string `json:"messageId,omitzero"`
	// Who took the action; empty for a content filter.
	By ModerationActor `json:"by"`
	// The reason that was given.
	Reason *string `json:"reason,omitzero"`
	// Further members, by the action. Bans: id, type, ipRange and expirationTime. Modes:
	// the values that were set, with the empty string for those that were cleared. Filters
	// and their hits: filter and filterAction. DELETE_USER_MESSAGES: deleted, the number of
	// messages. ERASE_USER: messages, their number, and done, which is true when the
	// erasure is complete.
	Details map[string]string `json:"details,omitzero"`
}

// ModerationActor is who took an action. Both members are absent for a content filter.
type ModerationActor struct {
	// The ARN of the principal who signed the call.
	PrincipalArn *string `json:"principalArn,omitzero"`
	// The user id of a moderator with a connection to the room or a chat token of it.
	UserID *string `json:"userId,omitzero"`
}

// ListModerationEvents returns the actions of moderators and content filters, the latest
// first: deletions of messages, disconnects of users, changes of bans, modes and filters,
// matches of filters, DeleteUserMessages and EraseUser. Each event says who took the
// action, but never what a message said. Events are kept for --moderation-log-retention (90
// days).
func (s *Service) ListModerationEvents(ctx context.Context, in *ListModerationEventsInput) (*ListModerationEventsOutput, error) {
	q := modlog.Query{UserID: operation.String(in.UserID), Start: operation.Time(in.StartTime), End: operation.Time(in.EndTime), Max: operation.PageSize(in.MaxResults)}
	if in.RoomIdentifier != nil {
		room, err := s.Room(ctx, *in.RoomIdentifier, "ListModerationEvents")
		if err != nil {
			return nil, err
		}
		q.RoomID = room.ARN.ID
	} else if err := iam.CallFrom(ctx).Authorize("confab:ListModerationEvents", s.EveryRoom(), iam.Keys{}); err != nil {
		return nil, err
	}
	if !q.Start.IsZero() && !q.End.IsZero() && !q.Start.Before(q.End) {
		return nil, chat.InvalidField("endTime", "must be later than startTime")
	}
	list := []any{"events", q.RoomID, q.UserID, q.Start, q.End}
	after, err := operation.OpenPage[*modlog.Place](in.NextToken, list...)
	if err != nil {
		return nil, err
	}
	q.After = after
	page, next, err := s.o.Moderation.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &ListModerationEventsOutput{Events: make([]ModerationEvent, len(page))}
	for i := range page {
		out.Events[i] = s.showEvent(&page[i])
	}
	if next != nil {
		out.NextToken = operation.SealPage(next, list...)
	}
	return out, nil
}

func (s *Service) showEvent(e *modlog.Event) ModerationEvent {
	shown := ModerationEvent{
		ID: e.ID, Time: chat.FormatTime(e.Time), Action: string(e.Action), UserID: operation.NotEmpty(e.UserID), MessageID: operation.NotEmpty(e.MessageID),
		By: ModerationActor{operation.NotEmpty(e.By.PrincipalARN), operation.NotEmpty(e.By.UserID)}, Reason: operation.NotEmpty(e.Reason), Details: e.Details,
	}
	if e.RoomID != "" {
		shown.RoomArn = new(s.RoomARN(e.RoomID).String())
	}
	return shown
}
