package messaging

import (
	"cmp"
	"context"
	"errors"
	"math"

	"confab/internal/chat"
	"confab/internal/pending"
	"confab/internal/quota"
	"confab/internal/traces"
)

// Sequence carries out one operation on a room whose home is this node. It applies bans,
// the room's modes, the room's and the account's rates, content filters, then message
// review, then the room's sequence; see Rule. The
// errors are those of Home.Do, and ErrMoved when another node has become the home.
func (e *Engine) Sequence(ctx context.Context, op Operation) (id string, err error) {
	defer func() { // Also if another home has published the event.
		e.o.Rules.moderated(&op, err)
		err = banning{e}.disconnected(ctx, &op, err)
	}()
	turn, err := e.broker.Await(ctx, op.RoomID, op.ID)
	if errors.Is(err, ErrPublished) {
		return op.ID, nil
	}
	if err != nil {
		return "", err
	}
	var t *traces.Recorder
	if traced(e, &op) {
		t = new(traces.Start(e.now))
	}
	r, settings, err := e.acquire(ctx, op.RoomID, op.Room)
	if err != nil {
		settle(t, e, nil, &op, err)
		return "", err
	}
	defer r.release(e)
	err = r.carryOut(ctx, e, settings, &op, turn, t)
	e.takeBack(r, &op, turn, err)
	settle(t, e, r, &op, err)
	if err != nil && !errors.Is(err, ErrPublished) {
		return "", err
	}
	if err == nil {
		m := e.actions[op.Action]
		m.requests.Inc()
		m.duration.Observe(max(e.now().Sub(op.Received).Seconds(), 0)) // Received may come from another node's clock.
	}
	return op.ID, nil
}

// carryOut carries out an operation on a room, or returns why it is refused.
func (r *room) carryOut(ctx context.Context, e *Engine, settings *chat.Room, op *Operation, turn Turn, t *traces.Recorder) (err error) {
	if err := (banning{e}).forbids(op); err != nil {
		return err
	}
	if op.hidden, err = (banning{e}).hides(op); err != nil {
		return err
	}
	if op.hidden {
		t.Becomes(traces.Hidden, traces.RuleHide)
	}
	j := r.judgement(e, settings, op, turn)
	if j != nil {
		defer func() { j.settle(err) }()
	}
	if err := j.passModes(ctx); err != nil {
		return err
	}
	if err := e.admit(ctx, r, settings, op, turn); err != nil {
		return err
	}
	if err = j.passFilters(ctx, t); err == nil {
		err = banning{e}.hide(r, op, j)
	}
	var f *chat.Frame
	if err == nil {
		f, err = e.frame(ctx, settings, op, j, t)
	}
	if err == nil {
		err = e.publish(ctx, r, f, op, settings, t)
		if f.DisconnectUser != "" && (err == nil || errors.Is(err, ErrMoved)) { // With other errors it may still be delivered.
			e.kicks.Withdraw(f)
		}
	}
	if op.Action == chat.ActionSendMessage && !errors.Is(err, ErrMoved) && chat.CodeOf(err) != chat.Unavailable { // There is no retry.
		e.verdicts.Forget(op.ID)
	}
	if err != nil && chat.CodeOf(err) != chat.Unavailable { // Its frame may be published.
		e.giveBack(r, op)
	}
	return err
}

// admit checks the operation against the room's rate (messages only) and the account's.
// An operation counts only if both admit it.
func (e *Engine) admit(ctx context.Context, r *room, settings *chat.Room, op *Operation, turn Turn) error {
	if op.countsInRoom() && !r.sequencer.Allow(e.now(), turn.Epoch, turn.Messages) {
		return throttled(settings, settings.MaximumMessageRatePerSecond, traces.RuleRoomRate)
	}
	// Another node may keep the account's rate, so no lock is held here.
	if name := accountRates[op.Action]; !e.o.Quotas.Allow(ctx, name) {
		if op.countsInRoom() {
			r.sequencer.GiveBack()
		}
		return throttled(settings, e.o.Quotas.Limit(name), traces.RuleAccountRate)
	}
	return nil
}

