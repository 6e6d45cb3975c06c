package cluster

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/protocol"
)

// fillLocked asks a home for the missing items until none is missing.
func (s streams) fillLocked(home string, in *inbound) {
	n := s.node
	if in.filling || n.closed {
		return
	}
	in.filling = true
	view, ctx := n.view.ID, n.view.ctx
	n.working.Go(func() {
		for wait := time.Duration(0); pause(ctx, wait); wait = protocol.FillWait {
			n.mu.Lock()
			q := protocol.StreamQuestion{View: view, Member: n.o.ID}
			q.From, q.To = in.Missing()
			if n.view.ID != view || q.From > q.To {
				in.filling = false
				n.mu.Unlock()
				return
			}
			interest := n.view.Interest
			n.mu.Unlock()
			b, err := s.askItems(ctx, home, q, interest)
			if err != nil {
				continue
			}
			n.mu.Lock()
			if n.view.ID == view {
				s.filledLocked(home, in, b)
			}
			n.mu.Unlock()
		}
	})
}

// askItems asks a home for items of its stream. The answer begins with the first of them
// that the home still has.
func (s streams) askItems(ctx context.Context, home string, q protocol.StreamQuestion, interest bool) (b protocol.Batch, err error) {
	n := s.node
	if !interest {
		a, err := request[protocol.StreamAnswer](ctx, n, home, protocol.KindStream, q)
		for _, data := range a.Items {
			if it, err := protocol.DecodeItem(data); err == nil {
				b.Items = append(b.Items, it)
			}
		}
		b.Home, b.First = home, a.First
		return b, err
	}
	data, err := json.Marshal(q)
	if err != nil {
		return b, err
	}
	ctx, cancel := context.WithTimeout(ctx, protocol.AskWithin)
	defer cancel()
	if data, err = n.o.Transport.Request(ctx, n.subjects.Node(home, protocol.KindStream), data); err != nil {
		return b, err
	}
	return protocol.DecodeBatch(data)
}

func (s streams) filledLocked(home string, in *inbound, b protocol.Batch) {
	n := s.node
	n.o.Metrics.FramesLost.Add(float64(in.SkipTo(b.First)))
	if it, ok := in.Due(); ok {
		s.receiveLocked(home, in, it)
	}
	n.o.Metrics.GapsFilled.Inc()
	s.takeLocked(in, b)
}
