package places

import (
	"context"
	"slices"
	"time"

	"confab/internal/catchup"
	"confab/internal/poll"
)

const (
	// tellEvery is the time between two reports about a room that changes.
	tellEvery = 2 * time.Second
	// With very many clients, the time between two reports is tellPart times as long as the
	// last one took to make, so that reports take at most a fiftieth of a processor.
	// tellLongest is short enough that a report is repeated before other nodes drop it.
	tellPart    = 50
	tellLongest = 8 * time.Second
	// repeatEvery is how often an unchanged report is confirmed.
	repeatEvery = 10 * time.Second
	// tellWithin bounds one question.
	tellWithin = time.Second
	// tellBytes bounds the reports in one question: it fits a message of NATS.
	tellBytes = 400 << 10
)

// told is what another node knows about a room of this node.
type told struct {
	node    string
	version uint64 // of the report; 0 if it is not known there
	log     uint64 // the version of the log
	at      time.Time
	settled bool // the connections have confirmed everything
}

// tellQuestion reports to a node how far clients are.
type tellQuestion struct {
	From    string       `json:"from"`
	Reports []roomReport `json:"reports,omitzero"`
	// Repeats are earlier reports that are still true.
	Repeats []repeat `json:"repeats,omitzero"`
	// Stopping is set if the sender stops. Then the answer waits until the node has the
	// frames.
	Stopping bool `json:"stopping,omitzero"`
}

type roomReport struct {
	Room string `json:"room"`
	catchup.Report
}

type repeat struct {
	Room    string `json:"room"`
	Version uint64 `json:"version"`
}

// tellAnswer names the rooms that must be reported again.
type tellAnswer struct {
	Unknown []string `json:"unknown,omitzero"`
}

func (s *Service) run() {
	next := time.NewTimer(together(tellEvery))
	defer next.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-next.C:
			_, made := s.tellAll(s.ctx, false)
			next.Reset(together(tellAfter(made)))
		}
	}
}

// tellAfter returns the time until the next report, if the last one took made to make.
func tellAfter(made time.Duration) time.Duration {
	return min(max(tellEvery, tellPart*made), tellLongest)
}

// together returns a time to wait. The usual one ends when the process wakes up for other work, too.
func together(wait time.Duration) time.Duration {
	if wait == tellEvery {
		return poll.Next(wait)
	}
	return wait
}

// Flush sends all reports, those of nodes that are gone as well. It is called when a node
// stops, after its sessions have ended.
func (s *Service) Flush(ctx context.Context) {
	for ctx.Err() == nil && len(s.Nodes.Others()) > 0 {
		if all, _ := s.tellAll(ctx, true); all {
			return
		}
		wait := time.NewTimer(againAfter)
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
	}
}

// tellAll reports what is new in all rooms. It returns whether other nodes know all of it
// now, and how long the reports took to make.
func (s *Service) tellAll(ctx context.Context, stopping bool) (done bool, made time.Duration) {
	s.telling.Lock()
	defer s.telling.Unlock()
	logs := s.Live.Logs()
	out := map[string]*tellQuestion{}
	to := func(node string) *tellQuestion {
		q := out[node]
		if q == nil {
			q = &tellQuestion{From: s.Self, Stopping: stopping}
			out[node] = q
		}
		return q
	}
	others := s.Nodes.Others()
	done = true
	for room, log := range logs {
		node := s.holder(room, others)
		if node == "" {
			continue
		}
		s.moved(room, node, to)
		begin := time.Now()
		news := s.news(room, log, node, others, stopping)
		made += time.Since(begin)
		for _, r := range news {
			if q := to(node); !s.send(ctx, node, q, len(r.Entries), tellBytes) {
				done = false
			}
			q := to(node)
			q.Reports = append(q.Reports, roomReport{room, r})
		}
		if t := s.toldOf(room); t != nil && t.version != 0 && time.Since(t.at) >= repeatEvery {
			t.at = time.Now()
			q := to(node)
			q.Repeats = append(q.Repeats, repeat{room, t.version})
		}
	}
	for node, q := range out {
		done = s.send(ctx, node, q, 0, 0) && done
	}
	s.forget(logs)
	return done, made
}

