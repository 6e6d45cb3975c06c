package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

// FuzzBodies holds that no body makes the decoders panic or use much memory, and that
// what they accept, they can write again.
func FuzzBodies(f *testing.F) {
	var c codec
	frames := []*chat.Frame{
		{RoomID: "a", Type: chat.MessageFrame, Action: chat.ActionSendMessage, ID: "1", UserID: "ann", JSON: []byte(`{"a":1}`), Keep: time.Hour, Time: time.Unix(1, 2)},
		{RoomID: "b", Type: chat.EventFrame, Action: "unknown", ID: "2", Deletion: &chat.Deletion{MessageID: "1"}, Epoch: 1<<64 - 1},
	}
	f.Add(encodeBatch(frames))
	f.Add(c.encodePiece([]record{{position: 5, json: []byte("{}")}, {position: 9, time: -4, event: true}}))
	f.Add(c.encodePiece(nil))
	f.Add([]byte{formatBatch, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, room := range []string{"", "a"} {
			decodeBatch(7, body, room, func(id string, r *record) { //nolint:errcheck // Most bodies are damaged.
				if r.position>>indexBits != 7 || room != "" && id != room {
					t.Errorf("record %d is of room %q", r.position, id)
				}
			})
		}
		records, err := c.decodePiece(body, 1<<40)
		if err != nil {
			return
		}
		again, err := c.decodePiece(c.encodePiece(records), len(records))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fmt.Sprint(records), fmt.Sprint(again)); diff != "" {
			t.Errorf("read (-) and written again (+) differ:\n%s", diff)
		}
	})
}
