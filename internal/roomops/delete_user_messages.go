package roomops

import (
	"context"
	"strconv"

	"confab/internal/chat"
	"confab/internal/erasure"
	"confab/internal/iam"
	"confab/internal/modlog"
	"confab/internal/operation"
)

// DeleteUserMessagesInput is what DeleteUserMessages takes.
type DeleteUserMessagesInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
	// The user whose messages are deleted.
	UserID *string `json:"userId" rule:"required 1..128"`
	// The earliest sendTime of the messages; as far back as the room keeps them if it is
	// absent.
	Since *string `json:"since" rule:"time"`
	// The reason. Clients get it with each message, and the history keeps it.
	Reason *string `json:"reason" rule:"0..256"`
}

// DeleteUserMessagesOutput is the number of messages.
type DeleteUserMessagesOutput struct {
	// How many messages are deleted, at most 500.
	Deleted int64 `json:"deleted"`
}

// DeleteUserMessages deletes the messages of a user in a room with history (the tag
// confab:history), as DeleteMessage does with one: clients get an aws:DELETE_MESSAGE event
// for each, and the history keeps it, marked as deleted. At most 500 messages are deleted,
// the newest first, at the room's maximumMessageRatePerSecond. It answers when they are
// deleted, or after five seconds while the rest follows. If the answer is 500, call it
// again. A chat token with DELETE_MESSAGE is accepted instead of a signature, for its room.
func (s *Service) DeleteUserMessages(ctx context.Context, in *DeleteUserMessagesInput) (*DeleteUserMessagesOutput, error) {
	room, err := s.Moderated(ctx, *in.RoomIdentifier, chat.DeleteMessage, "DeleteUserMessages")
	if err != nil {
		return nil, err
	}
	by := iam.CallFrom(ctx).Principal.ARN
	what := erasure.CleanUp{UserID: *in.UserID, Since: operation.Time(in.Since), By: by, Reason: operation.String(in.Reason)}
	n, err := s.o.CleanUps.Clean(ctx, room, what)
	if err != nil {
		return nil, err
	}
	s.o.Moderation.Note(&modlog.Event{
		ID: chat.NewID(), Time: s.Now(), Action: modlog.DeleteUserMessages, RoomID: room.ARN.ID, UserID: what.UserID,
		By: modlog.ActorOf(by), Reason: what.Reason, Details: map[string]string{"deleted": strconv.Itoa(n)},
	})
	return &DeleteUserMessagesOutput{Deleted: int64(n)}, nil
}
