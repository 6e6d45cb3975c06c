package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/quota"
)

// How long an operation may take, how often its home is asked, and how long a
// home remembers its answer.
const (
	doWithin  = 10 * time.Second
	askAgain  = 2 * time.Second
	callsLast = 15 * time.Second
	retryWait = 20 * time.Millisecond
)

// Do carries an operation out at the room's home, wherever that moves meanwhile.
// A node that the others go on without answers at once: its sessions move, and
// their clients shall not be left waiting for what no home will hear.
func (n *Node) Do(ctx context.Context, op messaging.Operation) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, doWithin)
	defer cancel()
	n.mu.Lock()
	part := n.part
	n.mu.Unlock()
	defer context.AfterFunc(part, cancel)()
	a := n.expect(op.ID)
	defer n.expectNoMore(op.ID, a)
	for {
		select {
		case <-a.settled: // The answer was lost, and its home may be gone: nobody need be asked.
			return op.ID, a.wait(ctx)
		default:
		}
		n.mu.Lock()
		home, view, changed, viewCtx := n.view.home(op.RoomID), n.view.ID, n.changed, n.viewCtx
		n.mu.Unlock()
		var id string
		err := messaging.ErrMoved
		switch home {
		case "":
		case n.o.ID:
			id, err = n.engine.Sequence(ctx, op)
		default:
			id, err = n.ask(ctx, viewCtx, home, doQuestion{view, op})
		}
		switch {
		case err == nil:
			return id, a.wait(ctx)
		case !errors.Is(err, messaging.ErrMoved):
			return "", err
		}
		retry := time.NewTimer(retryWait)
		select {
		case <-changed:
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
		if ctx.Err() != nil {
			return "", chat.Errorf(chat.Unavailable, "The room cannot be reached right now; try again")
		}
	}
}

// doQuestion asks a home to carry an operation out. Only a home that is in the
// asker's view does: what it publishes in another need not reach the asker.
type doQuestion struct {
	View ViewID              `json:"view"`
	Op   messaging.Operation `json:"op"`
}

// doAnswer is the answer of a home. At most one of ID, Moved and Error is set.
type doAnswer struct {
	ID    string     `json:"id,omitzero"`
	Moved bool       `json:"moved,omitzero"`
	Error *wireError `json:"error,omitzero"`
}

// wireError is a chat.Error as it travels.
type wireError struct {
	Code     chat.Code             `json:"code"`
	Message  string                `json:"message"`
	Name     string                `json:"name,omitzero"`
	ID       string                `json:"id,omitzero"`
	Reason   chat.ValidationReason `json:"reason,omitzero"`
	Fields   []chat.Field          `json:"fields,omitzero"`
	Resource string                `json:"resource,omitzero"`
	Limit    int                   `json:"limit,omitzero"`
}

// ask has a home on another node carry the operation out. It asks again, and the
// home knows the operation by its id; ErrMoved means that the view has changed
// or the home is not one.
func (n *Node) ask(ctx, viewCtx context.Context, home string, q doQuestion) (string, error) {
	began := time.Now()
	// Attributes that are not there and empty ones are different frames.
	data, err := json.Marshal(q, json.FormatNilMapAsNull(true))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(viewCtx, cancel)()
	for ctx.Err() == nil {
		answer, err := n.askOnce(ctx, home, data)
		if err != nil {
			pause(ctx, retryWait)
			continue
		}
		n.o.Metrics.ClusterRequestDuration.Observe(time.Since(began).Seconds())
		switch {
		case answer.Moved:
			return "", messaging.ErrMoved
		case answer.Error != nil:
			return "", answer.Error.error()
		}
		return answer.ID, nil
	}
	return "", messaging.ErrMoved
}

func (n *Node) askOnce(ctx context.Context, home string, data []byte) (answer doAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	data, err = n.o.Transport.Request(ctx, n.subjects.node(home, kindDo), data)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	return answer, err
}

func newWireError(err error) *wireError {
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return &wireError{Code: chat.Internal, Message: err.Error()}
	}
	w := &wireError{Code: e.Code, Message: e.Message, Name: e.Name, ID: e.ID, Reason: e.Reason, Fields: e.Fields, Limit: e.Limit}
	if e.Resource != (chat.ARN{}) {
		w.Resource = e.Resource.String()
	}
	return w
}

