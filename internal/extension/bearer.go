package extension

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
)

// Tokens opens chat tokens: *chattoken.Ring.
type Tokens interface {
	// Open returns the token's content, or Unauthenticated. It does not check the time.
	Open(ctx context.Context, token string) (*chat.Token, error)
}

// Bearer returns who is behind a chat token that stands for a signature: it may have been
// used or not, and counts until its session would end.
func (s *Service) Bearer(ctx context.Context, token string) (*iam.Principal, error) {
	t, err := s.o.Tokens.Open(ctx, token)
	if err != nil {
		return nil, err
	}
	if !s.o.Now().Before(t.SessionExpires) {
		return nil, chat.Errorf(chat.Unauthenticated, "The session of the chat token is over")
	}
	return &iam.Principal{ARN: t.Room.String() + "/" + t.UserID, Name: t.UserID, Account: s.o.Account, Token: t}, nil
}

// moderated is room for operations that a chat token of the room with the capability may
// call, too.
func (s *Service) moderated(ctx context.Context, identifier string, capability chat.Capability, actions ...string) (*chat.Room, error) {
	token := iam.CallFrom(ctx).Principal.Token
	if token == nil {
		return s.room(ctx, identifier, actions...)
	}
	if token.Room.String() != identifier {
		return nil, chat.Errorf(chat.AccessDenied, "The chat token is for another room")
	}
	if !token.Can(capability) {
		return nil, chat.Errorf(chat.AccessDenied, "The chat token does not carry the capability %s", capability)
	}
	return s.o.Rooms.Room(ctx, token.Room.ID)
}
