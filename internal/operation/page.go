package operation

import (
	"encoding/base64"
	"hash/fnv"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// DefaultPage is how many items a page has if the request has no maxResults.
const DefaultPage = 50

// PageSize returns how many items a page may have.
func PageSize(maxResults *int32) int {
	if maxResults == nil {
		return DefaultPage
	}
	return int(*maxResults)
}

// pageToken is the content of a nextToken: the place after which the next page begins, and
// a hash of the place and of what selects the list.
type pageToken[Place any] struct {
	Place Place  `json:"place"`
	Of    uint64 `json:"of"`
}

// SealPage makes the nextToken of a page. place and list must have a JSON form. list is the
// name of the list and the members that select it, so that OpenPage refuses the token for
// another list. Clients can read place, and can make tokens: it must be nothing secret.
func SealPage[Place any](place Place, list ...any) *string {
	b, _ := json.Marshal(pageToken[Place]{place, hashOf(place, list)})
	return new(base64.RawURLEncoding.EncodeToString(b))
}

// OpenPage returns the place in a nextToken that SealPage made for the same list, and the
// zero Place for the first page, which has no token. Any other token is Invalid.
func OpenPage[Place any](token *string, list ...any) (place Place, err error) {
	if token == nil || *token == "" {
		return place, nil
	}
	var p pageToken[Place]
	b, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil || p.Of != hashOf(p.Place, list) {
		return place, chat.InvalidField("nextToken", "must be that of a page of this list with the same members")
	}
	return p.Place, nil
}

func hashOf(place any, list []any) uint64 {
	h := fnv.New64a()
	b, _ := json.Marshal([]any{place, list}) // Both have a JSON form.
	h.Write(b)
	return h.Sum64()
}
