package protocol

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/view"
)

func sampleItem() Item {
	return Item{
		At: view.Point{View: view.ID{Number: 7, Coordinator: "node-1_ABC"}, Seq: 42}, Home: "node-2_DEF", Count: 1 << 40,
		Frame: &chat.Frame{
			RoomID: "abcdefABCDEF", Epoch: 7, Sequence: 42, ID: "ABCDEFabcdef", Type: chat.MessageFrame, Action: chat.ActionSendMessage,
			Time: time.Unix(1700000000, 123456789).UTC(), JSON: []byte(`{"Type":"MESSAGE"}`), DisconnectUser: "ann", UserID: "bob",
			Hidden: true, Said: &chat.Said{At: 1700000000, Until: 1800000000, Hash: [16]byte{1, 15: 2}},
		},
	}
}

func TestItem(t *testing.T) {
	for _, it := range []Item{sampleItem(), {At: view.Point{View: view.ID{Number: 1, Coordinator: "a"}}, Home: "a", Count: 1}} {
		got, err := DecodeItem(EncodeItem(it))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(it, got, cmp.AllowUnexported(Item{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestItemOfALaterRelease(t *testing.T) {
	data := EncodeItem(sampleItem())
	t.Run("appended fields are skipped", func(t *testing.T) {
		got, err := DecodeItem(append(slices.Clone(data), 3, 'n', 'e', 'w'))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sampleItem(), got, cmp.AllowUnexported(Item{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("an earlier release wrote no sender", func(t *testing.T) {
		want := sampleItem()
		want.Frame.UserID, want.Frame.Hidden, want.Frame.Said = "", false, nil
		short := EncodeItem(want)
		got, err := DecodeItem(short[:len(short)-len("0F")])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Item{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("another version is refused by name", func(t *testing.T) {
		data[0] = Version + 1
		if _, err := DecodeItem(data); err == nil || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestErrorOfALaterRelease(t *testing.T) {
	err := (&Error{Code: 1000, Message: "of another day"}).Err()
	if got := chat.CodeOf(err); got != chat.Internal {
		t.Errorf("got %s, want internal: %v", got, err)
	}
}

// FuzzItem feeds the decoder what other nodes may send.
func FuzzItem(f *testing.F) {
	f.Add(EncodeItem(sampleItem()))
	f.Add(EncodeItem(Item{At: view.Point{View: view.ID{Number: 1, Coordinator: "a"}}, Home: "a", Count: 1}))
	f.Add([]byte{Version, kindFrame, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := DecodeItem(data)
		if err != nil {
			return
		}
		again, err := DecodeItem(EncodeItem(it))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(it, again, cmp.AllowUnexported(Item{})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHiddenFrame checks what nodes of earlier releases read of a hidden frame.
func TestHiddenFrame(t *testing.T) {
	it := sampleItem()
	it.Frame.JSON = []byte(`{"Type":"MESSAGE","Content":"secret"}`)
	r := reader{data: appendFrame(nil, it.Frame)}
	f := r.frame(it.At)
	if f.Type != chat.EventFrame || strings.Contains(string(f.JSON), "secret") || r.failed {
		t.Errorf("they read %s %s", f.Type, f.JSON)
	}
	got, err := DecodeItem(EncodeItem(it))
	if err != nil || got.Frame.Type != chat.MessageFrame || string(got.Frame.JSON) != string(it.Frame.JSON) {
		t.Errorf("this release reads %v, %v", got.Frame, err)
	}
}
