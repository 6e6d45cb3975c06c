package cluster

import "github.com/go-json-experiment/json"

// ack says that From has everything of a stream up to Count.
type ack struct {
	From  string `json:"from"`
	View  ViewID `json:"view"`
	Count uint64 `json:"count"`
}

// acks are the homes that are owed an acknowledgement.
type acks struct {
	homes map[string]bool
	wake  chan struct{}
}

func (a *acks) due(home string) {
	a.homes[home] = true
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// ackedLocked notes that a member has everything of this node's stream up to
// count, and delivers what is safe now.
func (n *Node) ackedLocked(from string, count uint64) {
	for _, l := range n.view.out.acknowledge(from, count) {
		n.logs.deliverNext(l)
	}
}

// acknowledge tells homes what has arrived: one message for all that came while
// the last was sent.
func (n *Node) acknowledge() {
	for {
		select {
		case <-n.acks.wake:
		case <-n.ctx.Done():
			return
		}
		n.mu.Lock()
		due := map[string]ack{}
		for home := range n.acks.homes {
			if in := n.view.in[home]; in != nil {
				due[home] = ack{n.o.ID, n.view.ID, in.next - 1}
			}
		}
		clear(n.acks.homes)
		n.mu.Unlock()
		for home, a := range due {
			data, err := json.Marshal(a)
			if err != nil {
				continue
			}
			// If it is lost, the next one or the next heartbeat says the same.
			n.o.Transport.Publish(n.subjects.node(home, kindAck), data) //nolint:errcheck // See above.
		}
	}
}

func (n *Node) onAck(data []byte) {
	var a ack
	if json.Unmarshal(data, &a) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.View == n.view.ID {
		n.ackedLocked(a.From, a.Count)
	}
}
