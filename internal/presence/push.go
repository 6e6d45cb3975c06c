package presence

import (
	"context"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// run pushes what is due, until ctx ends. Without watched rooms it sleeps.
func (s *Service) run(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(tick)
	ticker.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			ticker.Reset(tick)
		case <-ticker.C:
		}
		now := time.Now()
		due, busy := s.due(now)
		about := due
		if s.AskOthers != nil && now.Sub(asked) >= min(s.Interval, askEvery) {
			about, asked = s.occupied(), now
		}
		if s.AskOthers != nil && len(about) > 0 {
			s.askAbout(ctx, about)
		}
		for _, w := range due {
			w.push(time.Now())
		}
		if !busy && len(due) == 0 {
			ticker.Stop()
		}
	}
}

// due returns the rooms whose push is due. busy reports whether there is more to wait for.
func (s *Service) due(now time.Time) (due []*watch, busy bool) {
	s.mu.Lock()
	busy = len(s.pending) > 0 || len(s.watches) > 0 && s.AskOthers != nil
	some := make([]*watch, 0, len(s.pending))
	for w := range s.pending {
		some = append(some, w)
	}
	s.mu.Unlock()
	for _, w := range some {
		w.mu.Lock()
		if !w.due.After(now) {
			due = append(due, w)
		}
		w.mu.Unlock()
	}
	return due, busy
}

// occupied returns the watched rooms that have connections on this node.
func (s *Service) occupied() []*watch {
	s.mu.Lock()
	all := make([]*watch, 0, len(s.watches))
	for _, w := range s.watches {
		all = append(all, w)
	}
	s.mu.Unlock()
	occupied := all[:0]
	for _, w := range all {
		w.mu.Lock()
		if w.connections > 0 {
			occupied = append(occupied, w)
		}
		w.mu.Unlock()
	}
	return occupied
}

// mostAsked is how many rooms one question may be about.
const mostAsked = 1000

// askAbout asks the other nodes for changes in watched rooms.
func (s *Service) askAbout(ctx context.Context, about []*watch) {
	for len(about) > 0 {
		some := about[:min(len(about), mostAsked)]
		about = about[len(some):]
		q := question{Watched: make([]known, len(some))}
		for i, w := range some {
			q.Watched[i] = known{w.roomID, w.versions()}
		}
		said, complete := s.ask(ctx, q)
		answered := make(map[string]bool, len(said))
		byRoom := make(map[string]map[string]report)
		for node, rooms := range said {
			answered[node] = true
			for room, r := range rooms {
				if byRoom[room] == nil {
					byRoom[room] = make(map[string]report)
				}
				byRoom[room][node] = r
			}
		}
		for _, w := range some {
			w.apply(byRoom[w.roomID], answered, complete)
		}
	}
}

// versions returns the versions that are known of the other nodes' reports.
func (w *watch) versions() map[string]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := make(map[string]uint64, len(w.nodes))
	for node, r := range w.nodes {
		if r.Version != 0 {
			v[node] = r.Version
		}
	}
	return v
}

// reportLocked returns the report of this node about the room, for other nodes.
func (w *watch) reportLocked() report {
	w.expireLocked(time.Now())
	r := report{Room: w.roomID, Version: w.version, Connections: w.connections}
	for h, u := range w.users {
		if u.here > 0 || u.left != 0 {
			r.Users = append(r.Users, h)
			if w.full && len(w.users) <= fullUpTo {
				r.IDs = append(r.IDs, u.id)
			}
		}
	}
	if len(r.Users) == 0 {
		return report{Room: w.roomID}
	}
	return r
}

// push sends the changes to all connections of the room on this node.
func (w *watch) push(now time.Time) {
	for _, frame := range w.news(now) {
		w.to.Deliver(frame)
	}
}

// news returns the frames about what has changed since the last push.
func (w *watch) news(now time.Time) [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	w.service.mu.Lock()
	delete(w.service.pending, w)
	w.service.mu.Unlock()
	if w.connections == 0 || w.closed {
		return nil
	}
	var frames [][]byte
	c := w.countLocked(now)
	if c != w.last {
		w.last = c
		frames = append(frames, viewers(c, now))
	}
	if w.full {
		frames = append(frames, w.comingsLocked(now)...)
	}
	if len(frames) > 0 {
		w.pushed = now
	}
	if len(w.leaving) > 0 {
		w.dueLocked(w.leaving[0].at.Add(grace))
	}
	return frames
}

// comingsLocked returns the frames about who joined and who left.
func (w *watch) comingsLocked(now time.Time) (frames [][]byte) {
	if len(w.users) > fullUpTo {
		w.told = nil
		return nil
	}
	silent := w.told == nil // There were too many users. What happened meanwhile is not reported.
	if silent {
		w.told = make(map[uint64]told, len(w.users))
	}
	var joined, left []string
	for h, u := range w.users {
		t, known := w.told[h]
		switch {
		case u.id == "": // Its node has not sent its id yet.
		case known:
			if !t.gone.IsZero() {
				w.told[h] = told{id: t.id}
			}
		default:
			w.told[h] = told{id: u.id}
			joined = append(joined, u.id)
		}
	}
	for h, t := range w.told {
		if _, here := w.users[h]; here || t.gone.IsZero() {
			continue
		}
		if at := t.gone.Add(goneAfter); at.After(now) {
			w.dueLocked(at)
			continue
		}
		delete(w.told, h)
		left = append(left, t.id)
	}
	if len(joined) > 0 && !silent {
		frames = append(frames, people("JOINED", joined, now))
	}
	if len(left) > 0 {
		frames = append(frames, people("LEFT", left, now))
	}
	return frames
}

// viewers returns the frame with the counts.
func viewers(c Count, now time.Time) []byte {
	return event("VIEWERS", map[string]string{"Users": strconv.Itoa(c.Users), "Connections": strconv.Itoa(c.Connections)}, now)
}

// people returns the frame with the users who joined or left.
func people(what string, ids []string, now time.Time) []byte {
	named, _ := json.Marshal(ids[:min(len(ids), idsAtOnce)]) // Strings are encoded without an error.
	return event(what, map[string]string{"UserIds": string(named), "Count": strconv.Itoa(len(ids))}, now)
}

func event(what string, attributes map[string]string, now time.Time) []byte {
	e := chat.Event{ID: chat.NewID(), Name: chat.ExtensionTag + what, Attributes: attributes, SendTime: now}
	return e.AppendJSON(nil)
}
