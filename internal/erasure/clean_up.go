package erasure

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/messaging"
)

// Cleaner deletes the messages of a user in one room as a moderator does: one event for
// each, at the room's rate. The history keeps them, marked as deleted.
type Cleaner struct {
	o     CleanerOptions
	grace context.Context

	mu    sync.Mutex // guards rooms, and the fields of its elements
	rooms map[string]*cleaning
}

// Live is the live rooms: *messaging.Engine.
type Live interface {
	DeleteMessage(ctx context.Context, roomID, messageID, reason, by string) (string, error)
}

// CleanerOptions configure a Cleaner. All fields are required.
type CleanerOptions struct {
	Live    Live
	History History
	// SentBy returns the messages of a user that nodes have in memory: peers.Peers.SentBy.
	SentBy func(ctx context.Context, roomID, userID string, since time.Time) []messaging.Sent
	Log    *slog.Logger
}

// History lists the messages that rooms keep: *history.DB.
type History interface {
	List(ctx context.Context, q history.Query) ([]history.Message, *history.Cursor, error)
}

// NewCleaner returns a Cleaner. When grace ends, it stops to work.
func NewCleaner(grace context.Context, o CleanerOptions) *Cleaner {
	return &Cleaner{o: o, grace: grace, rooms: map[string]*cleaning{}}
}

// CleanUp says which messages are deleted, by whom (an ARN) and why.
type CleanUp struct {
	UserID string
	// Since is the earliest send time of the messages; the zero time sets no bound.
	Since      time.Time
	By, Reason string
}

const (
	// mostCleaned is how many messages one clean-up deletes.
	mostCleaned = 500
	// mostWaiting is how many messages of one room may wait to be deleted.
	mostWaiting = 10_000
	// findWithin bounds the search for messages. answerWithin is how long a clean-up waits
	// for deletions; the rest come after its answer.
	findWithin   = 10 * time.Second
	answerWithin = 5 * time.Second
	// mostFailures is how many attempts in a row may fail before the work is abandoned.
	// They are a second apart.
	mostFailures = 10
)

// cleaning is the work in one room. One goroutine does it.
type cleaning struct {
	waiting []deletion
	ids     map[string]bool // of waiting
}

// deletion is a message that waits to be deleted.
type deletion struct {
	id   string
	of   *CleanUp
	left *countdown
}

// countdown is closed when all messages of one clean-up are deleted, or cannot be.
type countdown struct {
	n    int
	done chan struct{}
}

// Clean deletes the newest 500 messages of a user that the history or the memory of a node
// has, the newest first, and returns their number. It returns when they are deleted, or
// after some seconds; then the rest is deleted in the background. Messages that an earlier
// call on this node still has to delete do not count again.
func (c *Cleaner) Clean(ctx context.Context, room *chat.Room, what CleanUp) (int, error) {
	ids, err := c.find(ctx, room, &what)
	if err != nil {
		return 0, err
	}
	n, done, err := c.add(room, &what, ids)
	if err != nil {
		return 0, err
	}
	timer := time.NewTimer(answerWithin)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return n, nil
}

