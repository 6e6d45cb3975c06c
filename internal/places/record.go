package places

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/catchup"
)

// An only node has no other one to tell where its clients are. It writes that to a file
// instead, so that after a kill the next process knows who has missed something: to it they
// are the reports of a node that is gone. What they missed is lost.

// record is the content of the file.
type record struct {
	Made  time.Time                   `json:"made"`
	Rooms map[string][]catchup.Report `json:"rooms"`
}

// recorded is what the file has of a room.
type recorded struct {
	version uint64 // of the log
	settled bool   // the connections have nothing left to confirm
	reports []catchup.Report
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

// Record has the service of an only node keep a file, and reads what a process has left there
// that was killed. self is the name of this process; no other one had it. It is called before
// Start.
func (s *Service) Record(self, path string, log *slog.Logger) {
	s.Self, s.Nodes, s.path, s.log = self, alone{}, path, log
	b, err := os.ReadFile(path)
	var r record
	if err == nil && json.Unmarshal(b, &r) == nil && time.Since(r.Made) < longest {
		s.left = r
	}
}

// restore gives a log what a killed process has left of its room.
func (s *Service) restore(roomID string, log *catchup.Log) {
	s.mu.Lock()
	if time.Since(s.left.Made) > longest {
		s.left = record{}
	}
	made, reports := s.left.Made, s.left.Rooms[roomID]
	delete(s.left.Rooms, roomID)
	s.mu.Unlock()
	for i := range reports {
		log.Hold(&reports[i], made)
	}
}

// keepRecord writes the file until the service is closed.
func (s *Service) keepRecord() {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	failed := false
	for {
		stopping := false
		select {
		case <-s.ctx.Done():
			stopping = true
		case <-tick.C:
		}
		err := s.write(stopping)
		if err != nil && !failed {
			s.log.LogAttrs(s.ctx, slog.LevelWarn, "The places of clients cannot be written; after a kill they start anew", slog.Any("error", err))
		}
		if failed = err != nil; stopping {
			return
		}
	}
}

// write writes where clients are, if that has changed. A process that stops leaves its own
// clients to catchup.Memory.Save, and writes those of killed processes only.
func (s *Service) write(stopping bool) error {
	logs := s.Live.Logs()
	r := record{Made: time.Now(), Rooms: map[string][]catchup.Report{}}
	changed := stopping
	for room, log := range logs {
		s.restore(room, log)
		version := log.Version()
		one := s.recorded[room]
		if stopping || one == nil || one.version != version || !one.settled {
			one = &recorded{version: version, settled: true}
			if !stopping {
				one.reports, one.settled = log.Reports(s.Self, func(f func(c catchup.Client, number uint64)) { s.Live.Each(room, f) })
			}
			one.reports = append(one.reports, log.Held(func(string) bool { return false })...)
			s.recorded[room], changed = one, true
		}
		if len(one.reports) > 0 {
			r.Rooms[room] = one.reports
		}
	}
	for room := range s.recorded {
		if logs[room] == nil {
			delete(s.recorded, room)
			changed = true
		}
	}
	if !changed {
		return nil
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
	next := s.path + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.path)
}