func (w *wireError) error() error {
	e := &chat.Error{Code: w.Code, Message: w.Message, Name: w.Name, ID: w.ID, Reason: w.Reason, Fields: w.Fields, Limit: w.Limit}
	if a, err := chat.ParseARN(w.Resource); err == nil {
		e.Resource = a
	}
	if !e.Code.Known() {
		e.Code = chat.Internal // Of a later release: it has no exception here.
	}
	return e
}

// call is an operation that another node asked for. Its answer is kept for a
// while: who asks again gets the same.
type call struct {
	id     string
	view   ViewID // the asker's when it asked last; guarded by Node.mu
	began  time.Time
	done   chan struct{}
	answer doAnswer // readable once done is closed
}

// serve carries out what another node asks of this one as a room's home.
func (n *Node) serve(q doQuestion) doAnswer {
	op := q.Op
	n.mu.Lock()
	if q.View != n.view.ID {
		n.mu.Unlock()
		return doAnswer{Moved: true}
	}
	c := n.calls[op.ID]
	if c != nil {
		c.view = q.View
		n.mu.Unlock()
		<-c.done
		return c.answer
	}
	c = &call{id: op.ID, view: q.View, began: time.Now(), done: make(chan struct{})}
	n.calls[op.ID] = c
	n.callAge = append(n.callAge, c)
	n.mu.Unlock()

	ctx, cancel := context.WithTimeout(n.ctx, doWithin)
	defer cancel()
	id, err := n.engine.Sequence(ctx, op)
	switch {
	case errors.Is(err, messaging.ErrMoved):
		c.answer.Moved = true
	case err != nil:
		c.answer.Error = newWireError(err)
	default:
		c.answer.ID = id
	}
	n.mu.Lock()
	if c.answer.Moved || chat.CodeOf(err) == chat.Unavailable && err != nil {
		delete(n.calls, op.ID) // It may be asked again with more luck.
	}
	n.mu.Unlock()
	close(c.done)
	return c.answer
}

// onRequest takes what is addressed to this node alone.
func (n *Node) onRequest(subject string, data []byte, reply func([]byte)) {
	k := kindOf(subject)
	switch {
	case k == kindAck:
		n.onAck(data)
	case reply == nil:
	case k == kindDo:
		n.spawn(func() {
			answer(data, reply, func(q doQuestion) (doAnswer, bool) { return n.serve(q), true })
		})
	case k == kindPrepare:
		n.spawn(func() { answer(data, reply, func(v View) (prepareAnswer, bool) { return n.prepare(v), true }) })
	case k == kindStream:
		answer(data, reply, n.find)
	case k == kindState:
		answer(data, reply, func(q stateQuestion) (stateAnswer, bool) { return n.state(q), true })
	case k == kindHistory:
		answer(data, reply, func(q historyQuestion) (historyAnswer, bool) { return n.history(q), true })
	case k == kindComplete:
		answer(data, reply, func(q completeQuestion) (completeAnswer, bool) { return n.complete(q), true })
	case k == kindLend:
		answer(data, reply, func(q loan) (loan, bool) { return n.lend(q), true })
	}
}

// answer decodes a question and sends what f answers, unless f has no answer.
func answer[Q, A any](data []byte, reply func([]byte), f func(Q) (A, bool)) {
	var q Q
	if json.Unmarshal(data, &q) != nil {
		return
	}
	if a, ok := f(q); ok {
		if data, err := json.Marshal(a); err == nil {
			reply(data)
		}
	}
}

// spawn runs f on its own, unless the node is closed.
func (n *Node) spawn(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.working.Go(f)
	}
}

// loan is a question for requests of an account's rate, and its answer.
type loan struct {
	Quota quota.Name `json:"quota"`
	N     int        `json:"n"`
}

// Borrow asks the node that keeps an account's rate. It implements quota.Lender.
func (n *Node) Borrow(ctx context.Context, name quota.Name, count int) (granted int, ok bool) {
	n.mu.Lock()
	keeper := rendezvous(n.view.Members, "quota "+string(name))
	n.mu.Unlock()
	if keeper == "" || keeper == n.o.ID {
		return n.lend(loan{name, count}).N, true
	}
	a, err := request[loan](ctx, n, keeper, kindLend, loan{name, count})
	return a.N, err == nil
}

// Nodes is how many nodes share the account's rates.
func (n *Node) Nodes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(1, len(n.view.Members))
}

func (n *Node) lend(l loan) loan {
	if n.o.Quotas == nil {
		return l
	}
	return loan{l.Quota, n.o.Quotas.Lend(l.Quota, l.N)}
}
