// Package contentfilter has the content filters of one room and of every room. They are in
// the main database of package store, and compiled in the memory of every server.
//
//	Filters   the filters: changes in SQL, see store.go; what other servers changed, follow.go
//	rules     the filters in force, in memory: replaced as a whole, so messages never wait for a change
//	Decide    what happens to a message, see decide.go
//
// Package filter finds the words. As bans do, every change has a number, which grows over
// all servers, and a server reads the changes after the last one that it knows. So the known
// filters stay in force while the database is not reachable.
//
// Database failures are *chat.Error with the code Unavailable.
package contentfilter

import (
	"fmt"
	"time"

	"confab/internal/chat"
	"confab/internal/filter"
)

// Action is what a filter does with a message that it matches.
type Action string

// The actions, the strongest first.
const (
	Deny Action = "DENY" // it is refused
	Hide Action = "HIDE" // only its sender sees it
	Mask Action = "MASK" // what matches is replaced by asterisks
	Flag Action = "FLAG" // it is delivered, and counted
)

// Actions are all actions, the strongest first.
var Actions = []Action{Deny, Hide, Mask, Flag}

// Filter has terms, expressions, and an action for messages that match one of them.
type Filter struct {
	// RoomID is empty for every room. Name is unique in a room.
	RoomID, Name       string
	Terms, Expressions []string
	// TermCount and ExpressionCount are the lengths of the lists. They are also set in
	// results without the lists.
	TermCount, ExpressionCount int
	Action                     Action
	// Message is the text that the sender of a refused message gets; empty is
	// DefaultMessage.
	Message    string
	UpdateTime time.Time
}

// DefaultMessage is the text that the sender of a refused message gets if the filter has
// none.
const DefaultMessage = "This message has words that are not allowed here"

// MaxInScope is how many filters one room may have, and how many may apply to every room.
// MaxFilters and MaxTerms bound the filters of a server, and their terms.
const (
	MaxInScope = 20
	MaxFilters = 1000
	MaxTerms   = 1_000_000
)

// live is a filter in force.
type live struct {
	Filter
	matcher *filter.Matcher
}

// noSuchFilter is the error of a filter that does not exist.
func noSuchFilter(name string) error {
	return &chat.Error{
		Code: chat.NotFound, Message: fmt.Sprintf("The content filter %.128q does not exist there", name),
		Resource: chat.ARN{Type: chat.ContentFilterResource, ID: name},
	}
}

// tooMany is the error of a filter that is one too many, or has too many terms.
func tooMany(limit int, what string) error {
	return &chat.Error{
		Code: chat.QuotaExceeded, Limit: limit, Resource: chat.ARN{Type: chat.ContentFilterResource},
		Message: fmt.Sprintf("There may be at most %d %s", limit, what),
	}
}
