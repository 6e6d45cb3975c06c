package edge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/rfc6455"
)

// open returns the token of a handshake, unless it is already known to be unusable. Join
// checks it again and redeems it.
func (e *Endpoint) open(ctx context.Context, upgrade *rfc6455.Upgrade) (*chat.Token, error) {
	if len(upgrade.Protocols) != 1 {
		return nil, chat.Errorf(chat.Unauthenticated, "The chat token is missing: it travels as the one value of Sec-WebSocket-Protocol")
	}
	token, err := e.openToken(ctx, upgrade.Protocols[0])
	if err != nil {
		return nil, err
	}
	if !e.now().Before(token.Expires) {
		return nil, chat.Errorf(chat.Unauthenticated, "The chat token has expired")
	}
	if e.spent.has(token.ID) {
		return nil, chat.Errorf(chat.Unauthenticated, "The chat token was used before; every connection needs a new one")
	}
	return token, nil
}

// openingWait is how long a token waits for others that are being opened: longer than a
// storm takes, and not for one whose key is looked for in a database that is stuck.
const openingWait = time.Second

// openToken opens a token. Few are opened at a time: where thousands of handshakes come at
// once, API calls run beside them.
func (e *Endpoint) openToken(ctx context.Context, text string) (*chat.Token, error) {
	taken := true
	select {
	case e.opening <- struct{}{}:
	default:
		late := time.NewTimer(openingWait)
		defer late.Stop()
		select {
		case e.opening <- struct{}{}:
		case <-late.C:
			taken = false
		}
	}
	if taken {
		defer func() { <-e.opening }()
	}
	return e.o.Tokens.Open(ctx, text)
}

// charge counts a handshake with an unusable token against the rate of its address. It
// does not count against the user, who did not send it. It returns cause, or an error if
// the address connects too fast.
func (e *Endpoint) charge(ctx context.Context, address string, cause error) error {
	if !isCode(cause, chat.Unauthenticated) || e.perAddr.wait(ctx, e.stopping, address) {
		return cause
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a turn: %w", err)
	}
	if e.draining.Load() {
		return cause
	}
	return errAddressTooFast
}

func isCode(err error, code chat.Code) bool {
	e, ok := errors.AsType[*chat.Error](err)
	return ok && e.Code == code
}

// spentTokensKept is the minimum number of tokens that spentTokens remembers.
const spentTokensKept = 1 << 16

// spentTokens remembers the latest tokens that were spent on this node, or that were
// found to be spent elsewhere. It is a cache: the database decides.
type spentTokens struct {
	// mu guards recent and older. When recent is full it becomes older.
	mu            sync.Mutex
	recent, older map[[16]byte]struct{}
}

func (s *spentTokens) add(id [16]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent == nil || len(s.recent) >= spentTokensKept {
		s.recent, s.older = make(map[[16]byte]struct{}), s.recent
	}
	s.recent[id] = struct{}{}
}

func (s *spentTokens) has(id [16]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, recent := s.recent[id]; recent {
		return true
	}
	_, older := s.older[id]
	return older
}
