package messaging

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/members"
	"confab/internal/quota"
	"confab/internal/traces"
)

// The limits of a frame that a client sends. The rate is the service's quota of messaging
// requests per connection. It always applies. The reason's limit is that of the HTTP
// operations. The request id's limit is ours: SDKs send a UUID.
const (
	RequestsPerSecond  = 10
	MaxRequestIDLength = 256                              // bytes
	maxReasonLength    = 256                              // code points
	maxUserIDLength    = 128                              // code points
	messageTooLong     = "Message exceeds maximum length" // compared literally by applications
	rateLimitExceeded  = "rate limit exceeded"            // compared literally by applications
)

// Session is one connection of one user to one room.
type Session struct {
	engine *Engine
	room   *room
	member members.Member
	replay int // how many messages of the history it gets first
	rate   quota.Bucket
}

// Client is what is known of a client that joins.
type Client struct {
	IP netip.Addr
	// Agent is a hash of its User-Agent, 0 if it is unknown.
	Agent uint64
	// History is how many messages of the room's history it asks for, from 0 to 200. Empty
	// leaves that to the room.
	History string
}

// Join adds the bearer of t to its room and returns their session. Every check comes
// before the token is spent. The caller adds the connection to the session's Audience
// before it reports the client as connected, and calls Leave when the connection is gone.
// conn may be ended as soon as Join is called.
//
// Errors: Unauthenticated (the token is expired or was used before), AccessDenied (the user
// is banned), Invalid (the number of messages is not valid), NotFound (room deleted),
// QuotaExceeded (the account's connections), Unavailable (the database does not answer).
func (e *Engine) Join(ctx context.Context, t *chat.Token, conn members.Conn, client Client) (*Session, error) {
	now := e.now()
	if !now.Before(t.Expires) {
		return nil, chat.Errorf(chat.Unauthenticated, "The chat token has expired")
	}
	if err := (banning{e}).refuses(t, client.IP); err != nil {
		return nil, err
	}
	r, settings, err := e.acquire(ctx, t.Room.ID, nil)
	if err != nil {
		return nil, err
	}
	if limit := e.o.Quotas.Limit(quota.ConcurrentConnections); e.connections.Add(1)+e.otherConnections() > int64(limit) && limit > 0 {
		e.connections.Add(-1)
		r.release(e)
		return nil, &chat.Error{
			Code: chat.QuotaExceeded, Limit: limit, Resource: settings.ARN,
			Message: "The account has as many concurrent connections as its quota allows",
		}
	}
	s := &Session{engine: e, room: r, rate: quota.NewBucket(RequestsPerSecond)}
	m := &s.member
	m.Conn, m.Bearer, m.IP, m.Agent, m.Since = conn, t.Bearer, client.IP, client.Agent, now
	replay, err := s.replayOf(client.History)
	if err == nil {
		m.Joined, err = r.enter(ctx, e)
	}
	if err == nil {
		err = e.o.Tokens.Redeem(ctx, t, client.IP)
	}
	if err != nil {
		e.connections.Add(-1)
		r.release(e)
		return nil, err
	}
	s.prepareReplay(ctx, replay)
	r.members.Prepare(ctx)
	// The token has its end in wall time. From here on the session has this much time,
	// even if the wall clock is set.
	m.Expires = now.Add(t.SessionExpires.Sub(now))
	places := s.elsewhere(ctx)
	r.add(s, places)
	if places != nil && places.Taken {
		e.o.CatchUp.Places.Took(r.id, m.Client(), places)
	}
	e.o.Metrics.ConcurrentChatConnections.Inc()
	// If the room was deleted or the user banned while the token was spent, the sessions
	// were ended without this one.
	if _, err = r.settings(); err == nil {
		err = banning{e}.refuses(t, client.IP)
	}
	if err != nil {
		s.Leave()
		return nil, err
	}
	return s, nil
}

// otherConnections returns how many connections of other nodes count against the quota.
func (e *Engine) otherConnections() int64 {
	if e.o.OtherConnections == nil {
		return 0
	}
	return int64(e.o.OtherConnections())
}

