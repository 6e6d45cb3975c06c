package places

import (
	"context"
	"sync"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
)

// findQuestion asks how far a client has received a room's frames.
type findQuestion struct {
	Room  string `json:"room"`
	User  string `json:"user"`
	Agent uint64 `json:"agent"`
}

func (q *findQuestion) client() catchup.Client {
	return catchup.Client{UserID: q.User, Agent: q.Agent}
}

// findAnswer is the place of the client, and the point after which the node has the room's
// frames.
type findAnswer struct {
	Found []catchup.Found `json:"found,omitzero"`
	Has   bool            `json:"has,omitzero"`
	Kept  chat.Point      `json:"kept,omitzero"`
}

// took says that a client has continued at a place on a node.
type took struct {
	findQuestion
	Place catchup.Found `json:"place"`
	By    string        `json:"by"`
}

const (
	// findWithin bounds the wait for the other nodes, while a client waits.
	findWithin = time.Second
	// mostAsks is how many clients one question may be about, and mostAsking how many
	// questions may be on their way. Clients that join meanwhile share the next question.
	mostAsks   = 500
	mostAsking = 4
)

// batches collect the questions of clients that join at the same time.
type batches struct {
	mu     sync.Mutex // guards the fields below
	next   []*batch   // questions that are not sent yet
	asking int
}

// batch is some questions that are sent together, and the answers of the nodes.
type batch struct {
	asks    []findQuestion
	done    chan struct{}
	answers map[string][]findAnswer // by node; readable once done is closed
}

// source is a node that has the frames of a room after a point.
type source struct {
	node string
	kept chat.Point
}

// Find implements messaging.Places.
func (s *Service) Find(ctx context.Context, roomID string, c catchup.Client, log *catchup.Log) *catchup.Elsewhere {
	s.restore(roomID, log)
	var all []catchup.Found
	for _, f := range log.Find(c, s.Self, nil) {
		if f.Version != 0 { // The log knows its own places.
			all = append(all, f)
		}
	}
	answered := map[string]bool{s.Self: true}
	var sources []source
	if len(s.Nodes.Others()) > 0 {
		b, i := s.join(findQuestion{roomID, c.UserID, c.Agent})
		select {
		case <-b.done:
		case <-ctx.Done():
			return nil
		}
		for node, answers := range b.answers {
			if i >= len(answers) {
				continue
			}
			answered[node] = true
			all = append(all, answers[i].Found...)
			if answers[i].Has {
				sources = append(sources, source{node, answers[i].Kept})
			}
		}
	}
	e := log.Choose(c, all, answered)
	if e == nil {
		return nil
	}
	oldest, lost := e.Oldest()
	s.fill(ctx, roomID, log, oldest, lost, sources)
	return e
}

// join adds a question to a batch, and returns its place there.
func (s *Service) join(q findQuestion) (*batch, int) {
	b := &s.batches
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := len(b.next); k == 0 || len(b.next[k-1].asks) >= mostAsks {
		b.next = append(b.next, &batch{done: make(chan struct{})})
	}
	last := b.next[len(b.next)-1]
	last.asks = append(last.asks, q)
	if b.asking < mostAsking {
		b.asking++
		if !s.spawn(s.askBatches) {
			b.asking--
			b.next = nil
			close(last.done)
		}
	}
	return last, len(last.asks) - 1
}

// askBatches sends questions until no batch is left.
func (s *Service) askBatches() {
	for {
		b := &s.batches
		b.mu.Lock()
		if len(b.next) == 0 {
			b.asking--
			b.mu.Unlock()
			return
		}
		one := b.next[0]
		b.next = b.next[1:]
		b.mu.Unlock()
		s.askBatch(one)
	}
}

func (s *Service) askBatch(b *batch) {
	defer close(b.done)
	ctx, cancel := context.WithTimeout(s.ctx, findWithin)
	defer cancel()
	var mu sync.Mutex // guards answers
	answers := map[string][]findAnswer{}
	var asked sync.WaitGroup
	for _, node := range s.Nodes.Others() {
		asked.Go(func() {
			var a []findAnswer
			if s.ask(ctx, node, &question{Find: b.asks}, &a) {
				mu.Lock()
				defer mu.Unlock()
				answers[node] = a
			}
		})
	}
	asked.Wait()
	b.answers = answers
}

// find answers a question for this node.
func (s *Service) find(ctx context.Context, asks []findQuestion) []findAnswer {
	all := make([]findAnswer, len(asks))
	for i := range asks {
		q := &asks[i]
		log := s.Live.Log(q.Room)
		if log == nil && s.lost(q.Room) {
			log, _ = s.Live.Hold(ctx, q.Room) // Without the log, the client starts as a new one.
		}
		if log == nil {
			continue
		}
		s.restore(q.Room, log)
		a := &all[i]
		a.Has = true
		_, a.Kept = log.Span()
		a.Found = log.Find(q.client(), s.Self, s.Live.Confirmed(q.Room, q.client()))
	}
	return all
}

// Took implements messaging.Places.
func (s *Service) Took(roomID string, c catchup.Client, e *catchup.Elsewhere) {
	t := took{findQuestion{roomID, c.UserID, c.Agent}, *e.Place, s.Self}
	s.took(&t)
	s.spawn(func() {
		ctx, cancel := context.WithTimeout(s.ctx, findWithin)
		defer cancel()
		var asked sync.WaitGroup
		for _, node := range s.Nodes.Others() {
			asked.Go(func() {
				var ok bool
				s.ask(ctx, node, &question{Took: []took{t}}, &ok)
			})
		}
		asked.Wait()
	})
}

func (s *Service) took(t *took) {
	if log := s.Live.Log(t.Room); log != nil {
		log.Took(t.client(), s.Self, &t.Place, t.By)
	}
}
