package traces

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
	"unsafe"

	"confab/internal/chat"
)

// log has the attempts of one room.
type log struct {
	counts counts
	// last is when the room was last used, in nanoseconds, to the second.
	last atomic.Int64
	// gone is set when the memory has discarded the log.
	gone atomic.Bool
	// bytes is the approximate memory of the log. Memory.mu guards it.
	bytes int64

	mu sync.Mutex // guards what follows
	// slots grows up to perRoom elements. From then on it is a ring, and next is its oldest
	// element.
	slots  []slot
	next   int
	number uint64
}

// slot is an attempt. When it is replaced, the new attempt reuses its memory.
type slot struct {
	text   []byte // the user, the rule and the error's message
	time   int64  // in nanoseconds
	number uint64 // grows from attempt to attempt
	id     [chat.IDLength]byte
	spent  [Stages]uint32
	total  uint32
	user   uint16 // the length of the user's part of text
	rule   uint16
	code   uint16
	result Result
	unsure bool
}

const (
	// logOverhead is roughly the memory of a log besides its slots and counts.
	logOverhead = int(unsafe.Sizeof(log{})) + 128
	slotSize    = int(unsafe.Sizeof(slot{}))
	firstSlots  = 8
	// mostText bounds each part of a text, in bytes.
	mostText = 512
)

// touch records that the room is used.
func (l *log) touch(now int64) {
	if now > l.last.Load()+int64(time.Second) { // A store costs more than a load.
		l.last.Store(now)
	}
}

// addLocked replaces the oldest attempt.
func (l *log) addLocked(m *Memory, a *Attempt) {
	more := 0
	var s *slot
	if len(l.slots) < perRoom {
		if n := len(l.slots); n == cap(l.slots) {
			bigger := make([]slot, n, min(max(2*n, firstSlots), perRoom))
			copy(bigger, l.slots)
			more = (cap(bigger) - n) * slotSize
			l.slots = bigger
		}
		l.slots = l.slots[:len(l.slots)+1]
		s = &l.slots[len(l.slots)-1]
	} else {
		s = &l.slots[l.next]
		l.next = (l.next + 1) % perRoom
	}
	l.number++
	more += s.set(a, l.number)
	if more > 0 {
		m.grow(l, more)
	}
}

// set fills the slot with an attempt, and returns by how many bytes its memory has grown.
func (s *slot) set(a *Attempt, number uint64) int {
	before := cap(s.text)
	user, rule, message := clip(a.UserID), clip(a.Rule), clip(a.ErrorMessage)
	text := append(append(append(s.text[:0], user...), rule...), message...)
	*s = slot{
		text: text, time: a.Time.UnixNano(), number: number, spent: a.Spent, total: a.Total,
		user: uint16(len(user)), rule: uint16(len(rule)), code: uint16(a.ErrorCode),
		result: a.Result, unsure: a.Unsure,
	}
	copy(s.id[:], a.ID)
	return cap(text) - before
}

// clip shortens a text to the bound.
func clip(s string) string {
	if len(s) <= mostText {
		return s
	}
	n := mostText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (s *slot) userID() string { return string(s.text[:s.user]) }

// attempt returns the attempt in the slot.
func (s *slot) attempt() Attempt {
	rule, message := int(s.user), int(s.user)+int(s.rule)
	a := Attempt{
		Time: time.Unix(0, s.time).UTC(), UserID: s.userID(), Result: s.result, Rule: string(s.text[rule:message]),
		ErrorCode: int(s.code), ErrorMessage: string(s.text[message:]), Spent: s.spent, Total: s.total, Unsure: s.unsure,
	}
	if s.id[0] != 0 {
		a.ID = string(s.id[:])
	}
	return a
}

// read calls f with the attempts of a user, or of all for userID "", the newest first, until
// f returns false. f must not keep the slot.
func (l *log) read(userID string, f func(s *slot) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.slots {
		s := &l.slots[(l.next+len(l.slots)-1-i)%len(l.slots)]
		if (userID == "" || string(s.text[:s.user]) == userID) && !f(s) {
			return
		}
	}
}

// remove removes the attempts of a user, with their memory.
func (l *log) remove(m *Memory, userID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.ContainsFunc(l.slots, func(s slot) bool { return string(s.text[:s.user]) == userID }) {
		return
	}
	left, freed := make([]slot, 0, cap(l.slots)), 0
	for i := range l.slots {
		if s := l.slots[(l.next+i)%len(l.slots)]; string(s.text[:s.user]) == userID {
			freed += cap(s.text)
		} else {
			left = append(left, s)
		}
	}
	l.slots, l.next = left, 0
	m.grow(l, -freed)
}
