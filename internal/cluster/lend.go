package cluster

import (
	"context"

	"confab/internal/quota"
)

// Borrow asks the node that keeps an account's rate. It implements quota.Lender.
func (n *Node) Borrow(ctx context.Context, name quota.Name, count int) (granted int, ok bool) {
	n.mu.Lock()
	keeper := rendezvous(n.view.Members, "quota "+string(name))
	n.mu.Unlock()
	l := loan{name, count}
	if keeper == "" || keeper == n.o.ID {
		return requests{n}.lend(l).N, true
	}
	a, err := request[loan](ctx, n, keeper, kindLend, l)
	return a.N, err == nil
}

// Nodes returns how many nodes share the account's rates.
func (n *Node) Nodes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(1, len(n.view.Members))
}

func (r requests) lend(l loan) loan {
	if r.node.o.Quotas == nil {
		return l
	}
	return loan{l.Quota, r.node.o.Quotas.Lend(l.Quota, l.N)}
}
