package cluster

import (
	"time"
)

// noticeTail asks for items that a home said it has sent a beat ago and that are
// not here. The caller holds n.mu.
func (n *Node) noticeTail(home string, in *inStream, sent uint64) {
	if in.next <= in.tail {
		n.fill(home, in)
	}
	in.tail = sent
}

// streamQuestion asks for items of a stream, by count.
type streamQuestion struct {
	View ViewID `json:"view"`
	From uint64 `json:"from"`
	To   uint64 `json:"to"` // inclusive
}

type streamAnswer struct {
	// First is the first that the home still has; what is before it is lost.
	First uint64   `json:"first"`
	Items [][]byte `json:"items"`
}

// fill asks a home for what is missing until nothing is. The caller holds n.mu.
func (n *Node) fill(home string, in *inStream) {
	if in.filling || n.closed {
		return
	}
	in.filling = true
	view, ctx := n.view.ID, n.viewCtx
	n.working.Go(func() {
		for wait := time.Duration(0); pause(ctx, wait); wait = 50 * time.Millisecond {
			n.mu.Lock()
			w := streamQuestion{view, in.next, in.tail}
			for count := range in.waiting {
				w.To = max(w.To, count-1)
			}
			if n.view.ID != view || w.From > w.To {
				in.filling = false
				n.mu.Unlock()
				return
			}
			n.mu.Unlock()
			f, err := request[streamAnswer](ctx, n, home, kindStream, w)
			if err != nil {
				continue
			}
			n.mu.Lock()
			if n.view.ID == view {
				n.filled(home, in, f)
			}
			n.mu.Unlock()
		}
	})
}

func (n *Node) filled(home string, in *inStream, f streamAnswer) {
	if f.First > in.next {
		n.o.Metrics.ClusterFramesLost.Add(float64(f.First - in.next))
		in.next = f.First
	}
	if it, ok := in.waiting[in.next]; ok {
		n.receive(home, in, it)
	}
	n.o.Metrics.ClusterGapsFilled.Inc()
	for _, data := range f.Items {
		if it, err := decodeItem(data); err == nil && it.count >= in.next {
			n.receive(home, in, it)
		}
	}
}

// find answers a fill.
func (n *Node) find(w streamQuestion) (f streamAnswer, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	o := n.out
	if o == nil || o.view.ID != w.View || n.view.ID != w.View {
		return f, false
	}
	f.First = o.first
	size := 0
	for c := max(w.From, o.first); c <= min(w.To, o.sent) && size < historyBytes; c++ {
		data := o.items[c-o.first].data
		f.Items = append(f.Items, data)
		size += len(data)
	}
	return f, true
}
