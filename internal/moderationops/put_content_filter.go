package moderationops

import (
	"context"
	"errors"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/filter"
	"confab/internal/operation"
)

// largestFilter is the size of a request with 10,000 of the longest terms.
const largestFilter = 4 << 20

// PutContentFilterInput is what PutContentFilter takes. It needs a term or an expression.
type PutContentFilterInput struct {
	// The ARN of the room; every room if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The name of the filter, unique in its room: letters, digits, - and _.
	FilterName *string `json:"name" rule:"required 1..128"`
	// Words and phrases of 1 to 100 characters, such as idiot or shut up. An asterisk at an
	// end matches parts of words: scam* matches scammer.
	Terms []string `json:"terms" rule:"0..10000"`
	// Patterns: regular expressions of RE2 with 1 to 1,000 characters, such as \b\d{16}\b. Each
	// compiles to at most 100 instructions, all together to at most 2,000.
	Expressions []string `json:"expressions" rule:"0..100"`
	// DENY: the message is refused. MASK: what matches is replaced by asterisks. HIDE: only
	// the sender gets the message. FLAG: the message is delivered, and the moderation log
	// has a CONTENT_FILTER_HIT.
	Action *string `json:"action" rule:"required DENY|MASK|HIDE|FLAG"`
	// The text that the sender of a refused message gets; a default text if it is absent.
	FilterMessage *string `json:"message" rule:"1..256"`
}

// PutContentFilterOutput is the filter.
type PutContentFilterOutput = ContentFilter

// PutContentFilter creates a filter of one room or of every room, or replaces the one with
// the same room and name. It is in force at once, for clients without the capabilities
// DELETE_MESSAGE and DISCONNECT_USER. Terms match whole words, and ignore case, width,
// accents, look-alike letters and punctuation; in scripts without spaces they match
// anywhere. A filter of every room needs the action on every room. There can be 20 filters
// for one room, 20 for every room, and 1,000,000 terms in total.
func (s *Service) PutContentFilter(ctx context.Context, in *PutContentFilterInput) (*PutContentFilterOutput, error) {
	if err := checkFilterName(*in.FilterName); err != nil {
		return nil, err
	}
	if len(in.Terms)+len(in.Expressions) == 0 {
		var v api.Violations
		v.Add("terms", "or expressions is required, with one item or more")
		return nil, v.Err()
	}
	room, err := s.RoomOrEvery(ctx, in.RoomIdentifier, "PutContentFilter")
	if err != nil {
		return nil, err
	}
	f := &contentfilter.Filter{
		RoomID: room, Name: *in.FilterName, Terms: in.Terms, Expressions: in.Expressions,
		Action: contentfilter.Action(*in.Action), Message: operation.String(in.FilterMessage),
	}
	err = s.o.Filters.Put(ctx, f)
	if wrong, ok := errors.AsType[*filter.RuleError](err); ok {
		return nil, chat.InvalidField(wrong.Member, "item %d, %.100q, %s", wrong.Index+1, wrong.Rule, wrong.Problem)
	}
	if err != nil {
		return nil, err
	}
	return s.showFilter(f), nil
}
