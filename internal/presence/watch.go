package presence

import (
	"context"
	"maps"
	"sync"
	"time"

	"confab/internal/messaging"
)

// watch is a room with the tag confab:presence on this node.
type watch struct {
	service *Service
	roomID  string
	full    bool // with confab:JOINED and confab:LEFT
	to      messaging.Audience
	// asking is held while the other nodes are asked for a connection that joins.
	asking sync.Mutex

	// mu guards all fields below.
	mu     sync.Mutex
	closed bool
	// users are all users of the room, over all nodes.
	users map[uint64]user
	// leaving are the users who have left this node within the last grace, the oldest
	// first.
	leaving []departure
	// absent is how many users count only because of their grace.
	absent int
	// version changes with the report of this node about the room.
	version     uint64
	connections int               // on this node
	nodes       map[string]report // the last reports of other nodes
	known       bool              // the other nodes have answered
	missed      int               // how many questions in a row were not answered by all nodes

	due    time.Time // when to push; zero if nothing has changed
	pushed time.Time // the last push
	last   Count     // the counts that it sent
	peak   peak
	// told are the users whose joining was sent to clients. It is nil while there are more
	// than fullUpTo.
	told map[uint64]told
}

// user is a user of a room. It counts once, even with connections to several nodes.
type user struct {
	id    string // empty if it is known by its hash only
	here  int32  // connections on this node
	nodes int16  // how many other nodes have it
	left  int64  // when it left this node, in nanoseconds, while its grace lasts
}

type departure struct {
	user uint64
	at   time.Time
}

// told is a user whose joining was sent. gone is when it left; zero while it is there.
type told struct {
	id   string
	gone time.Time
}

// Count is how many users and connections a room has.
type Count struct{ Users, Connections int }

// Joined implements members.Watcher.
func (w *watch) Joined(userID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := hash(userID)
	u := w.users[h]
	if u.here == 0 && u.nodes == 0 && u.left != 0 {
		w.absent--
	}
	u.here++
	u.id, u.left = userID, 0
	w.users[h] = u
	w.connections++
	w.changedLocked()
	w.measureLocked()
}

// Left implements members.Watcher.
func (w *watch) Left(userID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := hash(userID)
	u := w.users[h]
	if u.here--; u.here == 0 {
		now := time.Now()
		u.left = now.UnixNano()
		if u.nodes == 0 {
			w.absent++
		}
		w.leaving = append(w.leaving, departure{h, now})
	}
	w.users[h] = u
	if w.connections--; w.connections == 0 {
		w.known = false // From now on the other nodes are not asked about the room.
	}
	w.changedLocked()
}

// changedLocked makes a push due.
func (w *watch) changedLocked() {
	w.version++
	w.dueLocked(time.Now().Add(grace))
}

// dueLocked makes a push due at a time, or later if the interval demands it.
func (w *watch) dueLocked(at time.Time) {
	if w.closed || w.connections == 0 || !w.due.IsZero() && !at.Before(w.due) {
		return
	}
	if next := w.pushed.Add(w.service.Interval); at.Before(next) {
		at = next
	}
	w.due = at
	s := w.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[w] = struct{}{}; len(s.pending) == 1 {
		s.wakeUp()
	}
}

// measureLocked keeps the room's peak.
func (w *watch) measureLocked() {
	if n := len(w.users) - w.absent; n > w.peak.users {
		w.peak = peak{n, time.Now()}
	}
}

// expireLocked ends the grace of users.
func (w *watch) expireLocked(now time.Time) {
	n := 0
	for ; n < len(w.leaving) && now.Sub(w.leaving[n].at) >= grace; n++ {
		d := w.leaving[n]
		u := w.users[d.user]
		if u.left != d.at.UnixNano() {
			continue // It has come back.
		}
		u.left = 0
		w.version++
		if u.nodes > 0 {
			w.users[d.user] = u
			continue
		}
		w.absent--
		delete(w.users, d.user)
		w.goneLocked(d.user, d.at)
	}
	w.leaving = append(w.leaving[:0], w.leaving[n:]...)
}

