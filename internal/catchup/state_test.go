package catchup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	for _, room := range []string{"room", "other", ""} {
		if got := fmt.Sprint(after.Left(room, "ann"), after.Left(room, "bob")); got != map[string]string{"room": "[room] []", "other": "[] []", "": "[room] []"}[room] {
			t.Errorf("of room %q: %s", room, got)
		}
	}
	l = after.NewLog(time.Minute)
	l.Begin(chat.Point{Epoch: 200})
	after.Continue("room", l)
	if rooms := after.Left("", "ann"); len(rooms) > 0 {
		t.Errorf("%v is live", rooms)
	}
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
}

// TestDamagedState has a server start with a file that another program, or another release, has
// changed. What cannot be used is lost, and the rest is there.
func TestDamagedState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catch-up.json")
	place := `{"user":"ann","agent":1,"at":{"e":1,"s":1},"until":"2999-01-01T00:00:00Z"}`
	for content, known := range map[string]bool{
		``:                        false,
		`{`:                       false,
		`{"rooms":{"room":null}}`: false,
		`{"rooms":{"room":[]}}`:   false,
		`{"rooms":{"room":{"places":[` + place + `]}}}`:                                         true,
		`{"rooms":{"room":{"places":[` + place + `],"frames":{"frames":["eA=="]}}}}`:            true, // without points
		`{"rooms":{"room":{"places":[` + place + `],"frames":null,"later":1},"x":null},"y":[]}`: true,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		m := catchup.OpenMemory(1<<20, path)
		m.Erase("", "bob")
		if rooms := m.Left("", "ann"); len(rooms) > 0 != known {
			t.Errorf("%s: ann may return to %v", content, rooms)
		}
		l := m.NewLog(time.Minute)
		l.Begin(chat.Point{Epoch: 2})
		m.Continue("room", l)
		if got := text(l.Missed(l.Take(ann, nil, nil), "ann", plain{}, time.Now())); strings.Contains(got, "confab:GAP") != known {
			t.Errorf("%s: got %q", content, got)
		}
		if err := m.Save(); err != nil {
			t.Errorf("%s: %v", content, err)
		}
	}
}
