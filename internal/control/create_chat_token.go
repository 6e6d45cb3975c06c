package control

import (
	"context"
	"slices"
	"time"

	"confab/internal/api"
	"confab/internal/chat"
)

// CreateChatTokenInput is what CreateChatToken takes; RoomIdentifier, the ARN,
// and UserID are required.
type CreateChatTokenInput struct {
	Attributes               map[string]string `json:"attributes"`
	Capabilities             []string          `json:"capabilities"`
	RoomIdentifier           *string           `json:"roomIdentifier"`
	SessionDurationInMinutes *int32            `json:"sessionDurationInMinutes"`
	UserID                   *string           `json:"userId"`
}

// CreateChatTokenOutput is the token, the end of the time to connect, and the end of
// the session.
type CreateChatTokenOutput struct {
	SessionExpirationTime *string `json:"sessionExpirationTime,omitzero"`
	Token                 *string `json:"token,omitzero"`
	TokenExpirationTime   *string `json:"tokenExpirationTime,omitzero"`
}

// CreateChatToken issues a token with which one user connects to one room, once.
// Viewing needs no capability.
func (s *Service) CreateChatToken(ctx context.Context, in *CreateChatTokenInput) (*CreateChatTokenOutput, error) {
	var v api.Violations
	t := &chat.Token{
		Room:     v.ARN("roomIdentifier", in.RoomIdentifier, chat.RoomResource),
		Bearer:   chat.Bearer{UserID: v.Required("userId", in.UserID, userIDRule), Attributes: in.Attributes},
		IssuedAt: s.Now(),
	}
	v.Attributes("attributes", in.Attributes, chat.MaxAttributes)
	t.Capabilities = checkCapabilities(&v, in.Capabilities)
	minutes := v.Number("sessionDurationInMinutes", in.SessionDurationInMinutes,
		int(chat.MaxSession/time.Minute), int(chat.DefaultSession/time.Minute))
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.room(ctx, "CreateChatToken", t.Room); err != nil {
		return nil, err
	}
	t.ID = chat.NewTokenID(t.IssuedAt)
	t.SessionExpires = t.IssuedAt.Add(time.Duration(minutes) * time.Minute)
	t.Expires = t.SessionExpires
	if e := t.IssuedAt.Add(s.TokenLifetime); s.TokenLifetime > 0 && e.Before(t.Expires) {
		t.Expires = e
	}
	sealed, err := s.Tokens.Seal(t)
	if err != nil {
		return nil, err
	}
	return &CreateChatTokenOutput{
		Token:                 &sealed,
		TokenExpirationTime:   new(chat.FormatTime(t.Expires)),
		SessionExpirationTime: new(chat.FormatTime(t.SessionExpires)),
	}, nil
}

// checkCapabilities returns each capability once. It reports only the first wrong one,
// because there may be thousands.
func checkCapabilities(v *api.Violations, names []string) []chat.Capability {
	var known []chat.Capability
	for _, name := range names {
		c := chat.Capability(name)
		switch c {
		case chat.SendMessage, chat.DeleteMessage, chat.DisconnectUser:
		default:
			v.Add("capabilities", "must be made of SEND_MESSAGE, DELETE_MESSAGE and DISCONNECT_USER, this has %.64q", name)
			return nil
		}
		if !slices.Contains(known, c) {
			known = append(known, c)
		}
	}
	return known
}