// find returns the ids of the messages, the newest first. It asks the history and the
// nodes: the history lacks messages that could not be stored, and nodes keep only the
// latest ones.
func (c *Cleaner) find(ctx context.Context, room *chat.Room, what *CleanUp) ([]string, error) {
	extensions, _ := chat.ExtensionsOf(room.Tags)
	if extensions.History == 0 {
		return nil, nil
	}
	oldest := time.Now().Add(-extensions.History)
	sent := c.o.SentBy(ctx, room.ARN.ID, what.UserID, what.Since)
	sent = slices.DeleteFunc(sent, func(m messaging.Sent) bool { return m.Time.Before(oldest) })
	q := history.Query{RoomID: room.ARN.ID, NewestFirst: true, UserID: what.UserID, Start: what.Since, NotBefore: oldest, IncludeHidden: true}
	for until, n := time.Now().Add(findWithin), 0; n < mostCleaned && time.Now().Before(until); {
		q.Max = mostCleaned - n
		page, next, err := c.o.History.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			sent = append(sent, messaging.Sent{ID: page[i].ID, Time: page[i].SendTime})
		}
		if n += len(page); next == nil {
			break
		}
		q.After = next
	}
	slices.SortStableFunc(sent, func(a, b messaging.Sent) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID)) })
	ids := make([]string, 0, min(len(sent), mostCleaned))
	for i, m := range sent {
		if len(ids) < mostCleaned && (i == 0 || m.ID != sent[i-1].ID) {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

// add queues messages to be deleted, except those that are queued already. It returns their
// number, and a channel that is closed when they are deleted.
func (c *Cleaner) add(room *chat.Room, what *CleanUp, ids []string) (n int, done <-chan struct{}, err error) {
	left := &countdown{done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	work := c.rooms[room.ARN.ID]
	if work != nil && len(work.waiting)+len(ids) > mostWaiting {
		return 0, nil, &chat.Error{
			Code: chat.Throttled, Resource: room.ARN, Limit: mostWaiting,
			Message: "So many messages of the room wait to be deleted that no more are taken; try again later",
		}
	}
	started := work != nil
	if !started {
		work = &cleaning{ids: map[string]bool{}}
	}
	for _, id := range ids {
		if !work.ids[id] {
			work.ids[id] = true
			work.waiting = append(work.waiting, deletion{id, what, left})
			left.n++
		}
	}
	switch {
	case left.n == 0:
		close(left.done)
	case !started:
		c.rooms[room.ARN.ID] = work
		go c.work(room.ARN.ID, work, room.MaximumMessageRatePerSecond)
	}
	return left.n, left.done, nil
}

// work deletes messages of a room until none is queued.
func (c *Cleaner) work(roomID string, work *cleaning, rate int) {
	pace := time.NewTicker(time.Second / time.Duration(max(rate, 1)))
	defer pace.Stop()
	failures := 0
	for {
		next, ok := c.next(roomID, work)
		if !ok {
			return
		}
		_, err := c.o.Live.DeleteMessage(c.grace, roomID, next.id, next.of.Reason, next.of.By)
		wait := pace.C
		switch {
		case err == nil:
			failures = 0
			c.finish(work, 1)
		case chat.CodeOf(err) == chat.Throttled: // The account's quota is used up.
		case failures < mostFailures && chat.CodeOf(err) != chat.NotFound:
			failures++
			wait = time.After(time.Second)
		default:
			c.abandon(roomID, work, err)
			return
		}
		select {
		case <-wait:
		case <-c.grace.Done():
			c.abandon(roomID, work, c.grace.Err())
			return
		}
	}
}

// next returns the next message to delete. If there is none, it ends the work of the room.
func (c *Cleaner) next(roomID string, work *cleaning) (deletion, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(work.waiting) == 0 {
		delete(c.rooms, roomID)
		return deletion{}, false
	}
	return work.waiting[0], true
}

// finish removes the first n messages from the queue.
func (c *Cleaner) finish(work *cleaning, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range work.waiting[:n] {
		delete(work.ids, m.id)
		if m.left.n--; m.left.n == 0 {
			close(m.left.done)
		}
	}
	work.waiting = work.waiting[n:]
}

// abandon ends the work of a room with an error. The next call deletes the rest.
func (c *Cleaner) abandon(roomID string, work *cleaning, err error) {
	c.mu.Lock()
	delete(c.rooms, roomID)
	left := len(work.waiting)
	c.mu.Unlock()
	c.finish(work, left)
	if chat.CodeOf(err) != chat.NotFound {
		c.o.Log.LogAttrs(c.grace, slog.LevelWarn, "A clean-up was not completed", slog.String("room", roomID), slog.Int("left", left), slog.Any("error", err))
	}
}
