// Package modes enforces a room's modes: slow mode, who may send messages, who may send
// links, and repeats. The home of a room calls it for each message of a client, see
// messaging.Rule.
//
//	modes.go    which messages are refused, and the texts of the refusals
//	memory.go   which user has sent what, and when: on every node that gets the message
//	gather.go   how the next home of a room asks the other nodes for that
//	links.go    what a link is
//
// A message in a room with slow mode or repeat carries its time and its hash
// (chat.Frame.Said), so all nodes that have the message know them, and a room's next home
// asks them. Other messages carry nothing.
package modes

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// Applies implements messaging.Rule.
func (*Modes) Applies(_ string, x *chat.Extensions) bool {
	return x.Send != chat.All || x.Links != chat.All || x.SlowMode != 0 || x.Repeat != 0
}

// Judge implements messaging.Rule. No mode applies to staff.
//
// Errors: AccessDenied (403) for Send, Rejected (406) for Links and Repeat, Throttled (429)
// for SlowMode.
func (m *Modes) Judge(ctx context.Context, j *messaging.Judgement) error {
	x, op := &j.Extensions, j.Operation
	if op.Staff {
		return nil
	}
	switch {
	case x.Send == chat.Nobody:
		return refuse("send", chat.AccessDenied, "Nobody can send messages in this room right now")
	case x.Send == chat.Staff:
		return refuse("send", chat.AccessDenied, "Only moderators can send messages in this room right now")
	case x.Links != chat.All && HasLink(op.Content):
		return refuse("links", chat.Rejected, "Messages with links are not allowed in this room")
	case x.SlowMode == 0 && x.Repeat == 0:
		return nil
	}
	var hash [16]byte
	if x.Repeat > 0 {
		hash = hashOf(op)
	}
	m.gather(ctx, op.RoomID, j.Turn.Epoch)
	return m.take(j, hash)
}

func refuse(rule string, code chat.Code, words string) error {
	return &chat.Error{Code: code, Message: words, Rule: rule}
}

// take takes the user's turn, and records the content.
func (m *Modes) take(j *messaging.Judgement, hash [16]byte) error {
	op, x, now := j.Operation, &j.Extensions, j.Now.UnixNano()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.roomLocked(op.RoomID, now)
	last, again := r.users[op.UserID], r.said[hash]
	if wait := last.wait(op.ID, x.SlowMode, now); wait > 0 {
		return refuse("slow-mode", chat.Throttled, "Slow mode: wait "+inWords(wait))
	}
	if wait := again.wait(op.ID, x.Repeat, now); wait > 0 {
		return refuse("repeat", chat.Rejected, "You have sent the same message already; it can be sent again in "+inWords(wait))
	}
	t := turn{id: op.ID, at: now, until: now + int64(max(x.SlowMode, x.Repeat))}
	if last.id == op.ID {
		t.at = last.at // It is the same message again.
	}
	j.Said = &chat.Said{At: t.at, Until: t.until, Hash: hash}
	r.put(op.UserID, hash, t)
	j.Undo(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if r.users[op.UserID].id == op.ID {
			r.users[op.UserID] = last
		}
		if hash != ([16]byte{}) && r.said[hash].id == op.ID {
			r.said[hash] = again
		}
	})
	return nil
}

// hashOf is the hash of a user's content and attributes: 128 bits, the same on all nodes.
func hashOf(op *messaging.Operation) (hash [16]byte) {
	b := make([]byte, 0, 256+len(op.Content))
	add := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	add(op.UserID)
	add(op.Content)
	for _, k := range slices.Sorted(maps.Keys(op.Attributes)) {
		add(k)
		add(op.Attributes[k])
	}
	sum := sha256.Sum256(b)
	copy(hash[:], sum[:])
	return hash
}

// inWords describes how long a user has to wait: "7 seconds", rounded up.
func inWords(wait time.Duration) string {
	n, unit := int((wait+time.Second-1)/time.Second), "second"
	if n > 90 {
		n, unit = int((wait+time.Minute-1)/time.Minute), "minute"
	}
	if n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
