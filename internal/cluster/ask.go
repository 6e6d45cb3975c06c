package cluster

import (
	"context"
	"sync"

	"confab/internal/protocol"
)

// Answer is what a node answers to the questions of one topic.
type Answer func(ctx context.Context, body []byte) ([]byte, error)

// Ask asks all members of the view, this node included, and returns their answers by the
// ids of the nodes. Nodes that do not answer in time, or not with success, are left out.
func (n *Node) Ask(ctx context.Context, topic string, body []byte) map[string][]byte {
	all, _ := n.AskOthers(ctx, topic, body)
	if own := (requests{n}).answer(ctx, protocol.Query{Topic: topic, Body: body}); own.OK {
		all[n.o.ID] = own.Body
	}
	return all
}

// AskOthers asks the other members of the view. complete reports whether all of them have
// answered with success.
func (n *Node) AskOthers(ctx context.Context, topic string, body []byte) (answers map[string][]byte, complete bool) {
	ctx, cancel := context.WithTimeout(ctx, protocol.AskWithin)
	defer cancel()
	var mu sync.Mutex // guards answers and complete
	answers, complete = map[string][]byte{}, true
	var asked sync.WaitGroup
	for _, id := range n.View().Members {
		if id == n.o.ID {
			continue
		}
		asked.Go(func() {
			a, ok := AskOne(ctx, n, id, topic, body)
			mu.Lock()
			defer mu.Unlock()
			if complete = complete && ok; ok {
				answers[id] = a
			}
		})
	}
	asked.Wait()
	return answers, complete
}

func (r requests) ask(q protocol.Query) protocol.QueryAnswer {
	ctx, cancel := context.WithTimeout(r.node.ctx, protocol.AskWithin)
	defer cancel()
	return r.answer(ctx, q)
}

func (r requests) answer(ctx context.Context, q protocol.Query) protocol.QueryAnswer {
	f := r.node.o.Answers[q.Topic]
	if f == nil {
		return protocol.QueryAnswer{}
	}
	body, err := f(ctx, q.Body)
	return protocol.QueryAnswer{OK: err == nil, Body: body}
}

// AskOne asks one other member, and reports whether it has answered with success in time.
func AskOne(ctx context.Context, n *Node, member, topic string, body []byte) (answer []byte, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, protocol.AskWithin)
	defer cancel()
	a, err := request[protocol.QueryAnswer](ctx, n, member, protocol.KindAsk, protocol.Query{Topic: topic, Body: body})
	return a.Body, err == nil && a.OK
}
