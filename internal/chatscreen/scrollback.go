package chatscreen

import (
	"time"

	"confab/internal/chatroom"
)

const (
	// mostItems are kept. When there are more, the oldest fewerItems go.
	mostItems  = 10_000
	fewerItems = 1_000
)

// scrollback is what was said, and which part of it is on the screen.
type scrollback struct {
	own           string // the user id of the person at the screen
	items         []*item
	byID          map[string]*item // messages
	width, height int
	offset        int // lines below the last one that is shown; 0 follows what comes
	unread        int // items that came while it did not follow
}

// add appends an item. What is on the screen stays there, unless it shows the end.
func (s *scrollback) add(i *item) {
	if i.frame != nil && i.frame.Type == "MESSAGE" {
		if s.byID[i.frame.ID] != nil {
			return
		}
		if s.byID == nil {
			s.byID = map[string]*item{}
		}
		s.byID[i.frame.ID] = i
	}
	s.items = append(s.items, i)
	if s.offset > 0 {
		s.offset += len(s.lines(i))
		s.unread++
	}
	if len(s.items) > mostItems {
		for _, old := range s.items[:fewerItems] {
			if old.frame != nil {
				delete(s.byID, old.frame.ID)
			}
		}
		s.items = append([]*item(nil), s.items[fewerItems:]...)
		s.scroll(0) // What was shown may be gone.
	}
}

// prepend puts messages before all others, and returns how many were not there yet.
func (s *scrollback) prepend(frames []*chatroom.Frame) int {
	old := s.items
	s.items = nil
	offset, unread := s.offset, s.unread
	for _, f := range frames {
		s.add(messageItem(f))
	}
	n := len(s.items)
	s.items = append(s.items, old...)
	s.offset, s.unread = offset, unread
	return n
}

// remove marks a message as deleted.
func (s *scrollback) remove(id, reason string) {
	if i := s.byID[id]; i != nil {
		before := len(s.lines(i))
		i.deleted, i.reason, i.lines = true, reason, nil
		if s.offset > s.below(i) {
			s.offset = max(0, s.offset+len(s.lines(i))-before)
		}
	}
}

// first is the time of the earliest message, or now.
func (s *scrollback) first() time.Time {
	for _, i := range s.items {
		if i.frame != nil && i.frame.Type == "MESSAGE" {
			return i.frame.SendTime
		}
	}
	return time.Now()
}

func (s *scrollback) resize(width, height int) {
	s.width, s.height = width, max(height, 0)
	s.scroll(0)
}

// scroll moves up by lines, or down if negative, and reports whether it moved.
func (s *scrollback) scroll(lines int) bool {
	most := max(s.total()-s.height, 0)
	before := s.offset
	s.offset = min(max(s.offset+lines, 0), most)
	if s.offset == 0 {
		s.unread = 0
	}
	return s.offset != before
}

// bottom shows the latest.
func (s *scrollback) bottom() { s.offset, s.unread = 0, 0 }

// reveal scrolls as little as shows an item.
func (s *scrollback) reveal(i *item) {
	if i == nil {
		return
	}
	below, lines := s.below(i), len(s.lines(i))
	switch {
	case below < s.offset:
		s.offset = below
	case below+lines > s.offset+s.height:
		s.offset = below + lines - s.height
	}
	s.scroll(0)
}

// neighbour returns the message before (-1) or behind (1) another one; of none, the latest
// is before.
func (s *scrollback) neighbour(of *item, step int) *item {
	at := len(s.items)
	if of != nil {
		for n, i := range s.items {
			if i == of {
				at = n
			}
		}
	}
	for at += step; at >= 0 && at < len(s.items); at += step {
		if i := s.items[at]; i.frame != nil && i.frame.Type == "MESSAGE" && !i.deleted {
			return i
		}
	}
	return nil
}

func (s *scrollback) total() (lines int) {
	for _, i := range s.items {
		lines += len(s.lines(i))
	}
	return lines
}

// below is how many lines come behind an item.
func (s *scrollback) below(of *item) (lines int) {
	for n := len(s.items) - 1; n >= 0 && s.items[n] != of; n-- {
		lines += len(s.lines(s.items[n]))
	}
	return lines
}

// visible returns the lines that are on the screen, and of which item each is.
func (s *scrollback) visible() (lines []string, of []*item) {
	skip := s.offset
	for n := len(s.items) - 1; n >= 0 && len(lines) < s.height; n-- {
		all := s.lines(s.items[n])
		for l := len(all) - 1; l >= 0 && len(lines) < s.height; l-- {
			if skip > 0 {
				skip--
				continue
			}
			lines, of = append(lines, all[l]), append(of, s.items[n])
		}
	}
	for a, b := 0, len(lines)-1; a < b; a, b = a+1, b-1 {
		lines[a], lines[b] = lines[b], lines[a]
		of[a], of[b] = of[b], of[a]
	}
	return lines, of
}

// lines returns an item as it is shown at this width.
func (s *scrollback) lines(i *item) []string {
	if i.lines == nil || i.width != s.width {
		i.width = s.width
		i.lines = i.render(s.width, s.own)
	}
	return i.lines
}
