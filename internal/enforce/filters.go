package enforce

import (
	"context"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/messaging"
	"confab/internal/modlog"
)

// Filters is messaging.Rules.Filters: it carries content filters out. They do not apply to
// staff.
type Filters struct {
	Content *contentfilter.Filters
	// Log notes which filters have matched.
	Log *modlog.Log
}

// FilterRule comes before the name of a filter where a rule is named.
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
	case contentfilter.Flag: // The message is as it was.
	}
	return nil
}

// note notes the filter that decides about a message, and those with FLAG that match.
func (f Filters) note(j *messaging.Judgement, d *contentfilter.Decision) {
	if d.Action != contentfilter.Flag {
		f.hit(j, d.Filter, d.Action)
	}
	for _, name := range d.Flagged {
		f.hit(j, name, contentfilter.Flag)
	}
}

// hit notes a match. Its id is the same if the message is judged again.
func (f Filters) hit(j *messaging.Judgement, name string, action contentfilter.Action) {
	op := j.Operation
	f.Log.Note(&modlog.Event{
		ID: chat.DerivedID(op.ID, name, string(action)), Time: op.Received, Action: modlog.FilterHit,
		RoomID: op.RoomID, UserID: op.UserID, MessageID: op.ID,
		Details: map[string]string{"filter": name, "filterAction": string(action)},
	})
}
