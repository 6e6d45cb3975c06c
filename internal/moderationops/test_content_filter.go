package moderationops

import (
	"context"
	"unicode/utf8"

	"confab/internal/contentfilter"
)

// TestContentFilterInput is what TestContentFilter takes.
type TestContentFilterInput struct {
	// The text of a message.
	Content *string `json:"content" rule:"required 1..500"`
	// The ARN of the room whose filters are applied, together with those of every room;
	// only those of every room if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
}

// TestContentFilterOutput is what the filters would do with the message.
type TestContentFilterOutput struct {
	// ALLOW, or the action of the strongest filter that matches: DENY, HIDE, MASK, FLAG.
	Action string `json:"action"`
	// The content that would be delivered; empty if the message would be refused.
	Content string `json:"content"`
	// The text that the sender would get; absent if the message would not be refused.
	Message *string `json:"message,omitzero"`
	// The matches, ordered by their start; the first 1,000.
	Matches []ContentFilterMatch `json:"matches"`
}

// ContentFilterMatch is where a rule of a filter matches.
type ContentFilterMatch struct {
	// The name of the filter.
	Filter string `json:"filter"`
	// The term or the expression.
	Rule string `json:"rule"`
	// Where the match starts, in Unicode code points.
	Start int `json:"start"`
	// Where it ends: the first code point behind it.
	End int `json:"end"`
}

// TestContentFilter returns what content filters would do with a message, and why. No
// message is sent.
func (s *Service) TestContentFilter(ctx context.Context, in *TestContentFilterInput) (*TestContentFilterOutput, error) {
	room, err := s.RoomOrEvery(ctx, in.RoomIdentifier, "TestContentFilter")
	if err != nil {
		return nil, err
	}
	d, all := s.o.Filters.Explain(room, *in.Content)
	out := &TestContentFilterOutput{Action: "ALLOW", Content: d.Content, Matches: make([]ContentFilterMatch, len(all))}
	if d.Action != "" {
		out.Action = string(d.Action)
	}
	if d.Action == contentfilter.Deny {
		out.Content, out.Message = "", &d.Message
	}
	for i, m := range all {
		start := utf8.RuneCountInString((*in.Content)[:m.Start])
		out.Matches[i] = ContentFilterMatch{
			Filter: m.Filter, Rule: m.Rule, Start: start, End: start + utf8.RuneCountInString((*in.Content)[m.Start:m.End]),
		}
	}
	return out, nil
}
