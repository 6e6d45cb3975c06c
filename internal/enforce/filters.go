package enforce

import (
	"context"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/messaging"
	"confab/internal/modlog"
)

// Filters applies content filters to messages: it implements messaging.Rule, for
// Rules.Filters. Messages of staff are not filtered.
type Filters struct {
	Content *contentfilter.Filters
	// Log records which filters have matched.
	Log *modlog.Log
}

// FilterRule is the prefix of chat.Error.Rule for filters; the filter's name follows.
const FilterRule = "filter:"

// Applies implements messaging.Rule.
func (f Filters) Applies(roomID string, _ *chat.Extensions) bool { return f.Content.Any(roomID) }

// Judge implements messaging.Rule.
func (f Filters) Judge(_ context.Context, j *messaging.Judgement) error {
	if j.Operation.Staff {
		return nil
	}
	d := f.Content.Decide(j.Operation.RoomID, j.Content)
	if d.Action != "" {
		f.note(j, &d)
	}
	switch d.Action {
	case contentfilter.Deny:
		return &chat.Error{Code: chat.Rejected, Message: d.Message, ID: j.Operation.ID, Rule: FilterRule + d.Filter}
	case contentfilter.Hide:
		j.Hidden, j.Content, j.Rule = true, d.Content, FilterRule+d.Filter
	case contentfilter.Mask:
		j.Content, j.Rule = d.Content, FilterRule+d.Filter
	case contentfilter.Flag: // The message stays as it was.
	}
	return nil
}

// note records the filter that decides about a message, and the filters with FLAG that
// match it.
func (f Filters) note(j *messaging.Judgement, d *contentfilter.Decision) {
	if d.Action != contentfilter.Flag {
		f.hit(j, d.Filter, d.Action)
	}
	for _, name := range d.Flagged {
		f.hit(j, name, contentfilter.Flag)
	}
}

// hit records a match. Its id is the same if the message is judged again.
func (f Filters) hit(j *messaging.Judgement, name string, action contentfilter.Action) {
	op := j.Operation
	f.Log.Note(&modlog.Event{
		ID: chat.DerivedID(op.ID, name, string(action)), Time: op.Received, Action: modlog.FilterHit,
		RoomID: op.RoomID, UserID: op.UserID, MessageID: op.ID,
		Details: map[string]string{"filter": name, "filterAction": string(action)},
	})
}
