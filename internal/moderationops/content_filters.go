package moderationops

import (
	"context"
	"strings"
	"unicode/utf8"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/operation"
)

// Filters are the content filters of all rooms: *contentfilter.Filters.
type Filters interface {
	Put(ctx context.Context, f *contentfilter.Filter) error
	Get(ctx context.Context, roomID, name string) (*contentfilter.Filter, error)
	Delete(ctx context.Context, roomID, name string) error
	List(ctx context.Context, roomID string, everywhere bool, most int, after contentfilter.Place) ([]contentfilter.Filter, *contentfilter.Place, error)
	Explain(roomID, content string) (contentfilter.Decision, []contentfilter.Match)
}

// ContentFilter has terms, expressions, and an action for messages that match one of them.
type ContentFilter struct {
	// The name of the filter, unique in its room.
	Name string `json:"name"`
	// The ARN of the room; absent for every room.
	RoomArn *string `json:"roomArn,omitzero"`
	// Words and phrases.
	Terms []string `json:"terms"`
	// RE2 regular expressions.
	Expressions []string `json:"expressions"`
	// DENY: the message is refused. MASK: what matches is replaced by asterisks. HIDE: only
	// the sender gets the message. FLAG: the message is delivered, and the moderation log
	// has a CONTENT_FILTER_HIT.
	Action string `json:"action"`
	// The text that the sender of a refused message gets; absent for the default text.
	Message *string `json:"message,omitzero"`
	// When the filter was last stored.
	UpdateTime string `json:"updateTime" rule:"time"`
}

// ContentFilterSummary is a filter without its rules.
type ContentFilterSummary struct {
	// The name of the filter, unique in its room.
	Name string `json:"name"`
	// The ARN of the room; absent for every room.
	RoomArn *string `json:"roomArn,omitzero"`
	// How many terms it has.
	TermCount int `json:"termCount"`
	// How many expressions it has.
	ExpressionCount int `json:"expressionCount"`
	// What happens to a message that matches: DENY, MASK, HIDE or FLAG.
	Action string `json:"action"`
	// The text that the sender of a refused message gets; absent for the default text.
	Message *string `json:"message,omitzero"`
	// When the filter was last stored.
	UpdateTime string `json:"updateTime" rule:"time"`
}

func (s *Service) showFilter(f *contentfilter.Filter) *ContentFilter {
	return &ContentFilter{
		Name: f.Name, RoomArn: s.filterRoom(f), Terms: listOf(f.Terms), Expressions: listOf(f.Expressions),
		Action: string(f.Action), Message: operation.NotEmpty(f.Message), UpdateTime: chat.FormatTime(f.UpdateTime),
	}
}

// filterRoom returns the ARN of a filter's room; nil is every room.
func (s *Service) filterRoom(f *contentfilter.Filter) *string {
	if f.RoomID == "" {
		return nil
	}
	return new(s.RoomARN(f.RoomID).String())
}

// listOf makes an absent list an empty one.
func listOf(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// checkFilterName checks the name of a filter: the characters of the names of rooms.
func checkFilterName(name string) error {
	for _, c := range name {
		if c > utf8.RuneSelf || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", c) {
			var v api.Violations
			v.Add("name", "must have letters, digits, - and _ only, this is %.128q", name)
			return v.Err()
		}
	}
	return nil
}
