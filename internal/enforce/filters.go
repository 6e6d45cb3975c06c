package enforce

import (
	"context"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/messaging"
)

// Filters is messaging.Rules.Filters: it carries content filters out. They do not apply to
// staff.
type Filters struct{ Content *contentfilter.Filters }

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
