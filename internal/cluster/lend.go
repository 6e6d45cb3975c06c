package cluster

import (
	"context"

	"confab/internal/protocol"
	"confab/internal/quota"
	"confab/internal/view"
)

// Borrow asks the node that keeps an account's rate. It implements quota.Lender.
func (n *Node) Borrow(ctx context.Context, name quota.Name, count int) (granted int, ok bool) {
	n.mu.Lock()
	keeper := view.Rendezvous(n.view.Members, "quota "+string(name))
	n.mu.Unlock()
	l := protocol.Loan{Quota: name, N: count}
	if keeper == "" || keeper == n.o.ID {
		return requests{n}.lend(l).N, true
	}
	a, err := request[protocol.Loan](ctx, n, keeper, protocol.KindLend, l)
	return a.N, err == nil
}

// Nodes returns how many nodes share the account's rates.
func (n *Node) Nodes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(1, len(n.view.Members))
}

func (r requests) lend(l protocol.Loan) protocol.Loan {
	if r.node.o.Quotas == nil {
		return l
	}
	return protocol.Loan{Quota: l.Quota, N: r.node.o.Quotas.Lend(l.Quota, l.N)}
}
