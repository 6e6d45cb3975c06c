package store

import (
	"context"
	"slices"
	"strconv"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/iam"
	"confab/internal/moderation"
	"confab/internal/modlog"
	"confab/internal/sqldb"
)

// callerOf returns who asks for a change over the API.
func callerOf(ctx context.Context) modlog.Actor {
	call := iam.CallFrom(ctx)
	if call == nil || call.Principal == nil {
		return modlog.Actor{}
	}
	return modlog.ActorOf(call.Principal.ARN)
}

// moderationLog writes changes to the moderation log, in their transactions.
type moderationLog struct{ *modlog.Log }

// ban writes a change of a ban.
func (l moderationLog) ban(ctx context.Context, s sqldb.Session, b *moderation.Ban, c moderation.Change) error {
	e := &modlog.Event{
		RoomID: b.RoomID, UserID: b.UserID, By: callerOf(ctx), Reason: b.Reason,
		Details: map[string]string{"id": b.ID, "type": string(b.Type)},
	}
	switch c {
	case moderation.Made:
		e.Action, e.By = modlog.CreateBan, modlog.ActorOf(b.CreatedBy) // Also without a call: see enforce.Disconnected.
	case moderation.Changed:
		e.Action = modlog.UpdateBan
	case moderation.Lifted:
		e.Action, e.Reason = modlog.DeleteBan, "" // The reason was that of the ban.
	}
	if b.UserID == "" {
		e.Details["ipRange"] = b.Range.String()
	}
	if c != moderation.Lifted && !b.Expires.IsZero() {
		e.Details["expirationTime"] = chat.FormatTime(b.Expires)
	}
	return l.Add(ctx, s, e)
}

// filter implements contentfilter.Filters.Noted.
func (l moderationLog) filter(ctx context.Context, s sqldb.Session, f *contentfilter.Filter, deleted bool) error {
	e := &modlog.Event{
		Action: modlog.DeleteContentFilter, RoomID: f.RoomID, By: callerOf(ctx), Details: map[string]string{"filter": f.Name},
	}
	if !deleted {
		e.Action = modlog.PutContentFilter
		e.Details["filterAction"] = string(f.Action)
		e.Details["terms"], e.Details["expressions"] = strconv.Itoa(f.TermCount), strconv.Itoa(f.ExpressionCount)
	}
	return l.Add(ctx, s, e)
}

// modes writes which modes of a room were set, and which were cleared.
func (l moderationLog) modes(ctx context.Context, s sqldb.Session, roomID string, before, after []chat.Mode) error {
	e := &modlog.Event{Action: modlog.UpdateRoomModes, RoomID: roomID, By: callerOf(ctx), Details: map[string]string{}}
	for _, m := range before {
		e.Details[m.Name] = "" // Cleared, unless it follows.
	}
	for _, m := range after {
		if slices.Contains(before, m) {
			delete(e.Details, m.Name)
			continue
		}
		e.Details[m.Name] = m.Value
		if !m.Expires.IsZero() {
			e.Details["expirationTime"] = chat.FormatTime(m.Expires)
		}
	}
	if len(e.Details) == 0 {
		return nil
	}
	return l.Add(ctx, s, e)
}
