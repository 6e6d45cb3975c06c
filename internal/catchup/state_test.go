package catchup_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
)

func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catch-up.json")
	before := catchup.OpenMemory(1<<20, path)
	l := before.NewLog(time.Minute)
	l.Begin(chat.Point{Epoch: 100})
	before.Continue("room", l)
	for i, f := range []string{"0", "1", "2"} {
		l.Append([]byte(f), "eve", chat.Point{Epoch: 100, Sequence: uint64(i) + 1})
	}
	l.Part(ann, catchup.Start{Number: l.End() - 2}, 0, catchup.Refused)
	l.AppendFor("ann", []byte("a"), "ann", chat.Point{Epoch: 100, Sequence: 4})
	l.AppendFor("bob", []byte("b"), "bob", chat.Point{Epoch: 100, Sequence: 5})
	if err := before.Save(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}

	// The next process stops before the client is back, and the one after that continues.
	if err := catchup.OpenMemory(1<<20, path).Save(); err != nil {
		t.Fatal(err)
	}
	after := catchup.OpenMemory(1<<20, path)
	l = after.NewLog(time.Minute)
	l.Begin(chat.Point{Epoch: 200})
	after.Continue("room", l)
	l.Append([]byte("3"), "", chat.Point{Epoch: 200, Sequence: 1})
	s := l.Take(ann, nil, nil)
	if pieces, missed := l.Since(s.Number, "ann"); !s.Known || text(pieces) != "12a3" || missed != 0 {
		t.Errorf("got %q, %d missed, %+v", text(pieces), missed, s)
	}
	if pieces, _ := l.Since(s.Number, "eve"); text(pieces) != "123" {
		t.Errorf("another user gets %q", text(pieces))
	}
	if err := after.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file that nobody needs: %v", err)
	}
	l.Append([]byte("4"), "bob", chat.Point{Epoch: 200, Sequence: 2})
	l.Append([]byte("5"), "eve", chat.Point{Epoch: 200, Sequence: 3})
	l.Part(ann, s, 0, catchup.Lost)
	if err := after.Save(); err != nil {
		t.Fatal(err)
	}
	erased := catchup.OpenMemory(1<<20, path)
	erased.Erase("", "bob")
	erased.Erase("other", "eve")
	l = erased.NewLog(time.Minute)
	l.Begin(chat.Point{Epoch: 300})
	erased.Continue("room", l)
	if pieces := l.Missed(l.Take(ann, nil, nil), ann.UserID, plain{}, time.Now()); text(pieces) != "12a35" {
		t.Errorf("got %q after a user was erased", pieces)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	catchup.OpenMemory(1<<20, path) // What cannot be read is lost.
}
