package cluster

import "time"

// streamQuestion asks a home for items of its stream, by count.
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

// fillLocked asks a home for the items that are missing, until none is.
func (n *Node) fillLocked(home string, in *inStream) {
	if in.filling || n.closed {
		return
	}
	in.filling = true
	view, ctx := n.view.ID, n.view.ctx
	n.working.Go(func() {
		for wait := time.Duration(0); pause(ctx, wait); wait = fillWait {
			n.mu.Lock()
			q := streamQuestion{View: view}
			q.From, q.To = in.missing()
			if n.view.ID != view || q.From > q.To {
				in.filling = false
				n.mu.Unlock()
				return
			}
			n.mu.Unlock()
			a, err := request[streamAnswer](ctx, n, home, kindStream, q)
			if err != nil {
				continue
			}
			n.mu.Lock()
			if n.view.ID == view {
				n.filledLocked(home, in, a)
			}
			n.mu.Unlock()
		}
	})
}

func (n *Node) filledLocked(home string, in *inStream, a streamAnswer) {
	n.o.Metrics.FramesLost.Add(float64(in.skipTo(a.First)))
	if it, ok := in.waiting[in.next]; ok {
		n.receiveLocked(home, in, it)
	}
	n.o.Metrics.GapsFilled.Inc()
	for _, data := range a.Items {
		if it, err := decodeItem(data); err == nil && it.count >= in.next {
			n.receiveLocked(home, in, it)
		}
	}
}
