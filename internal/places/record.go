package places

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"confab/internal/catchup"
)

// If all nodes are lost, no node knows how far the clients are. So each node writes that to
// a file. From it, the next processes know which clients have missed something. Rooms with history
// have the missed frames in the database (kept.go). Clients that return to others get a
// confab:GAP, without a number, because the numbers of the rooms' frames are lost.

// record is the content of the file. Its time is that of the file's last change.
type record struct {
	// Members are the nodes that were there. If one of them is still there, its memory is
	// newer than the file.
	Members []string                    `json:"members,omitzero"`
	Rooms   map[string][]catchup.Report `json:"rooms"`

	made time.Time
}

// recorded is what the file has about a room. The reports themselves are made again for each
// file: if they were kept, they would be most of what a connection to a quiet room costs.
type recorded struct {
	version uint64 // of the log
	settled bool   // the connections have confirmed everything
}

// longest is the longest time for which a client may be away.
const longest = 10 * time.Minute

// alone is the Nodes of a node without others.
type alone struct{}

// only reports whether there are no others.
func (s *Service) only() bool {
	_, only := s.Nodes.(alone)
	return only
}

// Others implements Nodes.
func (alone) Others() []string { return nil }

// Holders implements Nodes.
func (alone) Holders(string) []string { return nil }

// Ask implements Nodes.
func (alone) Ask(context.Context, string, string, []byte) ([]byte, bool) { return nil, false }

// Alone makes this the service of a single node. self is the name of this process; it must
// differ from that of every earlier one.
func (s *Service) Alone(self string) { s.Self, s.Nodes, s.joined = self, alone{}, true }

// Record makes the service write its record to a file. It first reads the record of the
// previous process, which is still there if that was killed. It must be called before
// Start.
func (s *Service) Record(path string, log *slog.Logger) {
	s.path, s.log = path, log
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > longest {
		return
	}
	r := record{made: info.ModTime()}
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &r) == nil {
		s.left = r
	}
}

// lost reports whether a killed process has left places of a room. They do not count if a
// node from that time is still there.
func (s *Service) lost(roomID string) bool {
	s.mu.Lock()
	members, some := s.left.Members, len(s.left.Rooms) > 0
	_, one := s.left.Rooms[roomID]
	old := time.Since(s.left.made) > longest
	s.mu.Unlock()
	if !some {
		return false
	}
	others := s.Nodes.Others()
	if old || slices.ContainsFunc(members, func(id string) bool { return slices.Contains(others, id) }) {
		s.mu.Lock()
		s.left = record{}
		s.mu.Unlock()
		return false
	}
	return one
}

// restore adds to a log the places that a killed process has left of its room.
func (s *Service) restore(roomID string, log *catchup.Log) {
	if !s.lost(roomID) {
		return
	}
	s.mu.Lock()
	made, reports := s.left.made, s.left.Rooms[roomID]
	delete(s.left.Rooms, roomID)
	s.mu.Unlock()
	from, _ := log.Span()
	for i := range reports {
		log.Hold(reports[i].Displaced(made, from, !s.only()), made)
	}
}

// Begin implements messaging.Places.
func (s *Service) Begin(roomID string, log *catchup.Log) {
	s.mu.Lock()
	joined := s.joined
	s.mu.Unlock()
	if joined { // Else a node from that time may still be there.
		s.restore(roomID, log)
	}
}

// Left implements messaging.Places.
func (s *Service) Left(roomID, userID string) (rooms []string) {
	if s.Memory != nil {
		rooms = s.Memory.Left(roomID, userID)
	}
	s.lost("") // It forgets a record that does not count.
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.left.Rooms
	if roomID != "" {
		all = map[string][]catchup.Report{roomID: all[roomID]}
	}
	for id, reports := range all {
		if s.joined && slices.ContainsFunc(reports, func(r catchup.Report) bool { return r.Has(userID) }) {
			rooms = append(rooms, id)
		}
	}
	return rooms
}

// holdTogether is how many rooms holdLeft reads at a time.
const holdTogether = 8

// holdLeft makes the rooms live of which a killed process has left places. Only nodes on which
// a room is live get its frames: the disconnect of a user voids the places on these. A node
// without others gets all frames without it.
func (s *Service) holdLeft() {
	s.mu.Lock()
	rooms := slices.Collect(maps.Keys(s.left.Rooms))
	s.mu.Unlock()
	var holding errgroup.Group
	holding.SetLimit(holdTogether)
	for _, room := range rooms {
		holding.Go(func() error {
			if log, err := s.Live.Hold(s.ctx, room); err == nil && log != nil { // Else it is tried again when a client comes.
				s.restore(room, log)
			}
			return nil
		})
	}
	holding.Wait() //nolint:errcheck // There are no errors.
}

// The time from one record to the next is tellEvery, and longer in large rooms, so that writing
// takes a hundredth of a processor.
const (
	recordPart   = 100
	recordWithin = 30 * time.Second // at most
)

// keepRecord writes the file until the service is closed.
func (s *Service) keepRecord() {
	next := time.NewTimer(together(tellEvery))
	defer next.Stop()
	failed := false
	for {
		stopping := false
		select {
		case <-s.ctx.Done():
			stopping = true
		case <-next.C:
		}
		begin := time.Now()
		err := s.write(stopping)
		if err != nil && !failed {
			s.log.LogAttrs(s.ctx, slog.LevelWarn, "Places of clients not written; after a kill they get neither missed frames nor confab:GAP", slog.Any("error", err))
		}
		if failed = err != nil; failed {
			clear(s.recorded) // The next one has everything.
		}
		if stopping {
			return
		}
		next.Reset(together(min(max(tellEvery, recordPart*time.Since(begin)), recordWithin)))
	}
}

// write writes how far the clients are, if that has changed. A node without others that
// stops leaves its own clients to catchup.Memory.Save, and writes only those of killed
// processes. A node that stops beside others has reported its clients to them.
func (s *Service) write(stopping bool) error {
	only, others := s.only(), s.Nodes.Others()
	if stopping && len(others) > 0 {
		return nil
	}
	logs := s.Live.Logs()
	r := record{Rooms: map[string][]catchup.Report{}}
	if !only {
		r.Members = append(others, s.Self)
	}
	changed := stopping || !slices.Equal(r.Members, s.members)
	s.members = r.Members
	for room, log := range logs {
		s.restore(room, log)
		one, known := s.recorded[room]
		changed = changed || !known || one.version != log.Version() || !one.settled
	}
	for room := range s.recorded {
		if logs[room] == nil {
			delete(s.recorded, room)
			changed = true
		}
	}
	if !changed { // Otherwise only the file's time is set.
		now := time.Now()
		if err := os.Chtimes(s.path, now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	for room, log := range logs {
		one := recorded{version: log.Version(), settled: true}
		var reports []catchup.Report
		if !stopping || !only {
			reports, one.settled = log.Reports(s.Self, func(f func(c catchup.Client, number uint64)) { s.Live.Each(room, f) })
		}
		if reports = append(reports, log.Held(func(string) bool { return false })...); len(reports) > 0 {
			r.Rooms[room] = reports
		}
		s.recorded[room] = one
	}
	s.mu.Lock()
	maps.Copy(r.Rooms, s.left.Rooms) // No client has come back to these rooms yet.
	s.mu.Unlock()
	if len(r.Rooms) == 0 {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	next := s.path + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.path)
}
