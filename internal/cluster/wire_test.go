package cluster

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func sampleItem() item {
	return item{
		at: point{View: ViewID{7, "node-1_ABC"}, Seq: 42}, home: "node-2_DEF", count: 1 << 40,
		frame: &chat.Frame{
			RoomID: "abcdefABCDEF", Epoch: 7, Sequence: 42, ID: "ABCDEFabcdef", Type: chat.MessageFrame, Action: chat.ActionSendMessage,
			Time: time.Unix(1700000000, 123456789).UTC(), JSON: []byte(`{"Type":"MESSAGE"}`), DisconnectUser: "ann", UserID: "bob",
			Hidden: true, Said: &chat.Said{At: 1700000000, Until: 1800000000, Hash: [16]byte{1, 15: 2}},
		},
	}
}

func TestItem(t *testing.T) {
	for _, it := range []item{sampleItem(), {at: point{View: ViewID{1, "a"}}, home: "a", count: 1}} {
		got, err := decodeItem(encodeItem(it))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(it, got, cmp.AllowUnexported(item{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestItemOfALaterRelease(t *testing.T) {
	data := encodeItem(sampleItem())
	t.Run("appended fields are skipped", func(t *testing.T) {
		got, err := decodeItem(append(slices.Clone(data), 3, 'n', 'e', 'w'))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sampleItem(), got, cmp.AllowUnexported(item{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("an earlier release wrote no sender", func(t *testing.T) {
		want := sampleItem()
		want.frame.UserID, want.frame.Hidden, want.frame.Said = "", false, nil
		short := encodeItem(want)
		got, err := decodeItem(short[:len(short)-len("0F")])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(item{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("another version is refused by name", func(t *testing.T) {
		data[0] = wireVersion + 1
		if _, err := decodeItem(data); err == nil || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestErrorOfALaterRelease(t *testing.T) {
	err := (&wireError{Code: 1000, Message: "of another day"}).error()
	if got := chat.CodeOf(err); got != chat.Internal {
		t.Errorf("got %s, want internal: %v", got, err)
	}
}

// FuzzItem feeds the decoder what other nodes may send.
func FuzzItem(f *testing.F) {
	f.Add(encodeItem(sampleItem()))
	f.Add(encodeItem(item{at: point{View: ViewID{1, "a"}}, home: "a", count: 1}))
	f.Add([]byte{wireVersion, kindFrame, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := decodeItem(data)
		if err != nil {
			return
		}
		again, err := decodeItem(encodeItem(it))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(it, again, cmp.AllowUnexported(item{})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHiddenFrame checks what nodes of earlier releases read of a hidden frame.
func TestHiddenFrame(t *testing.T) {
	it := sampleItem()
	it.frame.JSON = []byte(`{"Type":"MESSAGE","Content":"secret"}`)
	r := reader{data: appendFrame(nil, it.frame)}
	f := r.frame(it.at)
	if f.Type != chat.EventFrame || strings.Contains(string(f.JSON), "secret") || r.failed {
		t.Errorf("they read %s %s", f.Type, f.JSON)
	}
	got, err := decodeItem(encodeItem(it))
	if err != nil || got.frame.Type != chat.MessageFrame || string(got.frame.JSON) != string(it.frame.JSON) {
		t.Errorf("this release reads %v, %v", got.frame, err)
	}
}
