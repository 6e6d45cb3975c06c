package webhook

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// Attended reports whether any webhook wants events about who is in rooms.
func (h *Hooks) Attended() bool {
	x := h.known.Load()
	return x != nil && x.attended
}

// Attendance stores the rooms of whose users this run of the server has told webhooks. If
// the run ends without Close, another run sends presence.reset for them.
type Attendance struct {
	hooks *Hooks
	run   string
}

// Attendance begins a run.
func (h *Hooks) Attendance() *Attendance { return &Attendance{h, chat.NewID()} }

// AttendedRoom is a room of whose users webhooks were told.
type AttendedRoom struct {
	RoomID   string
	Webhooks []string // their ARNs
	run      string
}

// Reset is an event presence.reset: the webhooks must forget which users are in the room.
type Reset struct {
	RoomID   string
	Webhooks []string
	Presence Presence
}

// runLease is how long a run may send no sign of life before others take over its rooms.
const runLease = 15 * time.Second

// Frame returns an event as a record of the transcript. It sets the event's ID and Time.
func (a *Attendance) Frame(roomID string, webhooks []string, e Event) (*chat.Frame, error) {
	f := &chat.Frame{RoomID: roomID, Type: ChangeFrame, ID: chat.NewID(), Time: a.hooks.o.Now(), Webhooks: webhooks}
	e.ID, e.Time = f.ID, chat.FormatTime(f.Time)
	var err error
	f.JSON, err = json.Marshal(e)
	return f, err
}

// Announce stores events for their webhooks. After an error, some of them may not be
// stored.
func (a *Attendance) Announce(ctx context.Context, frames []*chat.Frame) error {
	return a.hooks.o.Append(ctx, frames)
}

// Store stores rooms of this run, together with resets. It must be called before the first
// event of a room, so that another run knows the room if this one is killed.
func (a *Attendance) Store(ctx context.Context, rooms []AttendedRoom, resets []Reset) error {
	return a.change(ctx, func(ctx context.Context, s sqldb.Session) ([]Reset, error) {
		_, err := s.Exec(ctx, `INSERT INTO webhook_runs (run, seen) VALUES ($1, $2)
			ON CONFLICT (run) DO UPDATE SET seen = excluded.seen`, a.run, a.hooks.o.Now().UnixNano())
		for _, r := range rooms {
			if err == nil {
				_, err = s.Exec(ctx, `INSERT INTO webhook_attendance (run, room_id, webhooks) VALUES ($1, $2, $3)
					ON CONFLICT (run, room_id) DO UPDATE SET webhooks = excluded.webhooks`, a.run, r.RoomID, strings.Join(r.Webhooks, " "))
			}
		}
		return resets, err
	})
}

// change stores the resets that do returns, in the transaction of do, and forwards them
// after it.
func (a *Attendance) change(ctx context.Context, do func(context.Context, sqldb.Session) ([]Reset, error)) error {
	n := a.hooks.Notes()
	err := a.hooks.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		n.Reset()
		resets, err := do(ctx, s)
		for _, r := range resets {
			if err == nil && len(r.Webhooks) > 0 {
				var f *chat.Frame
				if f, err = a.Frame(r.RoomID, r.Webhooks, Event{Type: PresenceReset, Presence: &r.Presence}); err == nil {
					err = n.store(ctx, s, f)
				}
			}
		}
		return err
	})
	if err == nil {
		n.Forward(ctx)
	}
	return err
}

// Beat renews the lease of this run. It reports false if another run has taken over the
// rooms: then they must be stored again.
func (a *Attendance) Beat(ctx context.Context) (kept bool, err error) {
	if !a.hooks.sql.Remote() {
		return true, nil // No other run exists at the same time.
	}
	err = a.hooks.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		n, err := s.Exec(ctx, `UPDATE webhook_runs SET seen = $2 WHERE run = $1`, a.run, a.hooks.o.Now().UnixNano())
		kept = n > 0
		return err
	})
	return kept, err
}

// Forget removes rooms of this run that have no users any more.
func (a *Attendance) Forget(ctx context.Context, roomIDs []string) error {
	if len(roomIDs) == 0 {
		return nil
	}
	return a.hooks.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		for _, id := range roomIDs {
			if _, err := s.Exec(ctx, `DELETE FROM webhook_attendance WHERE run = $1 AND room_id = $2`, a.run, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// orphanPage is how many rooms are taken over together.
const orphanPage = 200

// Orphans returns some rooms of runs that have ended, with those of their webhooks that
// want presence.reset. In a database that only this server uses, all other runs have ended.
func (a *Attendance) Orphans(ctx context.Context) (rooms []AttendedRoom, err error) {
	err = a.hooks.sql.Read().Rows(ctx, `SELECT r.run, coalesce(a.room_id, ''), coalesce(a.webhooks, '')
		FROM webhook_runs r LEFT JOIN webhook_attendance a ON a.run = r.run WHERE r.run <> $1 AND r.seen < $2 ORDER BY r.run, a.room_id LIMIT $3`,
		[]any{a.run, a.silentSince(), orphanPage}, func(scan func(...any) error) error {
			var r AttendedRoom
			var webhooks string
			if err := scan(&r.run, &r.RoomID, &webhooks); err != nil {
				return err
			}
			x := a.hooks.known.Load()
			for arn := range strings.FieldsSeq(webhooks) {
				if hook := x.byID[arn[strings.LastIndexByte(arn, '/')+1:]]; hook != nil && hook.Wants(PresenceReset) {
					r.Webhooks = append(r.Webhooks, arn)
				}
			}
			rooms = append(rooms, r)
			return nil
		})
	return rooms, err
}

func (a *Attendance) silentSince() int64 {
	now := a.hooks.o.Now()
	if a.hooks.sql.Remote() {
		now = now.Add(-runLease)
	} else {
		now = now.Add(runLease) // The clock may have been set back.
	}
	return now.UnixNano()
}

// Take removes orphans and sends presence.reset for them, in one transaction. If several
// servers do this, each reset is sent once. counts has how many users and connections the
// rooms have now.
func (a *Attendance) Take(ctx context.Context, orphans []AttendedRoom, counts map[string]Presence) error {
	return a.change(ctx, func(ctx context.Context, s sqldb.Session) (resets []Reset, err error) {
		silent := a.silentSince()
		for _, o := range orphans {
			n, err := s.Exec(ctx, `DELETE FROM webhook_attendance WHERE run = $1 AND room_id = $2
				AND run IN (SELECT run FROM webhook_runs WHERE seen < $3)`, o.run, o.RoomID, silent)
			if err != nil {
				return nil, err
			}
			if n > 0 {
				resets = append(resets, Reset{RoomID: o.RoomID, Webhooks: o.Webhooks, Presence: counts[o.RoomID]})
			}
		}
		_, err = s.Exec(ctx, `DELETE FROM webhook_runs WHERE run <> $1 AND seen < $2
			AND run NOT IN (SELECT run FROM webhook_attendance)`, a.run, silent)
		return resets, err
	})
}

// Close ends this run, so that others need not wait until its lease expires.
func (a *Attendance) Close(ctx context.Context) error {
	if !a.hooks.sql.Remote() {
		return nil
	}
	return a.hooks.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		_, err := s.Exec(ctx, `UPDATE webhook_runs SET seen = 0 WHERE run = $1`, a.run)
		return err
	})
}