// giveBack undoes admit for an operation that delivered nothing. A message that review
// rejects, or that another home takes over, does not count.
func (e *Engine) giveBack(r *room, op *Operation) {
	if op.countsInRoom() {
		r.sequencer.GiveBack()
	}
	e.o.Quotas.GiveBack(accountRates[op.Action])
}

// countsInRoom reports whether the operation counts against the room's rate. Hidden messages do
// not: they would slow down others.
func (op *Operation) countsInRoom() bool {
	return op.Action == chat.ActionSendMessage && !op.FromServer && !op.hidden
}

// accountRates maps each action to the account's quota.
var accountRates = map[chat.Action]quota.Name{
	chat.ActionSendMessage:    quota.SendMessage,
	chat.ActionDeleteMessage:  quota.DeleteMessage,
	chat.ActionDisconnectUser: quota.DisconnectUser,
}

func throttled(settings *chat.Room, limit int, rule string) error {
	return &chat.Error{Code: chat.Throttled, Message: rateLimitExceeded, Resource: settings.ARN, Limit: limit, Rule: rule}
}

// frame returns the frame that the operation delivers. It asks the room's message review
// handler about messages. j is what the rules made of the message; it may be nil.
func (e *Engine) frame(ctx context.Context, settings *chat.Room, op *Operation, j *Judgement, t *traces.Recorder) (*chat.Frame, error) {
	f := &chat.Frame{RoomID: op.RoomID, ID: op.ID, Type: chat.EventFrame, Action: op.Action, Time: op.Received, UserID: op.UserID}
	event := chat.Event{ID: f.ID, RequestID: op.RequestID, SendTime: op.Received}
	switch op.Action {
	case chat.ActionSendMessage:
		m := &chat.Message{
			ID: f.ID, RequestID: op.RequestID, Attributes: op.Attributes, Content: op.Content, SendTime: op.Received,
			UserID: op.UserID, SenderAttributes: op.SenderAttributes,
		}
		if j != nil {
			m.Content, f.Said = j.Content, j.Said
		}
		if settings.Reviewed() && !op.SkipReview {
			sent := *m
			t.Begin()
			reviewed, fallback, err := e.verdicts.Review(ctx, m.ID, e.now(), func(ctx context.Context) (*chat.Message, bool, error) {
				return e.o.Reviewer.Review(ctx, settings, m, op.SenderIP)
			})
			t.Took(traces.Review)
			if err != nil {
				return nil, traces.DeniedBy(fallback, err)
			}
			t.Reviewed(!sent.Same(reviewed), fallback)
			m = reviewed
		}
		f.Type, f.Hidden = chat.MessageFrame, op.hidden
		f.JSON = m.AppendJSON(nil)
		return f, nil
	case chat.ActionDeleteMessage:
		// The second spelling was deprecated in January 2023, but the official JavaScript
		// client still reads only that one.
		event.Name = chat.DeleteMessageEvent
		event.Attributes = map[string]string{"MessageId": op.Target, "MessageID": op.Target, "Reason": op.Reason}
		f.Deletion = &chat.Deletion{MessageID: op.Target, By: cmp.Or(op.By, op.UserID), Reason: op.Reason}
		if op.Sender, f.Hidden = (banning{e}).senderOf(ctx, op); f.Hidden {
			f.UserID = op.Sender
		}
	case chat.ActionDisconnectUser:
		event.Name = chat.DisconnectUserEvent
		event.Attributes = map[string]string{"UserId": op.Target, "Reason": op.Reason}
		f.DisconnectUser = op.Target
	case chat.ActionSendEvent:
		event.Name, event.Attributes = op.EventName, op.Attributes
	default:
		return nil, chat.Errorf(chat.Invalid, "unknown action %q", op.Action)
	}
	f.JSON = event.AppendJSON(nil)
	return f, nil
}

