package cluster

import (
	"github.com/go-json-experiment/json"
)

// acked notes that a member has everything of this node's stream up to count,
// and delivers what is safe now. The caller holds n.mu.
func (n *Node) acked(from string, count uint64) {
	o := n.out
	if o == nil || !o.view.has(from) || count <= o.acked[from] || count > o.sent {
		return
	}
	o.acked[from] = count
	for o.safe < count {
		o.safe++
		if i := o.safe - o.first; o.items[i].room != nil {
			n.deliver(o.items[i].room)
		}
	}
	all := count
	for _, id := range o.view.Members {
		if id != n.o.ID {
			all = min(all, o.acked[id])
		}
	}
	for o.first <= all {
		o.prune()
	}
}

// acknowledge tells homes what has arrived: one message for all that came while
// the last was sent.
func (n *Node) acknowledge() {
	for {
		select {
		case <-n.ackNow:
		case <-n.ctx.Done():
			return
		}
		n.mu.Lock()
		due := n.ackDue
		n.ackDue = map[string]bool{}
		acks := map[string]ack{}
		for home := range due {
			if in := n.in[home]; in != nil {
				acks[home] = ack{n.o.ID, n.view.ID, in.next - 1}
			}
		}
		n.mu.Unlock()
		for home, a := range acks {
			// A lost one is made good by the next, or by the next beat.
			n.o.Transport.Publish(n.subjects.node(home, kindAck), a.encode()) //nolint:errcheck // See above.
		}
	}
}

// ack says that From has everything of a stream up to Count.
type ack struct {
	From  string `json:"from"`
	View  ViewID `json:"view"`
	Count uint64 `json:"count"`
}

func (a ack) encode() []byte {
	data, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return data
}

func (n *Node) onAck(data []byte) {
	var a ack
	if json.Unmarshal(data, &a) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.View == n.view.ID {
		n.acked(a.From, a.Count)
	}
}
