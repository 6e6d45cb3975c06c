package nats

import (
	"context"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
)

// requests are the questions of this node that wait for an answer. The library has requests of
// its own, but they need its lock, also when the context of one ends. So each would need a
// goroutine, which may have to wait for that lock.
type requests struct {
	inbox string // the subjects of answers are this, a dot and a number

	mu      sync.Mutex // guards what follows
	last    uint64
	waiting map[string]chan<- *nats.Msg // by the subjects of the answers
}

func newRequests() *requests {
	return &requests{inbox: nats.NewInbox(), waiting: map[string]chan<- *nats.Msg{}}
}

// begin returns the subject for the answer to a question. The answer is sent to the channel,
// which must have room for it. end must be called.
func (r *requests) begin(answer chan<- *nats.Msg) (reply string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	reply = r.inbox + "." + strconv.FormatUint(r.last, 36)
	r.waiting[reply] = answer
	return reply
}

func (r *requests) end(reply string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, reply)
}

// answered handles an answer. Only the first one to a question counts.
func (r *requests) answered(m *nats.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer := r.waiting[m.Subject]; answer != nil {
		delete(r.waiting, m.Subject)
		answer <- m
	}
}

// Request sends data and returns the answer of the one node that subscribes to the
// subject. It fails immediately when there is none. The data must not be changed afterwards.
func (c *Conn) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if c.away.Load() {
		return nil, errAway
	}
	answer := make(chan *nats.Msg, 1)
	reply := c.requests.begin(answer)
	defer c.requests.end(reply)
	if err := c.outbox.put(message{subject, reply, data}); err != nil {
		return nil, err
	}
	select {
	case m := <-answer:
		if len(m.Data) == 0 && m.Header.Get("Status") == noResponders {
			return nil, nats.ErrNoResponders
		}
		return m.Data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// noResponders is the status of the answer that NATS gives itself when no node subscribes to the
// subject of a question.
const noResponders = "503"
