package places

import (
	"cmp"
	"context"
	"slices"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
)

// readQuestion asks for the frames of a room after the point After, up to UpTo.
type readQuestion struct {
	Room  string     `json:"room"`
	After chat.Point `json:"after"`
	UpTo  chat.Point `json:"upTo"`
}

const (
	// pageBytes bounds the frames of an answer: it fits a message of NATS.
	pageBytes = 512 << 10
	// fillWithin bounds one fill, while a client waits.
	fillWithin = 3 * time.Second
	// againAfter is the wait before a node that does not have the frames yet is asked
	// again.
	againAfter = 20 * time.Millisecond
)

func (s *Service) read(q *readQuestion) catchup.Page {
	log := s.Live.Log(q.Room)
	if log == nil {
		return catchup.Page{}
	}
	return log.Read(q.After, q.UpTo, pageBytes)
}

// fill gets the frames after a point that the log lacks, from the node that has most of
// them, or from the history if all nodes were lost; see catchup.Report.Lost.
func (s *Service) fill(ctx context.Context, roomID string, log *catchup.Log, p chat.Point, lost int64, sources []source) {
	if log.Covers(p) {
		return
	}
	slices.SortFunc(sources, func(a, b source) int {
		return cmp.Or(a.kept.Compare(b.kept), cmp.Compare(a.node, b.node))
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillWithin) // Other clients may wait for the result.
	defer cancel()
	log.Fill(ctx, p, func() {
		s.fillFrom(ctx, roomID, log, p, sources)
		if lost != 0 && !log.Covers(p) {
			s.fillKept(ctx, roomID, log, p, time.Unix(0, lost))
		}
	})
}

func (s *Service) fillFrom(ctx context.Context, roomID string, log *catchup.Log, p chat.Point, sources []source) {
	for _, from := range sources {
		begin, _ := log.Span()
		if from.kept.Compare(begin) >= 0 {
			return // It has no more frames than this node, and neither have the next nodes.
		}
		if pages, behind, ok := s.readAll(ctx, roomID, from.node, p, begin); ok {
			s.erasures.without(roomID, pages, func() { log.Prepend(pages, behind) })
			return
		}
	}
}

// readAll returns the frames of another node after a point, up to another one. The frames
// are complete after the point behind.
func (s *Service) readAll(ctx context.Context, roomID, node string, after, upTo chat.Point) (pages []catchup.Page, behind chat.Point, ok bool) {
	q := readQuestion{Room: roomID, After: after, UpTo: upTo}
	for ctx.Err() == nil {
		var page catchup.Page
		if !s.ask(ctx, node, &question{Read: &q}, &page) || page.From == (chat.Point{}) {
			return nil, behind, false
		}
		if len(pages) == 0 || page.From.Compare(q.After) > 0 { // It has dropped frames that were to be read.
			pages, behind = nil, page.From
			if after.Compare(behind) > 0 {
				behind = after
			}
		}
		end, some := page.End()
		if some {
			pages = append(pages, page)
			q.After = end
		}
		switch {
		case page.More && !some:
			return nil, behind, false
		case page.More:
		case page.Last.Sequence >= upTo.Sequence:
			return pages, behind, true
		default: // The frames are still on their way to it.
			wait := time.NewTimer(againAfter)
			select {
			case <-wait.C:
			case <-ctx.Done():
			}
			wait.Stop()
		}
	}
	return nil, behind, false
}
