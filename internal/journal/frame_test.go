package journal

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

// TestEncodeFrame holds that the journal has every member of a frame, also one that is added
// later, but for those that only the memory of the process needs.
func TestEncodeFrame(t *testing.T) {
	t.Parallel()
	var whole chat.Frame
	fill(t, reflect.ValueOf(&whole).Elem())
	whole.Time = time.Unix(3, 4).UTC()
	whole.Said, whole.Stands = nil, nil // The first is for the room's next home, the second for other nodes.
	got, err := DecodeFrame(AppendFrame(nil, &whole))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&whole, got, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Stands" }, cmp.Ignore())); diff != "" {
		t.Errorf("encoded (-) and decoded (+) differ:\n%s", diff)
	}
}

// fill sets a value, and what is in it, to something that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(-5)
	case reflect.Uint64:
		v.SetUint(1<<63 + 5)
	case reflect.Uint8:
		v.SetUint('x')
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i))
			}
		}
	case reflect.Func:
	default:
		t.Fatalf("this test must learn to set a %s", v.Type())
	}
}

// FuzzDecodeFrame decodes what may be in a journal. What it takes is encoded to what
// decodes to the same frame.
func FuzzDecodeFrame(f *testing.F) {
	whole := AppendFrame(nil, &chat.Frame{
		RoomID: "room", Epoch: 1, Sequence: 2, ID: "id", Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: time.Unix(3, 4),
		JSON: []byte(`{}`), UserID: "ann", Hidden: true, Keep: time.Hour, DisconnectUser: "bob",
		Deletion: &chat.Deletion{MessageID: "m", By: "b", Reason: "r"}, LoggingConfigurations: []string{"arn"}, Webhooks: []string{"a", "b"},
		Withdrawn: true,
	})
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := DecodeFrame(b)
		if err != nil {
			return
		}
		encoded := AppendFrame(nil, frame)
		again, err := DecodeFrame(encoded)
		if err != nil {
			t.Fatalf("%q was encoded to %q, which is refused: %v", b, encoded, err)
		}
		if second := AppendFrame(nil, again); !bytes.Equal(encoded, second) {
			t.Errorf("%q was encoded to %q and then to %q", b, encoded, second)
		}
	})
}
