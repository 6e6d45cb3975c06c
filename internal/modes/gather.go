package modes

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/go-json-experiment/json"
)

// question asks what a node remembers of a room. A long answer is divided into parts: Part
// of Parts has the users and hashes that partOf assigns to it.
type question struct {
	Room  string `json:"room"`
	Part  uint32 `json:"part"`
	Parts uint32 `json:"parts"`
}

// answer says how many parts the answer needs. It has turns only if the question asks for
// that many parts.
type answer struct {
	Parts uint32     `json:"parts"`
	Users []userTurn `json:"users,omitzero"`
	Said  []saidTurn `json:"said,omitzero"`
}

type userTurn struct {
	User  []byte `json:"user"`
	ID    string `json:"id"`
	At    int64  `json:"at"`
	Until int64  `json:"until"`
}

type saidTurn struct {
	Hash  [16]byte `json:"hash"`
	ID    string   `json:"id"`
	At    int64    `json:"at"`
	Until int64    `json:"until"`
}

const (
	// partSize is roughly the most bytes of one answer; a message of NATS has at most 1 MiB.
	partSize = 256 << 10
	// turnSize is about the size of one turn without its user.
	turnSize = 128
	// mostParts bounds what a node may ask others to send.
	mostParts = 1024
	// gatherWithin bounds the wait for the other nodes, while a message waits.
	gatherWithin = 2 * time.Second
)

func partOf(key []byte, parts uint32) uint32 {
	h := fnv.New32a()
	h.Write(key)
	return h.Sum32() % parts
}

// gather asks the other nodes what they remember of a room, once in each turn of this node
// as its home. What a node does not answer in time is missing.
func (m *Modes) gather(ctx context.Context, roomID string, epoch uint64) {
	if m.Ask == nil || epoch == 0 {
		return
	}
	m.mu.Lock()
	r := m.roomLocked(roomID, time.Now().UnixNano())
	first := r.epoch != epoch
	if first {
		r.epoch, r.asked = epoch, make(chan struct{})
	}
	asked := r.asked
	m.mu.Unlock()
	if !first {
		select {
		case <-asked:
		case <-ctx.Done():
		}
		return
	}
	defer close(asked)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gatherWithin)
	defer cancel()
	for parts, part := uint32(1), uint32(0); part < parts; part++ {
		if more := m.askPart(ctx, r, question{roomID, part, parts}); more > parts {
			parts, part = min(more, mostParts), 0
			m.askPart(ctx, r, question{roomID, 0, parts})
		}
	}
}

// askPart asks for one part, records the answers, and returns how many parts are needed.
func (m *Modes) askPart(ctx context.Context, r *memory, q question) (parts uint32) {
	body, err := json.Marshal(q)
	if err != nil {
		return 0
	}
	answers := m.Ask(ctx, body)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, data := range answers {
		var a answer
		if json.Unmarshal(data, &a) != nil {
			continue // Another release may answer in another form.
		}
		parts = max(parts, a.Parts)
		for _, u := range a.Users {
			r.merge(string(u.User), [16]byte{}, turn{u.ID, u.At, u.Until})
		}
		for _, s := range a.Said {
			r.merge("", s.Hash, turn{s.ID, s.At, s.Until})
		}
	}
	return parts
}

// Answer answers the question of another node, which is the new home of a room, about the
// messages that this node remembers.
func (m *Modes) Answer(_ context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	now := time.Now().UnixNano()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rooms[q.Room]
	if r == nil {
		return json.Marshal(answer{Parts: 1})
	}
	size := turnSize * (len(r.users) + len(r.said))
	for user := range r.users {
		size += len(user) * 4 / 3
	}
	a := answer{Parts: uint32(min(size/partSize+1, mostParts))}
	if q.Parts < a.Parts {
		return json.Marshal(a)
	}
	for user, t := range r.users {
		if t.until > now && partOf([]byte(user), q.Parts) == q.Part {
			a.Users = append(a.Users, userTurn{[]byte(user), t.id, t.at, t.until})
		}
	}
	for hash, t := range r.said {
		if t.until > now && partOf(hash[:], q.Parts) == q.Part {
			a.Said = append(a.Said, saidTurn{hash, t.id, t.at, t.until})
		}
	}
	return json.Marshal(a)
}
