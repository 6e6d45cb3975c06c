package presence

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/go-json-experiment/json"

	"confab/internal/members"
)

// question is what a node asks the others. One of its members is set.
type question struct {
	// Watched asks for changes in watched rooms, Rooms for the present users of these
	// rooms, All for those of all rooms that have users.
	Watched []known  `json:"watched,omitzero"`
	Rooms   []string `json:"rooms,omitzero"`
	All     bool     `json:"all,omitzero"`
	// If Parts is above 1, only users are asked for whose hash modulo Parts is Part.
	Parts uint64 `json:"parts,omitzero"`
	Part  uint64 `json:"part,omitzero"`
	// Leaving also asks for users who have left the rooms recently.
	Leaving bool `json:"leaving,omitzero"`
	// Users asks for a page of users, Page for a page of a snapshot.
	Users *usersQuestion `json:"users,omitzero"`
	Page  *pageQuestion  `json:"page,omitzero"`
}

// known is a watched room, and the versions that the asking node knows, by node.
type known struct {
	Room     string            `json:"room"`
	Versions map[string]uint64 `json:"versions,omitzero"`
}

// answer is what a node answers to Watched, Rooms and All.
type answer struct {
	// Parts is set if the answer would be too large. Then the question must be repeated for
	// so many parts.
	Parts uint64   `json:"parts,omitzero"`
	Rooms []report `json:"rooms,omitzero"`
}

// report is what one node reports about one room.
type report struct {
	Room string `json:"room"`
	// Version is that of a watch; 0 if the room has no user here.
	Version     uint64 `json:"version,omitzero"`
	Connections int    `json:"connections,omitzero"`
	Users       hashes `json:"users,omitzero"`
	// IDs are the ids of Users, if the room needs them.
	IDs []string `json:"ids,omitzero"`
	// Leaving are users who have left recently, and whose leaving webhooks do not know yet.
	Leaving hashes `json:"leaving,omitzero"`
	Peak    int    `json:"peak,omitzero"`
	// PeakTime is in nanoseconds.
	PeakTime int64 `json:"peakTime,omitzero"`
}

// hashes are encoded as bytes.
type hashes []uint64

// MarshalJSON implements json.Marshaler.
func (h hashes) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 8*len(h))
	for _, v := range h {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return json.Marshal(b)
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *hashes) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	if len(b)%8 != 0 {
		return errors.New("hashes of users are cut off")
	}
	for ; len(b) > 0; b = b[8:] {
		*h = append(*h, binary.BigEndian.Uint64(b))
	}
	return nil
}

// mostHashes bounds an answer: it fits a message of NATS.
const mostHashes = 40_000

// mostParts bounds what another node may ask for.
const mostParts = 1 << 12

// Answer answers a question of another node.
func (s *Service) Answer(_ context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	switch {
	case q.Users != nil:
		return json.Marshal(s.usersHere(*q.Users))
	case q.Page != nil:
		p, ok := s.snapshots.page(*q.Page)
		if !ok {
			return nil, errors.New("the snapshot is not here")
		}
		return json.Marshal(p)
	}
	return json.Marshal(s.here(&q))
}

// here answers a question about rooms for this node.
func (s *Service) here(q *question) answer {
	var a answer
	rooms := q.Rooms
	if q.All {
		rooms = s.Live.LiveRooms()
	}
	total := 0
	for _, k := range q.Watched {
		if r, news := s.newsOf(k); news {
			a.Rooms = append(a.Rooms, r)
			total += len(r.Users)
		}
	}
	for _, room := range rooms {
		if q.Parts == 0 && total > mostHashes { // Only the size matters now.
			users, _ := s.Live.CountUsers(room)
			total += users
			continue
		}
		r := s.asIs(room)
		if q.Leaving && q.Part == 0 && s.Leaving != nil {
			for _, id := range s.Leaving(room) {
				r.Leaving = append(r.Leaving, hash(id))
			}
		}
		if r.Connections > 0 || r.Peak > 0 || len(r.Leaving) > 0 {
			a.Rooms = append(a.Rooms, r)
			total += len(r.Users)
		}
	}
	if q.Parts == 0 && total > mostHashes {
		return answer{Parts: uint64(total/mostHashes + 2)}
	}
	if q.Parts > 1 {
		for i := range a.Rooms {
			a.Rooms[i].keepPart(q.Part, min(q.Parts, mostParts))
		}
	}
	return a
}

// keepPart removes the users that are not in the part.
func (r *report) keepPart(part, parts uint64) {
	users, ids := r.Users, r.IDs
	r.Users, r.IDs = nil, nil
	for i, h := range users {
		if h%parts == part {
			r.Users = append(r.Users, h)
			if i < len(ids) {
				r.IDs = append(r.IDs, ids[i])
			}
		}
	}
}

// newsOf returns the report of this node about a watched room, and whether the asking node
// does not have it yet.
func (s *Service) newsOf(k known) (report, bool) {
	before := k.Versions[s.Node]
	w := s.watched(k.Room)
	if w == nil {
		return report{Room: k.Room}, before != 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.reportLocked()
	return r, r.Version != before
}

// asIs returns the report of this node about any room, with the users who are connected
// now.
func (s *Service) asIs(room string) report {
	r := report{Room: room}
	var ids []string
	ids, r.Connections = s.Live.UserIDs(room)
	for _, id := range ids {
		r.Users = append(r.Users, hash(id))
	}
	if p := s.peakOf(room); p.users > 0 {
		r.Peak, r.PeakTime = p.users, p.at.UnixNano()
	}
	return r
}

// ask asks the other nodes about rooms, and returns their reports by node and room.
func (s *Service) ask(ctx context.Context, q question) (said map[string]map[string]report, complete bool) {
	answers, complete := s.askOnce(ctx, &q)
	parts := uint64(0)
	for _, a := range answers {
		parts = max(parts, min(a.Parts, mostParts))
	}
	said = make(map[string]map[string]report, len(answers))
	if parts == 0 {
		merge(said, answers)
		return said, complete
	}
	for q.Parts, q.Part = parts, 0; q.Part < parts; q.Part++ {
		answers, all := s.askOnce(ctx, &q)
		complete = complete && all
		merge(said, answers)
	}
	return said, complete
}

func (s *Service) askOnce(ctx context.Context, q *question) (map[string]answer, bool) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, false
	}
	got, complete := s.AskOthers(ctx, body)
	all := make(map[string]answer, len(got))
	for node, b := range got {
		var a answer
		if json.Unmarshal(b, &a) != nil {
			complete = false
			continue
		}
		all[node] = a
	}
	return all, complete
}

// merge adds answers to earlier ones. The version is that of the first part, so what
// changed meanwhile is asked for again.
func merge(said map[string]map[string]report, answers map[string]answer) {
	for node, a := range answers {
		rooms := said[node]
		if rooms == nil {
			rooms = make(map[string]report, len(a.Rooms))
			said[node] = rooms
		}
		for _, r := range a.Rooms {
			if before, ok := rooms[r.Room]; ok {
				r.Version = before.Version
				r.Users = append(before.Users, r.Users...)
				r.IDs = append(before.IDs, r.IDs...)
				r.Leaving = append(before.Leaving, r.Leaving...)
			}
			rooms[r.Room] = r
		}
	}
}

var _ members.Watcher = (*watch)(nil)