// Leave removes the session of a connection that was lost before it was accepted. Either
// Leave or Part is called, once.
func (s *Session) Leave() { s.Part(catchup.Lost) }

func (s *Session) leave() {
	s.room.members.Remove(&s.member)
	s.room.release(s.engine)
	s.engine.connections.Add(-1)
	s.engine.o.Metrics.ConcurrentChatConnections.Dec()
}

// AskElsewhere asks the other nodes for sessions of the user in the room, and calls then.
// EndsLast counts what they have. A node that does not answer counts as having one. On a
// single node, then is called at once.
func (s *Session) AskElsewhere(ctx context.Context, then func()) {
	ask := s.engine.o.UserElsewhere
	if ask == nil {
		then()
		return
	}
	go func() {
		if ask(ctx, s.room.id, s.member.UserID) {
			s.room.members.EndsBeside(&s.member, s.engine.now())
		}
		then()
	}()
}

// Beside reports whether the user has sessions in the room on this node. A session of the
// user on another node is over, and these count as beside it for a while.
func (e *Engine) Beside(roomID, userID string) bool {
	r := e.find(roomID)
	if r == nil {
		return false
	}
	defer r.release(e)
	return r.members.Beside(userID, e.now())
}

// EndsLast reports whether the session, whose time is over, is the only one of its
// user in the room, as far as this node knows. It is called once, before Leave.
func (s *Session) EndsLast() bool { return s.room.members.EndsLast(&s.member, s.engine.now()) }

// Audience returns the fan-out of the session's room, as Options.NewAudience made it.
func (s *Session) Audience() Audience { return s.room.audience }

// Expires returns when the session is over, with the monotonic reading of the engine's
// clock. A wall clock that is set meanwhile does not move it.
func (s *Session) Expires() time.Time { return s.member.Expires }

// Request holds what all requests of a client have in common.
type Request struct {
	// ID is echoed in the frame that answers. It is empty if the client gave none.
	ID string
	// Received is when the frame arrived.
	Received time.Time
	// OverRate is the result of Count.
	OverRate bool
}

// Count counts one request, valid or not, against the connection's ten a second and reports whether
// it is over that rate. It comes first. The refusal itself comes after the checks of capability and
// fields, in the order of the service. Calls are made one after another, in the order of arrival.
func (s *Session) Count(now time.Time) (overRate bool) { return !s.rate.Allow(now) }

// SendMessage delivers content to everybody in the room, the sender included.
//
// Errors, in the order of the checks: Unauthenticated (the session is over), AccessDenied (no
// such capability), Invalid (content empty or longer than the room allows), TooLarge
// (attributes, request id), NotFound (room deleted), Throttled, Rejected (by review).
func (s *Session) SendMessage(ctx context.Context, req Request, content string, attributes map[string]string) error {
	if err := s.checkMessage(req, content, attributes); err != nil {
		return s.refuse(req, "", err)
	}
	return s.do(ctx, req, Operation{
		Action: chat.ActionSendMessage, Content: content, Attributes: attributes,
		SenderAttributes: s.member.Attributes,
	})
}

// checkMessage makes the checks of SendMessage that need neither rates nor the home.
func (s *Session) checkMessage(req Request, content string, attributes map[string]string) error {
	if err := s.permit(req, chat.SendMessage); err != nil {
		return err
	}
	settings, err := s.room.settings()
	if err != nil {
		return err
	}
	switch {
	case !chat.Visible(content):
		return chat.InvalidField("Content", "it must hold something besides white space").By(traces.RuleContent)
	case messageLength(content) > settings.MaximumMessageLength:
		return chat.Errorf(chat.Invalid, messageTooLong).By(traces.RuleLength)
	case chat.AttributesSize(attributes) > chat.MaxAttributes:
		return tooLarge("Attributes", chat.MaxAttributes, "bytes of keys and values together").By(traces.RuleAttributes)
	}
	return nil
}