// goneLocked records when a user left whose joining was sent.
func (w *watch) goneLocked(h uint64, at time.Time) {
	if t, ok := w.told[h]; ok && t.gone.IsZero() {
		t.gone = at
		w.told[h] = t
		w.dueLocked(at.Add(goneAfter))
	}
}

// countLocked returns the present counts.
func (w *watch) countLocked(now time.Time) Count {
	w.expireLocked(now)
	c := Count{Users: len(w.users), Connections: w.connections}
	for _, r := range w.nodes {
		c.Connections += r.Connections
	}
	return c
}

// Greeting implements members.Watcher.
func (w *watch) Greeting() []byte {
	now := time.Now()
	w.mu.Lock()
	c := w.countLocked(now)
	switch {
	case w.connections == 1:
		w.last = c // It is the only connection on this node, and gets these counts.
	case c.Users != w.last.Users:
		w.last = Count{} // Connections have different counts now, so the next push goes to all, whatever it says.
	}
	w.mu.Unlock()
	return viewers(c, now)
}

// prepareWithin bounds how long a connection waits for the answers of other nodes.
const prepareWithin = 200 * time.Millisecond

// Prepare implements members.Watcher: it asks the other nodes, unless a question is in
// progress.
func (w *watch) Prepare(ctx context.Context) {
	if w.service.AskOthers == nil || w.isKnown() {
		return
	}
	w.asking.Lock() // Connections that wait here use the answer for the first.
	defer w.asking.Unlock()
	if w.isKnown() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, prepareWithin)
	defer cancel()
	w.service.askAbout(ctx, []*watch{w})
}

func (w *watch) isKnown() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known
}

// askOften is how many questions in a row may stay unanswered before the silent nodes count
// as empty. By then a lost node has left the view.
const askOften = 3

// apply applies the reports of the other nodes. If a node answered without a report,
// nothing has changed there.
func (w *watch) apply(said map[string]report, answered map[string]bool, complete bool) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.missed++; complete {
		w.missed = 0
	}
	first := !w.known
	w.known = true
	changed := false
	for node, r := range said {
		w.takeLocked(node, r, now)
		changed = true
	}
	for node := range maps.Clone(w.nodes) {
		if !answered[node] && w.missed%askOften == 0 {
			w.takeLocked(node, report{}, now)
			delete(w.nodes, node)
			changed = true
		}
	}
	if first && w.told != nil {
		// The other nodes have sent the joining of their users already.
		for h, u := range w.users {
			if u.here == 0 && u.left == 0 && u.id != "" {
				w.told[h] = told{id: u.id}
			}
		}
	}
	if changed {
		w.measureLocked()
		w.dueLocked(now)
	}
}

// takeLocked replaces the report of a node. The users of the new report are added before
// those of the old one are removed, so a user who is in both stays.
func (w *watch) takeLocked(node string, r report, now time.Time) {
	for i, h := range r.Users {
		u := w.users[h]
		if u.nodes == 0 && u.here == 0 && u.left != 0 {
			w.absent--
		}
		u.nodes++
		if u.id == "" && i < len(r.IDs) {
			u.id = r.IDs[i]
		}
		w.users[h] = u
	}
	for _, h := range w.nodes[node].Users {
		u := w.users[h]
		if u.nodes--; u.nodes > 0 || u.here > 0 {
			w.users[h] = u
			continue
		}
		if u.left != 0 {
			w.absent++
			w.users[h] = u
			continue
		}
		delete(w.users, h)
		w.goneLocked(h, now.Add(-grace)) // The user's grace is over on that node.
	}
	if w.nodes == nil {
		w.nodes = make(map[string]report)
	}
	w.nodes[node] = r
}
