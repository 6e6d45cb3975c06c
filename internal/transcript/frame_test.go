package transcript

import (
	"bytes"
	"testing"
	"time"

	"confab/internal/chat"
)

// FuzzDecodeFrame decodes what may be in a journal. What it takes is encoded to what
// decodes to the same frame.
func FuzzDecodeFrame(f *testing.F) {
	whole := encodeFrame(&chat.Frame{
		RoomID: "room", Epoch: 1, Sequence: 2, ID: "id", Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: time.Unix(3, 4),
		JSON: []byte(`{}`), UserID: "ann", Hidden: true, Keep: time.Hour, DisconnectUser: "bob",
		Deletion: &chat.Deletion{MessageID: "m", By: "b", Reason: "r"}, LoggingConfigurations: []string{"arn"}, Webhooks: []string{"a", "b"},
	})
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := decodeFrame(b)
		if err != nil {
			return
		}
		encoded := encodeFrame(frame)
		again, err := decodeFrame(encoded)
		if err != nil {
			t.Fatalf("%q was encoded to %q, which is refused: %v", b, encoded, err)
		}
		if second := encodeFrame(again); !bytes.Equal(encoded, second) {
			t.Errorf("%q was encoded to %q and then to %q", b, encoded, second)
		}
	})
}
