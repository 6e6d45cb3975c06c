package roomops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/messaging"
)

// SendMessageInput is what SendMessage takes.
type SendMessageInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
	// The user that the message comes from, as Sender.UserId.
	UserID *string `json:"userId" rule:"required 1..128"`
	// The text of the message, at most as long as the room allows.
	Content *string `json:"content" rule:"required"`
	// The message's own attributes, at most 1,024 bytes of keys and values.
	Attributes map[string]string `json:"attributes"`
	// The sender's attributes, as Sender.Attributes, at most 1,024 bytes of keys and
	// values.
	SenderAttributes map[string]string `json:"senderAttributes"`
	// If true, the room's message review handler is not asked. This also needs the action
	// confab:SkipReview.
	SkipReview *bool `json:"skipReview"`
}

// SendMessageOutput is the message as it was delivered.
type SendMessageOutput struct {
	// The Id of the MESSAGE frame.
	ID string `json:"id"`
	// The SendTime of the MESSAGE frame.
	SendTime string `json:"sendTime" rule:"time"`
}

// SendMessage delivers an ordinary message from a bot or a bridge to all clients of a room,
// without a connection. The room's limits on length apply. Its rate, modes, bans and
// filters do not. The room's message review handler is asked, unless skipReview is set. If
// it refuses the message, the answer is an AccessDeniedException with the handler's reason.
func (s *Service) SendMessage(ctx context.Context, in *SendMessageInput) (*SendMessageOutput, error) {
	actions := []string{"SendMessage"}
	skip := in.SkipReview != nil && *in.SkipReview
	if skip {
		actions = append(actions, "SkipReview")
	}
	room, err := s.Room(ctx, *in.RoomIdentifier, actions...)
	if err != nil {
		return nil, err
	}
	if n := chat.AttributesSize(in.SenderAttributes); n > chat.MaxAttributes {
		return nil, chat.InvalidField("senderAttributes", "must have at most %d bytes of keys and values in total, these have %d", chat.MaxAttributes, n)
	}
	id, sent, err := s.o.Live.SendMessage(ctx, room.ARN.ID, &messaging.ServerMessage{
		UserID: *in.UserID, Content: *in.Content, Attributes: in.Attributes, SenderAttributes: in.SenderAttributes,
		SkipReview: skip, SenderIP: iam.CallFrom(ctx).SourceIP.String(),
	})
	if err != nil {
		return nil, err
	}
	return &SendMessageOutput{ID: id, SendTime: chat.FormatTime(sent)}, nil
}
