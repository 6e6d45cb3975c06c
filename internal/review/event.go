package review

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"confab/internal/chat"
)

// appendEvent appends the payload for the handler. Attributes are always objects, so a
// handler can read one without a check.
func appendEvent(b []byte, room *chat.Room, m *chat.Message, senderIP string) []byte {
	b = slices.Grow(b, 256+len(m.Content)+2*chat.AttributesSize(m.Attributes)+2*chat.AttributesSize(m.SenderAttributes))
	b = append(b, `{"Content":`...)
	b = appendString(b, m.Content)
	b = append(b, `,"MessageId":`...)
	b = appendString(b, m.ID)
	b = append(b, `,"RoomArn":`...)
	b = appendString(b, room.ARN.String())
	b = append(b, `,"Attributes":`...)
	b = appendMap(b, m.Attributes)
	b = append(b, `,"Sender":{"UserId":`...)
	b = appendString(b, m.UserID)
	b = append(b, `,"Ip":`...)
	b = appendString(b, senderIP)
	b = append(b, `,"Attributes":`...)
	b = appendMap(b, m.SenderAttributes)
	return append(b, "}}"...)
}

func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // The error is about invalid UTF-8, which is replaced; every input path refuses it.
	return b
}

func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k)
		b = append(b, ':')
		b = appendString(b, m[k])
	}
	return append(b, '}')
}
