package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func TestBatch(t *testing.T) {
	view := ViewID{7, "a"}
	frame := func(seq uint64) *chat.Frame {
		return &chat.Frame{
			Epoch: 7, Sequence: seq, RoomID: "abcdefABCDEF", ID: "ABCDEFabcdef", Type: chat.MessageFrame, Action: chat.ActionSendMessage,
			Time: time.Unix(1, 2).UTC(), JSON: []byte("{}"), UserID: "u", Hidden: true, Said: &chat.Said{At: 1, Until: 2, Hash: [16]byte{3}},
		}
	}
	items := []item{
		{at: point{View: view}},
		{at: point{view, 5}, prev: point{ViewID{3, "b"}, 9}, frame: frame(5)},
		{at: point{view, 6}, prev: point{view, 5}, frame: frame(6)},
	}
	var sent [][]byte
	for i, it := range items {
		sent = append(sent, appendItem(nil, it))
		items[i].home, items[i].count = "a", 41+uint64(i)
	}
	// A later release may append something.
	got, err := decodeBatch(append(encodeBatch(view, "a", true, 41, sent), "later"...))
	if err != nil {
		t.Fatal(err)
	}
	want := batch{view: view, home: "a", urgent: true, first: 41, items: items}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(batch{}, item{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzBatch(f *testing.F) {
	view := ViewID{7, "a"}
	f.Add(encodeBatch(view, "a", true, 41, [][]byte{appendItem(nil, item{at: point{View: view}})}))
	f.Add(enterQuestion{View: view, From: "b", Room: "r", Number: 3}.encode())
	f.Add(enterAnswer{OK: true, Floor: point{view, 9}}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := decodeBatch(data); err == nil {
			var items [][]byte
			for _, it := range b.items {
				items = append(items, appendItem(nil, it))
			}
			again, err := decodeBatch(encodeBatch(b.view, b.home, b.urgent, b.first, items))
			if err != nil || len(again.items) != len(b.items) {
				t.Fatalf("%d items, then %d: %v", len(b.items), len(again.items), err)
			}
		}
		if q, err := decodeEnterQuestion(data); err == nil {
			same(t, q, q.encode(), decodeEnterQuestion)
		}
		if a, err := decodeEnterAnswer(data); err == nil {
			same(t, a, a.encode(), decodeEnterAnswer)
		}
	})
}