// send sends a node what is collected for it, if n more bytes would exceed most.
func (s *Service) send(ctx context.Context, node string, q *tellQuestion, n, most int) bool {
	for i := range q.Reports {
		n += len(q.Reports[i].Entries)
	}
	if n < most || len(q.Reports)+len(q.Repeats) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	var a tellAnswer
	ok := s.ask(ctx, node, &question{Tell: q}, &a)
	s.mu.Lock()
	for _, r := range q.Reports {
		if t := s.told[r.Room]; t != nil && t.node == node && r.Node == s.Self && (!ok || slices.Contains(a.Unknown, r.Room)) {
			t.version = 0
		}
	}
	for _, r := range q.Repeats {
		if t := s.told[r.Room]; t != nil && slices.Contains(a.Unknown, r.Room) {
			t.version = 0
		}
	}
	s.mu.Unlock()
	q.Reports, q.Repeats = nil, nil
	return ok && len(a.Unknown) == 0
}

// holder returns the node to which a room is reported: one that gets the room's frames
// anyway.
func (s *Service) holder(room string, others []string) string {
	for _, node := range s.Nodes.Holders(room) {
		if slices.Contains(others, node) {
			return node
		}
	}
	return ""
}

// moved tells the node to which a room was reported before that it can forget the room.
func (s *Service) moved(room, node string, to func(string) *tellQuestion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.told[room]
	if t == nil || t.node == node {
		return
	}
	q := to(t.node)
	q.Reports = append(q.Reports, roomReport{room, catchup.Report{Node: s.Self}})
	delete(s.told, room)
}

func (s *Service) toldOf(room string) *told {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[room]
}

// news returns what a node does not know yet about a room.
func (s *Service) news(room string, log *catchup.Log, node string, others []string, stopping bool) []catchup.Report {
	t := s.toldOf(room)
	version := log.Version()
	var all []catchup.Report
	if stopping {
		all = log.Held(func(origin string) bool { return slices.Contains(others, origin) })
	}
	if t != nil && t.version != 0 && t.log == version && t.settled {
		return all
	}
	pages, settled := log.Reports(s.Self, func(f func(c catchup.Client, number uint64)) { s.Live.Each(room, f) })
	if len(pages) == 0 {
		if t == nil {
			return all
		}
		pages = []catchup.Report{{Node: s.Self}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if pages[0].Pages == 0 {
		delete(s.told, room)
	} else {
		s.told[room] = &told{node: node, version: pages[0].Version, log: version, at: time.Now(), settled: settled}
	}
	return append(all, pages...)
}

// forget drops what other nodes know about rooms that are not live any more.
func (s *Service) forget(logs map[string]*catchup.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for room := range s.told {
		if logs[room] == nil {
			delete(s.told, room)
		}
	}
}

// keepReports keeps the reports of another node.
func (s *Service) keepReports(ctx context.Context, q *tellQuestion) tellAnswer {
	var a tellAnswer
	for i := range q.Reports {
		if !s.keepReport(ctx, q, &q.Reports[i]) {
			a.Unknown = append(a.Unknown, q.Reports[i].Room)
		}
	}
	for _, r := range q.Repeats {
		if log := s.Live.Log(r.Room); log == nil || !log.Repeat(q.From, r.Version) {
			a.Unknown = append(a.Unknown, r.Room)
		}
	}
	return a
}

func (s *Service) keepReport(ctx context.Context, q *tellQuestion, r *roomReport) bool {
	log := s.Live.Log(r.Room)
	if log == nil {
		if r.Pages == 0 {
			return true
		}
		var err error
		if log, err = s.Live.Hold(ctx, r.Room); err != nil {
			return false
		}
		if log == nil {
			return true // The tag confab:catch-up of the room was removed.
		}
	}
	if !log.Hold(&r.Report, time.Now()) && r.Page == r.Pages-1 {
		return false
	}
	if r.Pages == 0 || log.Covers(r.Oldest) {
		return true
	}
	fill := func() { s.fill(ctx, r.Room, log, r.Oldest, r.Lost, []source{{node: q.From}}) }
	if q.Stopping {
		fill()
		return true
	}
	s.spawn(fill)
	return true
}
