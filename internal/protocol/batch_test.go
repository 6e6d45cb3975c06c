package protocol

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/view"
)

func TestBatch(t *testing.T) {
	in := view.ID{Number: 7, Coordinator: "a"}
	frame := func(seq uint64) *chat.Frame {
		return &chat.Frame{
			Epoch: 7, Sequence: seq, RoomID: "abcdefABCDEF", ID: "ABCDEFabcdef", Type: chat.MessageFrame, Action: chat.ActionSendMessage,
			Time: time.Unix(1, 2).UTC(), JSON: []byte("{}"), UserID: "u", Hidden: true, Said: &chat.Said{At: 1, Until: 2, Hash: [16]byte{3}},
		}
	}
	items := []Item{
		{At: view.Point{View: in}},
		{At: view.Point{View: in, Seq: 5}, Prev: view.Point{View: view.ID{Number: 3, Coordinator: "b"}, Seq: 9}, Frame: frame(5)},
		{At: view.Point{View: in, Seq: 6}, Prev: view.Point{View: in, Seq: 5}, Frame: frame(6)},
	}
	var sent [][]byte
	for i, it := range items {
		sent = append(sent, AppendItem(nil, it))
		items[i].Home, items[i].Count = "a", 41+uint64(i)
	}
	// A later release may append something.
	got, err := DecodeBatch(append(EncodeBatch(in, "a", true, 41, sent), "later"...))
	if err != nil {
		t.Fatal(err)
	}
	want := Batch{View: in, Home: "a", Urgent: true, First: 41, Items: items}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Batch{}, Item{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzBatch(f *testing.F) {
	in := view.ID{Number: 7, Coordinator: "a"}
	f.Add(EncodeBatch(in, "a", true, 41, [][]byte{AppendItem(nil, Item{At: view.Point{View: in}})}))
	f.Add(EnterQuestion{View: in, From: "b", Room: "r", Number: 3}.Encode())
	f.Add(EnterAnswer{OK: true, Floor: view.Point{View: in, Seq: 9}}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := DecodeBatch(data); err == nil {
			var items [][]byte
			for _, it := range b.Items {
				items = append(items, AppendItem(nil, it))
			}
			again, err := DecodeBatch(EncodeBatch(b.View, b.Home, b.Urgent, b.First, items))
			if err != nil || len(again.Items) != len(b.Items) {
				t.Fatalf("%d items, then %d: %v", len(b.Items), len(again.Items), err)
			}
		}
		if q, err := DecodeEnterQuestion(data); err == nil {
			same(t, q, q.Encode(), DecodeEnterQuestion)
		}
		if a, err := DecodeEnterAnswer(data); err == nil {
			same(t, a, a.Encode(), DecodeEnterAnswer)
		}
	})
}
