package catchup

import (
	"slices"
	"time"

	"confab/internal/chat"
)

// Page is a part of a log that one node sends to another one whose own log begins later.
type Page struct {
	// Points are the positions of the frames. Frames with consecutive positions are one
	// run.
	Points []PointRun `json:"points,omitzero"`
	Frames [][]byte   `json:"frames,omitzero"`
	// Users has, for each frame, the hash of its sender's user id; 0 for an event.
	Users []uint64 `json:"users,omitzero"`
	// Private has the frames that only one user gets, in order.
	Private []PrivateFrame `json:"private,omitzero"`
	// From is the point after which the log has all frames. Last is the position of its
	// last frame.
	From chat.Point `json:"from"`
	Last chat.Point `json:"last"`
	// More is set if there are further frames up to the point that was asked for.
	More bool `json:"more,omitzero"`
}

// PointRun is Count consecutive positions, of which At is the first.
type PointRun struct {
	At    chat.Point `json:"at"`
	Count int        `json:"count"`
}

// Read returns the frames after a point, up to another one or to about most bytes.
func (l *Log) Read(after, upTo chat.Point, most int) Page {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	kept := l.keptLocked()
	p := Page{From: l.pointOfLocked(kept), Last: l.pointOfLocked(l.end)}
	n, _ := l.numberOfLocked(after)
	n = max(n, kept)
	last, _ := l.numberOfLocked(upTo)
	size := 0
	for _, c := range l.chunks {
		for n < last && n+1 <= c.lastNumber() && n+1 >= c.first {
			i := int(n + 1 - c.first)
			f, private := c.mem[c.begin(i):c.ends[i]:c.ends[i]], c.privateAt(i)
			size += len(f)
			if private != nil {
				size += private.size()
			}
			if size > most && len(p.Frames) > 0 {
				p.More = true
				return p
			}
			n++
			if private != nil {
				p.Private = append(p.Private, PrivateFrame{len(p.Frames), private.userID, private.frame})
			}
			p.Frames = append(p.Frames, f)
			p.Users = append(p.Users, c.users[i])
			p.add(l.pointOfLocked(n))
		}
	}
	return p
}

// Add adds a frame as connections get it, with its position. userID is the sender of a message,
// and "" for an event. only is the user who gets a private frame, and "" for the others.
func (p *Page) Add(frame []byte, userID, only string, at chat.Point) {
	if only != "" {
		p.Private = append(p.Private, PrivateFrame{len(p.Frames), only, frame})
		frame = nil
	}
	p.Frames = append(p.Frames, frame)
	p.Users = append(p.Users, senderOf(userID))
	p.add(at)
}

func (p *Page) add(at chat.Point) {
	if k := len(p.Points); k > 0 {
		r := &p.Points[k-1]
		if r.At.Epoch == at.Epoch && r.At.Sequence+uint64(r.Count) == at.Sequence {
			r.Count++
			return
		}
	}
	p.Points = append(p.Points, PointRun{at, 1})
}

// End returns the position of the page's last frame; ok is false if it has none.
func (p *Page) End() (at chat.Point, ok bool) {
	if len(p.Points) == 0 {
		return at, false
	}
	r := p.Points[len(p.Points)-1]
	return chat.Point{Epoch: r.At.Epoch, Sequence: r.At.Sequence + uint64(r.Count) - 1}, true
}

// valid reports whether the page has a point and a user for each frame, in order.
func (p *Page) valid() bool {
	n := 0
	for i, r := range p.Points {
		if r.Count < 1 || r.Count > len(p.Frames) || i > 0 && r.At.Compare(p.Points[i-1].At) <= 0 {
			return false
		}
		n += r.Count
	}
	return n == len(p.Frames) && n == len(p.Users) && p.validPrivate()
}

// Prepend adds frames that another node had in front of the log. The pages end where the
// log begins; from is the point after which the other node had all frames. It adds nothing
// if a page is malformed or the log has the frames already. If memory does not suffice, it
// adds the newest.
func (l *Log) Prepend(pages []Page, from chat.Point) {
	var frames []older
	var points []chat.Point
	for _, p := range pages {
		if !p.valid() {
			return
		}
		before := len(frames)
		for i, f := range p.Frames {
			frames = append(frames, older{frame: f, user: p.Users[i]})
		}
		for _, f := range p.Private {
			frames[before+f.At].private = &private{userID: f.UserID, frame: f.Frame}
		}
		for _, r := range p.Points {
			for k := range r.Count {
				points = append(points, chat.Point{Epoch: r.At.Epoch, Sequence: r.At.Sequence + uint64(k)})
			}
		}
	}
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if l.from.Compare(from) <= 0 || l.keptLocked() != l.begin {
		return // The log has the frames already, or has dropped its own oldest ones.
	}
	n, _ := slices.BinarySearchFunc(points, l.from, func(p, from chat.Point) int {
		return p.Compare(chat.Point{Epoch: from.Epoch, Sequence: from.Sequence + 1})
	})
	points, frames = points[:n], frames[:n]
	first, room := n, l.memory.limit-l.memory.used
	for first > 0 && room > int64(frames[first-1].size()+frameCost) {
		first--
		room -= int64(frames[first].size() + frameCost)
	}
	if first > 0 { // The newer frames are worth more.
		from = points[first-1]
	}
	l.memory.prependLocked(l, frames[first:], points[first:])
	l.from = from
}

// older is a frame that is added before the first frame of a log.
type older struct {
	frame   []byte
	user    uint64
	private *private // nil for none
}

func (o *older) size() int {
	if o.private != nil {
		return o.private.size()
	}
	return len(o.frame)
}

// prependLocked adds frames before the first frame of a log.
func (m *Memory) prependLocked(l *Log, frames []older, points []chat.Point) {
	now := time.Now()
	number := l.begin - uint64(len(frames))
	l.begin = number
	var chunks []*chunk
	var runs []run
	for i, f := range frames {
		number++
		if k := len(chunks); k == 0 || chunks[k-1].used()+f.size() > maxChunk || len(chunks[k-1].ends) >= mostFrames {
			chunks = append(chunks, &chunk{log: l, first: number, last: now})
		}
		c := chunks[len(chunks)-1]
		if f.private != nil {
			f.private.at = len(c.ends)
			c.addPrivate(f.private)
		}
		c.mem = append(c.mem, f.frame...)
		c.ends = append(c.ends, uint32(len(c.mem)))
		c.users = append(c.users, f.user)
		if i == 0 || points[i] != (chat.Point{Epoch: points[i-1].Epoch, Sequence: points[i-1].Sequence + 1}) {
			runs = append(runs, run{number, points[i]})
		}
	}
	for _, c := range slices.Backward(chunks) {
		c.mem = slices.Clip(c.mem)
		c.at = m.chunks.PushFront(c)
		m.used += int64(cap(c.mem) + frameCost*len(c.ends) + c.private)
	}
	l.chunks = append(chunks, l.chunks...)
	l.runs = append(runs, l.runs...)
}
