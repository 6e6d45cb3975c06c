package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"

	"confab/internal/chat"
)

// pager makes and reads nextTokens. A token is the position after which the list
// continues, and a code that binds it to the list and its filter. So every node
// detects a token that is made up or from another list or server.
type pager struct{ key []byte }

// position is a place in a list that is sorted by update time and id, both
// descending.
type position struct {
	time int64
	id   string
}

// beginning is before all positions.
var beginning = position{time: math.MaxInt64}

// codeSize is the size of the code in a token, in bytes: HMAC-SHA256, truncated.
const codeSize = 16

// token returns the token for the page after p.
func (pg pager) token(list []string, p position) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.time))
	b = append(b, p.id...)
	return base64.RawURLEncoding.EncodeToString(append(b, pg.code(list, b)...))
}

// parse returns the position in a token; "" is the beginning.
func (pg pager) parse(list []string, token string) (position, error) {
	if token == "" {
		return beginning, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	// The decoder ignores line breaks.
	if err != nil || strings.ContainsAny(token, "\r\n") || len(b) < 8+codeSize {
		return position{}, invalidToken()
	}
	b, code := b[:len(b)-codeSize], b[len(b)-codeSize:]
	if !hmac.Equal(code, pg.code(list, b)) {
		return position{}, invalidToken()
	}
	return position{time: int64(binary.BigEndian.Uint64(b)), id: string(b[8:])}, nil
}

func (pg pager) code(list []string, position []byte) []byte {
	mac := hmac.New(sha256.New, pg.key)
	for _, part := range list {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	mac.Write(position)
	return mac.Sum(nil)[:codeSize]
}

func invalidToken() error {
	return chat.InvalidField("nextToken", "it is not the nextToken of this operation with the same filters")
}
