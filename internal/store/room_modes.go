package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// storedMode is a mode in the column modes.
type storedMode struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Expires int64  `json:"expires,omitzero"`
	By      []byte `json:"by"`
}

// RoomModes stores the settings with which moderators override tags of rooms.
type RoomModes struct{ db *DB }

// NewRoomModes returns the modes of a store.
func NewRoomModes(db *DB) RoomModes { return RoomModes{db} }

// Set replaces the modes of a room by those that change returns, and returns the room, or
// NotFound. change gets the modes that are in force. The room's update time does not
// change.
func (m RoomModes) Set(ctx context.Context, id string, change func([]chat.Mode) []chat.Mode) (*chat.Room, error) {
	var room *chat.Room
	err := m.db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) (err error) {
		if room, err = m.db.room(ctx, s, id); err != nil {
			return err
		}
		now := m.db.o.Now()
		var inForce []chat.Mode
		for _, mode := range room.Modes {
			if mode.In(now) {
				inForce = append(inForce, mode)
			}
		}
		room.Modes = change(slices.Clone(inForce))
		text, err := encodeModes(room.Modes)
		if err != nil {
			return err
		}
		if _, err := s.Exec(ctx, `UPDATE rooms SET modes = $2 WHERE id = $1`, id, text); err != nil {
			return err
		}
		if err := (moderationLog{m.db.Moderation}).modes(ctx, s, id, inForce, room.Modes); err != nil {
			return err
		}
		return noteChange(ctx, s, id)
	})
	return room, err
}

func encodeModes(modes []chat.Mode) (string, error) {
	if len(modes) == 0 {
		return "", nil
	}
	all := make([]storedMode, len(modes))
	for i, m := range modes {
		all[i] = storedMode{Name: m.Name, Value: m.Value, By: []byte(m.By)}
		if !m.Expires.IsZero() {
			all[i].Expires = m.Expires.UnixNano()
		}
	}
	b, err := json.Marshal(all)
	return string(b), err
}

func decodeModes(text string) ([]chat.Mode, error) {
	if text == "" {
		return nil, nil
	}
	var all []storedMode
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, err
	}
	modes := make([]chat.Mode, len(all))
	for i, m := range all {
		modes[i] = chat.Mode{Name: m.Name, Value: m.Value, By: string(m.By)}
		if m.Expires != 0 {
			modes[i].Expires = time.Unix(0, m.Expires).UTC()
		}
	}
	return modes, nil
}