// messageLength is the length that counts. The service was observed to trim the content
// before it measures it, and to deliver it untrimmed.
func messageLength(content string) int { return utf8.RuneCountInString(strings.TrimSpace(content)) }

// DeleteMessage tells everybody in the room to remove a message. The errors are those of
// SendMessage, without Rejected.
func (s *Session) DeleteMessage(ctx context.Context, req Request, messageID, reason string) error {
	if err := s.permit(req, chat.DeleteMessage); err != nil {
		return err
	}
	if !chat.ValidID(messageID) {
		return chat.InvalidField("Id", "it must be the Id of a message: %d letters and digits", chat.IDLength)
	}
	if utf8.RuneCountInString(reason) > maxReasonLength {
		return tooLarge("Reason", maxReasonLength, "characters")
	}
	return s.do(ctx, req, Operation{Action: chat.ActionDeleteMessage, Target: messageID, Reason: reason})
}

// DisconnectUser ends all sessions of the user in the room. The errors are those of
// SendMessage, without Rejected.
func (s *Session) DisconnectUser(ctx context.Context, req Request, userID, reason string) error {
	if err := s.permit(req, chat.DisconnectUser); err != nil {
		return err
	}
	switch {
	case userID == "":
		return chat.InvalidField("UserId", "it must not be empty")
	case utf8.RuneCountInString(userID) > maxUserIDLength:
		return tooLarge("UserId", maxUserIDLength, "characters")
	case utf8.RuneCountInString(reason) > maxReasonLength:
		return tooLarge("Reason", maxReasonLength, "characters")
	}
	return s.do(ctx, req, Operation{Action: chat.ActionDisconnectUser, Target: userID, Reason: reason})
}

// permit makes the checks that all requests share, up to the capability.
func (s *Session) permit(req Request, c chat.Capability) error {
	switch {
	case !req.Received.Before(s.member.Expires):
		return chat.Errorf(chat.Unauthenticated, "%s", ending.SessionOver.Message).By(traces.RuleSession)
	case !s.member.Can(c):
		return chat.Errorf(chat.AccessDenied, "The chat token does not carry the capability %s", c).By(traces.RuleCapability)
	case len(req.ID) > MaxRequestIDLength:
		return tooLarge("RequestId", MaxRequestIDLength, "bytes").By(traces.RuleRequestID)
	}
	return nil
}

// do sends a checked request to the room's home. ErrKicked means that the session is
// ending, and that there is no answer.
func (s *Session) do(ctx context.Context, req Request, op Operation) error {
	op.Room = s.room.state.Load().carried
	op.UserID, op.SenderIP, op.Joined, op.Staff = s.member.UserID, s.member.IP.String(), &s.member.Joined, s.member.Staff()
	op.RoomID, op.RequestID, op.Received, op.ID = s.room.id, req.ID, req.Received, chat.NewID()
	err := s.checkRequest(req, &op)
	asked := err == nil
	if asked {
		_, err = s.engine.home.Do(ctx, op)
	}
	// The home has recorded what it refused. If it was not asked, or did not answer, the
	// attempt is recorded here.
	if err != nil && op.Action == chat.ActionSendMessage && (!asked || chat.CodeOf(err) == chat.Unavailable) {
		return s.refuse(req, op.ID, err)
	}
	return err
}

// checkRequest makes the checks of do that need no home.
func (s *Session) checkRequest(req Request, op *Operation) error {
	if req.OverRate {
		return chat.Errorf(chat.Throttled, rateLimitExceeded).By(traces.RuleConnection)
	}
	if _, err := s.room.settings(); err != nil {
		return err
	}
	if err := (banning{s.engine}).forbids(op); err != nil {
		return err
	}
	_, err := banning{s.engine}.hides(op) // A home of an earlier release does not know such a ban.
	return err
}

func tooLarge(field string, limit int, unit string) *chat.Error {
	return chat.Errorf(chat.TooLarge, "%s is too large: at most %d %s are allowed", field, limit, unit)
}
