package extension

import (
	"context"
	"net/netip"

	"confab/internal/chat"
	"confab/internal/iam"
)

// Tokens opens chat tokens: *chattoken.Ring.
type Tokens interface {
	// Open returns the token's content, or Unauthenticated. It does not check the time.
	Open(ctx context.Context, token string) (*chat.Token, error)
}

// Bearer returns the principal of a chat token that is sent instead of a signature. The
// token may have been used to connect. It is accepted until its session would end, or until
// its user is disconnected from the room or banned there, also if that ban has ended since.
// It is not accepted from a banned address. A user may make readsPerSecond calls a second
// from one address.
func (s *Service) Bearer(ctx context.Context, token string, from netip.Addr) (*iam.Principal, error) {
	t, err := s.o.Tokens.Open(ctx, token)
	if err != nil {
		return nil, err
	}
	if !s.o.Now().Before(t.SessionExpires) {
		return nil, chat.Errorf(chat.Unauthenticated, "The session of the chat token is over")
	}
	if err := s.o.Bans.Banned(t.Room.ID, t.UserID, from); err != nil {
		return nil, err
	}
	was, err := s.o.Bans.BannedSince(ctx, t.Room.ID, t.UserID, t.NotIssuedBefore())
	if err != nil {
		return nil, err
	}
	if was {
		return nil, chat.Errorf(chat.Unauthenticated, "The user of the chat token was banned since it was issued")
	}
	gone, err := s.o.History.Disconnected(ctx, t.Room.ID, t.UserID, t.NotIssuedBefore())
	if err != nil {
		return nil, err
	}
	if gone {
		return nil, chat.Errorf(chat.Unauthenticated, "The user of the chat token was disconnected from the room")
	}
	return &iam.Principal{ARN: t.Room.String() + "/" + t.UserID, Name: t.UserID, Account: s.o.Account, Token: t}, nil
}
