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

	"confab/internal/catchup"
)

// After the loss of all nodes, none has been told where clients are. Each node writes that to a
// file, so that the next processes know who has missed something. What they missed is lost,
// and so is the order of the rooms: clients that return are told of a gap of unknown size.

// record is the content of the file. It was made when the file was changed last.
type record struct {
	// Members are the nodes that were there. As long as one of them is, it knows better.
	Members []string                    `json:"members,omitzero"`
	Rooms   map[string][]catchup.Report `json:"rooms"`

	made time.Time
}

// recorded is what the file has of a room. The reports themselves are made anew for each
// file: kept, they would be most of what a connection to a quiet room costs.
type recorded struct {
	version uint64 // of the log
	settled bool   // the connections have nothing left to confirm
}

// longest is the longest time for which a client may be away.
const longest = 10 * time.Minute

// alone is the Nodes of an only node.
type alone struct{}

// Others implements Nodes.
func (alone) Others() []string { return nil }

// Holders implements Nodes.
func (alone) Holders(string) []string { return nil }

// Ask implements Nodes.
func (alone) Ask(context.Context, string, string, []byte) ([]byte, bool) { return nil, false }

// Alone makes this the service of a single node. self is the name of this process; it must
// differ from that of every earlier one.
func (s *Service) Alone(self string) { s.Self, s.Nodes = self, alone{} }

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

// lost reports whether a killed process has left something of a room. That does not count if a
// node is still there that was there then.
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

// restore gives a log what a killed process has left of its room.
func (s *Service) restore(roomID string, log *catchup.Log) {
	if !s.lost(roomID) {
		return
	}
	s.mu.Lock()
	made, reports := s.left.made, s.left.Rooms[roomID]
	delete(s.left.Rooms, roomID)
	s.mu.Unlock()
	for i := range reports {
		log.Hold(reports[i].Displaced(made), made)
	}
}

// The time from one record to the next is tellEvery, and longer in large rooms, so that writing
// takes a hundredth of a processor.
const (
	recordPart   = 100
	recordWithin = 30 * time.Second // at most
)

// keepRecord writes the file until the service is closed.
func (s *Service) keepRecord() {
	next := time.NewTimer(tellEvery)
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
			s.log.LogAttrs(s.ctx, slog.LevelWarn, "The places of clients cannot be written; after a kill they start anew", slog.Any("error", err))
		}
		if failed = err != nil; failed {
			clear(s.recorded) // The next one has everything.
		}
		if stopping {
			return
		}
		next.Reset(min(max(tellEvery, recordPart*time.Since(begin)), recordWithin))
	}
}

// write writes where clients are, if that has changed. An only node that stops leaves its own
// clients to catchup.Memory.Save, and writes those of killed processes only. One that stops
// beside others has told them.
func (s *Service) write(stopping bool) error {
	_, only := s.Nodes.(alone)
	others := s.Nodes.Others()
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
	if !changed { // Only the time of the file does.
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
	maps.Copy(r.Rooms, s.left.Rooms) // No client has come back to these yet.
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
