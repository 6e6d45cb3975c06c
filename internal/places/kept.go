package places

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/rfc6455"
)

// History is what rooms keep of the frames that they delivered: history.Kept.
type History interface {
	Retention(ctx context.Context, roomID string) (time.Duration, error)
	Delivered(ctx context.Context, roomID string, from time.Time, yield func(*history.Message) error) error
}

const (
	// beforeLost is longer than a client that has lost its connection may have confirmed
	// nothing before that.
	beforeLost = 30 * time.Second
	// mostKept bounds the frames that are read for one room.
	mostKept = 64 << 20
)

var errTooMuch = errors.New("places: a room has too many frames")

// fillKept gets the frames after a point of the time before all nodes were lost from the
// history, once for all clients of the room. lost is a time shortly before that. If the history
// may lack some, it gets none, and clients are told that they have missed something.
func (s *Service) fillKept(ctx context.Context, roomID string, log *catchup.Log, p chat.Point, lost time.Time) {
	if s.History == nil || p == (chat.Point{}) || !s.only() && p.Epoch != 0 {
		return
	}
	p, lasts := catchup.BehindLoss(log, p)
	behind := lasts + beforeLost // No client needs older frames.
	keep, err := s.History.Retention(ctx, roomID)
	if err == nil && keep < behind {
		return // Some may have expired.
	}
	var page catchup.Page
	size, order := 0, order{anew: !s.only(), made: lost, newest: p.Sequence}
	if err == nil {
		err = s.History.Delivered(ctx, roomID, time.Now().Add(-behind), func(m *history.Message) error {
			at := order.of(m)
			if at.Compare(p) <= 0 {
				return nil
			}
			if size += len(m.Frame); size > mostKept {
				return errTooMuch
			}
			var sender, only string
			if m.Type == chat.MessageFrame {
				sender = m.UserID
			}
			if m.Hidden {
				only = m.UserID
			}
			page.Add(rfc6455.AppendFrame(nil, rfc6455.Text, m.Frame), sender, only, at)
			return nil
		})
	}
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "Missed frames not read from the history; clients get confab:GAP", slog.String("room", roomID), slog.Any("error", err))
		return
	}
	pages := []catchup.Page{page}
	s.erasures.without(roomID, pages, func() { log.Prepend(pages, p) })
}

// order gives frames of the history their points, one after another.
type order struct {
	// anew is set while positions begin anew at a later frame, as in a cluster. made is a time
	// before that, and newest the last sequence so far.
	anew   bool
	made   time.Time
	newest uint64
}

// of returns the point of a frame. Within the time before, sequences grow. The first frame since
// is later than the record, and has a low sequence again.
func (o *order) of(m *history.Message) chat.Point {
	at := chat.Point{Epoch: m.Epoch, Sequence: m.Sequence}
	if o.anew && m.SendTime.After(o.made) && m.Sequence <= o.newest {
		o.anew = false
	}
	if !o.anew {
		return at
	}
	o.newest = max(o.newest, m.Sequence)
	return catchup.Before(at)
}
