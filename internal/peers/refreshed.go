package peers

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// A client that joins a room with history may take the place of its connection to another node.
// Many clients join together, when a stream begins or after a node was lost, so one question is
// about all who join within a moment. It names the first client, as questions about one client do,
// and More are the others. The answer is then a list. A node of a release before this knows no
// More: its answer is that for the first client, and the others are asked about one by one.

const (
	// joinGather is the least time between the beginnings of two questions. Clients that join
	// meanwhile share the next one. A client that joins after a pause does not wait.
	joinGather = 5 * time.Millisecond
	// joinMost bounds the clients of one question, and so its size: a message between nodes has at
	// most 1 MiB.
	joinMost = 500
	// joinWithin bounds the wait for answers. It is shorter than the time for which a join waits,
	// so that the answers of some nodes count although others do not answer.
	joinWithin = 150 * time.Millisecond
)

// joining has the clients about which no question was asked yet.
type joining struct {
	mu      sync.Mutex // guards what follows
	waiting []*joiner
	planned bool      // ask will be called
	next    time.Time // when the next question may begin
}

// joiner is a client that waits for its answer.
type joiner struct {
	question  userQuestion
	refreshes chan bool // 1 buffered
}

// RefreshedElsewhere reports whether another node has a session of the client whose end is
// near, which the client therefore replaces. Nodes that do not answer have none.
func (p *Peers) RefreshedElsewhere(ctx context.Context, roomID, userID string, agent uint64) bool {
	c := &joiner{userQuestion{Room: roomID, User: userID, Agent: agent}, make(chan bool, 1)}
	p.joining.add(c, p.askRefreshed)
	select {
	case yes := <-c.refreshes:
		return yes
	case <-ctx.Done():
		return false
	}
}

// add has ask called with the client, and others.
func (j *joining) add(c *joiner, ask func([]*joiner)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, c)
	if !j.planned {
		j.planLocked(ask)
	}
}

func (j *joining) planLocked(ask func([]*joiner)) {
	j.planned = true
	time.AfterFunc(time.Until(j.next), func() { ask(j.take(ask)) })
}

// take returns the clients for a question that begins now. The next one does not wait for its answer.
func (j *joining) take(ask func([]*joiner)) []*joiner {
	j.mu.Lock()
	defer j.mu.Unlock()
	some := j.waiting[:min(len(j.waiting), joinMost)]
	j.waiting = j.waiting[len(some):]
	j.next, j.planned = time.Now().Add(joinGather), false
	if len(j.waiting) > 0 {
		j.planLocked(ask)
	}
	return some
}

// askRefreshed asks the other nodes about clients, and tells each its answer.
func (p *Peers) askRefreshed(clients []*joiner) {
	ctx, cancel := context.WithTimeout(context.Background(), joinWithin)
	defer cancel()
	q := clients[0].question
	for _, c := range clients[1:] {
		q.More = append(q.More, c.question)
	}
	refreshes, single := make([]bool, len(clients)), false
	if body, err := json.Marshal(&q); err == nil {
		answers, _ := p.Node.AskOthers(ctx, topicRefreshed, body)
		for _, a := range answers {
			var list []bool
			if json.Unmarshal(a, &list) != nil || len(list) != len(clients) {
				list = []bool{string(a) == "true"}
				single = len(clients) > 1
			}
			for i, yes := range list {
				refreshes[i] = refreshes[i] || yes
			}
		}
	}
	var asked sync.WaitGroup
	for i, c := range clients {
		if !single || i == 0 || refreshes[i] {
			c.refreshes <- refreshes[i]
			continue
		}
		asked.Go(func() {
			yes, _ := p.askUser(ctx, topicRefreshed, c.question)
			c.refreshes <- yes
		})
	}
	asked.Wait()
}

func (p *Peers) answerRefreshed(_ context.Context, body []byte) ([]byte, error) {
	var q userQuestion
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	first := p.Engine.Refreshed(q.Room, q.User, q.Agent)
	if len(q.More) == 0 {
		return json.Marshal(first)
	}
	list := append(make([]bool, 0, 1+len(q.More)), first)
	for _, c := range q.More {
		list = append(list, p.Engine.Refreshed(c.Room, c.User, c.Agent))
	}
	return json.Marshal(list)
}