// publish gives f its place in the room's order and publishes it. If the room is recorded, the
// transcript gets the frame first. One group commit serves all frames that wait meanwhile.
func (e *Engine) publish(ctx context.Context, r *room, f *chat.Frame, op *Operation, settings *chat.Room, t *traces.Recorder) error {
	t.Begin()
	defer t.Took(traces.Publish)
	q := &r.sequencer
	if err := e.lockInTurn(ctx, r, f, op); err != nil {
		return err
	}
	q.Sequence = f.Sequence
	// The room may have changed during the review. A room that was deleted meanwhile
	// keeps its last readers.
	now := r.state.Load()
	if now.err == nil {
		settings = now.settings
	}
	f.LoggingConfigurations, f.Keep = settings.LoggingConfigurations, now.extensions.History
	if e.o.Webhooks != nil {
		f.Webhooks = e.o.Webhooks.For(settings, f.Action)
	}
	if f.Hidden {
		f.LoggingConfigurations, f.Webhooks = nil, nil
		e.o.Rules.Traces.Hide(f.ID, f.UserID)
	}
	recorded := len(f.LoggingConfigurations) > 0 || len(f.Webhooks) > 0 || f.Keep > 0
	if !recorded && q.Waiting.Empty() {
		safe := e.broker.Publish(f)
		q.Unlock()
		return pending.Await(ctx, safe)
	}
	var store func(*chat.Frame) <-chan struct{}
	if recorded {
		store = e.o.Transcript.Queue
		if op.Again { // An earlier home may have stored it and not published it.
			store(f.Withdrawal(f.Epoch, f.Sequence-1))
		}
	}
	n := q.Waiting.Add(e.broker, f, store)
	q.Unlock()

	if recorded {
		t.Took(traces.Publish)
		e.o.Transcript.Write()
		n.Durable()
		t.Took(traces.Transcript)
		if e.o.Transcript.Failing() {
			t.Unstored()
		}
	}
	q.Lock()
	q.Waiting.Publish(e.broker)
	q.Unlock()
	return n.Await(ctx, e.stopped, func() { e.o.Transcript.Append(f.Withdrawal(f.Epoch, f.Sequence)) })
}

// takeBack withdraws what an earlier home of the room may have stored and not published of an
// operation that is refused now.
func (e *Engine) takeBack(r *room, op *Operation, turn Turn, err error) {
	if !op.Again || err == nil || errors.Is(err, ErrPublished) || errors.Is(err, ErrMoved) || chat.CodeOf(err) == chat.Unavailable {
		return
	}
	f := &chat.Frame{RoomID: op.RoomID, ID: op.ID, Time: op.Received, Keep: r.state.Load().extensions.History}
	f = f.Withdrawal(turn.Epoch, math.MaxInt64)
	if op.Action == chat.ActionDeleteMessage {
		f.Deletion = &chat.Deletion{MessageID: op.Target}
	}
	e.o.Transcript.Append(f)
}

// lockInTurn gives f its place and returns with the sequencer locked. A message that was
// reviewed while the cluster changed waits for the room's next turn. Kicks and the checks
// for them are made under the same lock, so no frame of a user's ended session gets a
// place behind the kick.
func (e *Engine) lockInTurn(ctx context.Context, r *room, f *chat.Frame, op *Operation) error {
	q := &r.sequencer
	for {
		q.Lock()
		if op.Joined != nil && e.kicks.Ended(f.RoomID, op.UserID, *op.Joined, e.now()) {
			q.Unlock()
			return ErrKicked
		}
		// All nodes may ask for the event of a ban, and again while it waits for the transcript.
		var n *pending.Frame
		if f.DisconnectUser != "" {
			if e.kicks.Delivered(f) { // A single node knows it by this alone.
				q.Unlock()
				return ErrPublished
			}
			n = q.Waiting.Find(f.ID)
		}
		if n != nil {
			if q.Unlock(); n.Left() {
				return ErrPublished
			}
			if _, err := e.broker.Await(ctx, f.RoomID, f.ID); err != nil { // ErrPublished, unless it failed.
				return err
			}
			continue
		}
		f.Epoch, f.Sequence = r.born, q.Sequence+1
		err := e.broker.Next(f)
		if err == nil {
			if f.DisconnectUser != "" {
				e.kicks.Number(f, e.now())
			}
			return nil
		}
		q.Unlock()
		if !errors.Is(err, ErrNotNow) {
			return err
		}
		if _, err := e.broker.Await(ctx, f.RoomID, f.ID); err != nil {
			return err
		}
	}
}
