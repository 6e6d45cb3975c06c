package messaging

import (
	"context"
	"sync"

	"confab/internal/chat"
	"confab/internal/quota"
)

// Do carries out one operation on a room whose home this node is: the room's
// and the account's rates, an id and the time of receipt, message review, and
// then the room's sequence. It implements Home.
func (e *Engine) Do(ctx context.Context, op Operation) (string, error) {
	r, settings, err := e.acquire(ctx, op.RoomID)
	if err != nil {
		return "", err
	}
	defer r.release(e)
	if err := e.admit(r, settings, op.Action); err != nil {
		return "", err
	}
	f, err := e.frame(ctx, settings, op)
	if err != nil {
		return "", err
	}
	if err := e.publish(ctx, r, f, settings); err != nil {
		return "", err
	}
	m := e.actions[op.Action]
	m.requests.Inc()
	m.duration.Observe(e.now().Sub(op.Received).Seconds())
	return f.ID, nil
}

// admit holds the operation against the room's rate (messages only) and the
// account's. Only what both admit is counted by either.
func (e *Engine) admit(r *room, settings *chat.Room, action Action) error {
	name := accountRates[action]
	if action != ActionSendMessage {
		if !e.o.Quotas.Allow(name) {
			return throttled(settings, e.o.Quotas.Limit(name))
		}
		return nil
	}
	r.sequencer.mu.Lock()
	defer r.sequencer.mu.Unlock()
	taken := r.sequencer.rate
	switch {
	case !taken.Allow(e.now()):
		return throttled(settings, settings.MaximumMessageRatePerSecond)
	case !e.o.Quotas.Allow(name):
		return throttled(settings, e.o.Quotas.Limit(name))
	}
	r.sequencer.rate = taken
	return nil
}

// accountRates names the account's quota behind each action.
var accountRates = map[Action]quota.Name{
	ActionSendMessage:    quota.SendMessage,
	ActionDeleteMessage:  quota.DeleteMessage,
	ActionDisconnectUser: quota.DisconnectUser,
}

func throttled(settings *chat.Room, limit int) error {
	return &chat.Error{Code: chat.Throttled, Message: rateLimitExceeded, Resource: settings.ARN, Limit: limit}
}

// frame makes the frame that the operation delivers, and asks the room's
// message review handler about messages.
func (e *Engine) frame(ctx context.Context, settings *chat.Room, op Operation) (*Frame, error) {
	f := &Frame{RoomID: op.RoomID, ID: chat.NewID(), Type: chat.EventFrame, Action: op.Action, Time: op.Received}
	event := chat.Event{ID: f.ID, RequestID: op.RequestID, SendTime: op.Received}
	switch op.Action {
	case ActionSendMessage:
		m := &chat.Message{
			ID: f.ID, RequestID: op.RequestID, Attributes: op.Attributes, Content: op.Content, SendTime: op.Received,
			UserID: op.UserID, SenderAttributes: op.SenderAttributes,
		}
		if settings.Reviewed() {
			var err error
			if m, err = e.o.Reviewer.Review(ctx, settings, m, op.SenderIP); err != nil {
				return nil, err
			}
		}
		f.Type = chat.MessageFrame
		f.JSON = m.AppendJSON(nil)
		return f, nil
	case ActionDeleteMessage:
		// The second spelling was deprecated in January 2023 and is still the
		// only one that the official JavaScript client reads.
		event.Name = chat.DeleteMessageEvent
		event.Attributes = map[string]string{"MessageId": op.Target, "MessageID": op.Target, "Reason": op.Reason}
	case ActionDisconnectUser:
		event.Name = chat.DisconnectUserEvent
		event.Attributes = map[string]string{"UserId": op.Target, "Reason": op.Reason}
		f.DisconnectUser = op.Target
	case ActionSendEvent:
		event.Name, event.Attributes = op.EventName, op.Attributes
	default:
		return nil, chat.Errorf(chat.Invalid, "unknown action %q", op.Action)
	}
	f.JSON = event.AppendJSON(nil)
	return f, nil
}

// sequencer gives the frames of a room their order. mu guards all fields and is
// held while a frame is published, so that numbers and frames go out together.
type sequencer struct {
	mu       sync.Mutex
	rate     quota.Bucket
	sequence uint64
	// waiting are the frames that have a number and are not published yet,
	// because they, or one before them, are not in the transcript yet.
	waiting []*numbered
}

type numbered struct {
	frame     *Frame
	durable   <-chan struct{} // nil: nobody waits for it to be durable
	published chan struct{}
	err       error // of Publish; readable once published is closed
}

func (q *sequencer) setRate(perSecond int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate.SetRate(perSecond)
}

// publish gives f its place in the room's order and publishes it, after the
// transcript has it if the room is recorded. Frames wait for the transcript
// together: a group commit serves all that were sequenced in the meantime.
func (e *Engine) publish(ctx context.Context, r *room, f *Frame, settings *chat.Room) error {
	q := &r.sequencer
	q.mu.Lock()
	q.sequence++
	f.Sequence = q.sequence
	// The room may have been changed while its handler thought; one that was
	// deleted meanwhile keeps its last readers.
	if now, err := r.settings(); err == nil {
		settings = now
	}
	recorded := settings.Recorded()
	f.LoggingConfigurations = settings.LoggingConfigurations
	if !recorded && len(q.waiting) == 0 {
		defer q.mu.Unlock()
		return e.broker.Publish(ctx, f)
	}
	n := &numbered{frame: f, published: make(chan struct{})}
	if recorded {
		n.durable = e.o.Transcript.Append(f)
	}
	q.waiting = append(q.waiting, n)
	q.mu.Unlock()

	if n.durable != nil {
		<-n.durable // Bounded: the transcript gives up by itself.
	}
	e.publishDurable(ctx, q)
	<-n.published
	return n.err
}

// publishDurable publishes the frames at the head of the queue that need not
// wait any more.
func (e *Engine) publishDurable(ctx context.Context, q *sequencer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 {
		n := q.waiting[0]
		if n.durable != nil {
			select {
			case <-n.durable:
			default:
				return
			}
		}
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		// A sender who is gone must not take others' frames along.
		n.err = e.broker.Publish(context.WithoutCancel(ctx), n.frame)
		close(n.published)
	}
}
