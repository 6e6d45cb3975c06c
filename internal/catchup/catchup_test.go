package catchup_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"confab/internal/catchup"
	"confab/internal/chat"
)

func text(pieces [][]byte) string { return string(bytes.Join(pieces, nil)) }

// add appends a frame at the next point.
func add(l *catchup.Log, frame []byte) { addOf(l, frame, "") }

// addOf appends a frame of a user at the next point.
func addOf(l *catchup.Log, frame []byte, userID string) {
	l.Append(frame, userID, chat.Point{Epoch: 1, Sequence: l.End()})
}

var ann = catchup.Client{UserID: "ann", Agent: 1}

// A model of a log with every frame: what Since returns is the end of all frames, and what it
// lacks is counted, unless it was of a user who was erased.
func TestLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := catchup.NewMemory(int64(rapid.SampledFrom([]int{4 << 10, 64 << 10, 1 << 20}).Draw(t, "limit")))
		logs := []*catchup.Log{m.NewLog(time.Minute), m.NewLog(time.Minute)}
		all, users, only := make([][]string, 2), make([][]string, 2), make([][]string, 2)
		born := []uint64{logs[0].End(), logs[1].End()}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "log")
				for range rapid.IntRange(1, 50).Draw(t, "frames") {
					f := strings.Repeat("x", rapid.IntRange(0, 700).Draw(t, "size")) + fmt.Sprint(len(all[i]), ";")
					user := rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "user")
					all[i], users[i], only[i] = append(all[i], f), append(users[i], user), append(only[i], "")
					addOf(logs[i], []byte(f), user)
				}
			},
			"append private": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "log")
				for range rapid.IntRange(1, 50).Draw(t, "frames") {
					f := strings.Repeat("x", rapid.IntRange(0, 700).Draw(t, "size")) + fmt.Sprint(len(all[i]), "p;")
					user := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user")
					all[i], users[i], only[i] = append(all[i], f), append(users[i], user), append(only[i], user)
					logs[i].AppendFor(user, []byte(f), user, chat.Point{Epoch: 1, Sequence: logs[i].End()})
				}
			},
			"erase": func(t *rapid.T) {
				i, user := rapid.IntRange(0, 1).Draw(t, "log"), rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user")
				logs[i].Erase(user)
				for k := range all[i] {
					if users[i][k] == user {
						all[i][k] = ""
					}
				}
			},
			"since": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "log")
				from := rapid.IntRange(0, len(all[i])).Draw(t, "from")
				reader := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "reader")
				pieces, missed := logs[i].Since(born[i]+uint64(from), reader)
				var want string
				for k := from + int(missed); k < len(all[i]); k++ {
					if only[i][k] == "" || only[i][k] == reader {
						want += all[i][k]
					}
				}
				if text(pieces) != want {
					t.Fatalf("got %.100q, want %.100q; %d missed", text(pieces), want, missed)
				}
			},
			"": func(t *rapid.T) {
				if used := m.Used(); used > 1<<20+2*(64<<10) {
					t.Fatalf("%d bytes are used", used)
				}
			},
		})
		for _, l := range logs {
			l.Close()
		}
		if used := m.Used(); used != 0 {
			t.Errorf("%d bytes are left", used)
		}
	})
}

func TestMemory(t *testing.T) {
	m := catchup.NewMemory(256 << 10)
	quiet, busy := m.NewLog(time.Minute), m.NewLog(time.Minute)
	from := quiet.End()
	add(quiet, []byte("quiet"))
	for range 1000 {
		add(busy, bytes.Repeat([]byte("x"), 1000))
	}
	if used := m.Used(); used > 256<<10+64<<10 {
		t.Errorf("%d bytes are used", used)
	}
	if pieces, missed := quiet.Since(from, ""); len(pieces) != 0 || missed != 1 {
		t.Errorf("the oldest frame is still there: %q, %d missed", pieces, missed)
	}
	if pieces, missed := busy.Since(busy.End()-100, ""); len(text(pieces)) != 100_000 || missed != 0 {
		t.Errorf("the newest are not: %d bytes, %d missed", len(text(pieces)), missed)
	}
}

func TestPlaces(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, l *catchup.Log){
		"a client that is new starts at the end": func(t *testing.T, l *catchup.Log) {
			if s := l.Take(ann, nil, nil); s.Known || s.Number != l.End() {
				t.Errorf("got %+v", s)
			}
		},
		"a lost connection leaves a place, for one connection": func(t *testing.T, l *catchup.Log) {
			s := l.Take(ann, nil, nil)
			add(l, []byte("1"))
			add(l, []byte("2"))
			l.Part(ann, s, s.Number+1, catchup.Lost)
			back := l.Take(ann, nil, nil)
			if !back.Known || back.Number != s.Number+1 {
				t.Errorf("got %+v", back)
			}
			if again := l.Take(ann, nil, nil); again.Known {
				t.Errorf("a second one: %+v", again)
			}
			if other := l.Take(catchup.Client{UserID: "ann", Agent: 2}, nil, nil); other.Known {
				t.Errorf("another device: %+v", other)
			}
		},
		"a place lasts as long as the tag says": func(t *testing.T, l *catchup.Log) {
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Lost)
			time.Sleep(59 * time.Second)
			if !l.Expire() {
				t.Error("no place after 59 s")
			}
			time.Sleep(time.Second)
			if l.Expire() || l.Take(ann, nil, nil).Known {
				t.Error("a place after a minute")
			}
		},
		"a close of the client's own accord leaves none": func(t *testing.T, l *catchup.Log) {
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Left)
			if l.Take(ann, nil, nil).Known {
				t.Error("there is one")
			}
		},
		"nor does a moderator's end, and a kick voids places": func(t *testing.T, l *catchup.Log) {
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Removed)
			if l.Take(ann, nil, nil).Known {
				t.Error("there is one")
			}
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Lost)
			l.Void("ann", chat.Point{})
			if l.Take(ann, nil, nil).Known {
				t.Error("there is one behind a kick")
			}
		},
		"a connection that was lost before a kick, and is parted after it, leaves none": func(t *testing.T, l *catchup.Log) {
			for _, how := range []catchup.Parting{catchup.Lost, catchup.Refused} {
				s := l.Take(ann, nil, nil)
				l.Void("ann", chat.Point{})
				l.Part(ann, s, 0, how)
				if l.Take(ann, nil, nil).Known {
					t.Errorf("there is one, after %d", how)
				}
			}
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Lost)
			if !l.Take(ann, nil, nil).Known {
				t.Error("a connection that joined after the kick left none")
			}
		},
		"whether clients of a user may return is known": func(t *testing.T, l *catchup.Log) {
			if catchup.Expects(l, "ann") {
				t.Error("nobody was there")
			}
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Lost)
			if !catchup.Expects(l, "ann") || catchup.Expects(l, "bob") {
				t.Error("ann may return, bob may not")
			}
			l.Void("ann", chat.Point{})
			if catchup.Expects(l, "ann") {
				t.Error("after a kick")
			}
			other := catchup.NewMemory(1 << 20).NewLog(time.Minute)
			other.Part(ann, other.Take(ann, nil, nil), 0, catchup.Lost)
			pages, _ := other.Reports("other", func(func(catchup.Client, uint64)) {})
			if l.Hold(&pages[0], time.Now()); !catchup.Expects(l, "ann") || catchup.Expects(l, "bob") {
				t.Error("another node has reported ann")
			}
			time.Sleep(2 * time.Minute)
			if l.Expire(); catchup.Expects(l, "ann") {
				t.Error("after two minutes")
			}
		},
		"an ERROR 401 leaves a place, and so does a close within 5 s of it": func(t *testing.T, l *catchup.Log) {
			a, b := l.Take(ann, nil, nil), l.Take(ann, nil, nil)
			l.Part(ann, a, 0, catchup.Refused)
			time.Sleep(4 * time.Second)
			l.Part(ann, b, 0, catchup.Left)
			for i := range 2 {
				if !l.Take(ann, nil, nil).Known {
					t.Errorf("there are only %d", i)
				}
			}
			c := l.Take(ann, nil, nil)
			time.Sleep(2 * time.Second)
			l.Part(ann, c, 0, catchup.Left)
			if l.Take(ann, nil, nil).Known {
				t.Error("there is one of a close 6 s later")
			}
		},
		"a refresh starts where the live connection has confirmed": func(t *testing.T, l *catchup.Log) {
			a := l.Take(ann, nil, nil)
			add(l, []byte("1"))
			add(l, []byte("2"))
			b := l.Take(ann, []uint64{a.Number + 1}, nil)
			if !b.Known || b.Number != a.Number+1 {
				t.Errorf("got %+v", b)
			}
		},
		"the oldest place of several comes first": func(t *testing.T, l *catchup.Log) {
			a, b := l.Take(ann, nil, nil), l.Take(ann, nil, nil)
			add(l, []byte("1"))
			add(l, []byte("2"))
			l.Part(ann, a, a.Number+2, catchup.Lost)
			l.Part(ann, b, b.Number+1, catchup.Lost)
			for _, want := range []uint64{b.Number + 1, a.Number + 2} {
				if s := l.Take(ann, nil, nil); s.Number != want {
					t.Errorf("got %d, want %d", s.Number, want)
				}
			}
		},
		"a taker that leaves before it has confirmed gives the place back": func(t *testing.T, l *catchup.Log) {
			a := l.Take(ann, nil, nil)
			add(l, []byte("1"))
			l.Part(ann, a, 0, catchup.Lost)
			l.Part(ann, l.Take(ann, nil, nil), 0, catchup.Left)
			back := l.Take(ann, nil, nil)
			if !back.Known || back.Number != a.Number {
				t.Errorf("got %+v", back)
			}
			l.Part(ann, back, l.End(), catchup.Left)
			if l.Take(ann, nil, nil).Known {
				t.Error("there is one that was confirmed")
			}
		},
		"frames are kept as long as a place can need them": func(t *testing.T, l *catchup.Log) {
			s := l.Take(ann, nil, nil)
			add(l, []byte("1"))
			time.Sleep(10 * time.Second) // The loss is noticed then.
			l.Part(ann, s, 0, catchup.Lost)
			time.Sleep(59 * time.Second)
			l.Expire()
			back := l.Take(ann, nil, nil)
			if pieces, missed := l.Since(back.Number, ""); text(pieces) != "1" || missed != 0 {
				t.Errorf("got %q, %d missed", pieces, missed)
			}
			time.Sleep(time.Minute)
			l.Expire()
			if pieces, missed := l.Since(back.Number, ""); len(pieces) != 0 || missed != 1 {
				t.Errorf("got %q, %d missed", pieces, missed)
			}
		},
		"an older log of the room has no places here": func(t *testing.T, l *catchup.Log) {
			s := l.Take(ann, nil, nil)
			time.Sleep(time.Second)
			younger := catchup.NewMemory(1 << 20).NewLog(time.Minute)
			younger.Part(ann, s, 0, catchup.Lost)
			add(younger, []byte("1"))
			back := younger.Take(ann, nil, nil)
			if pieces, missed := younger.Since(back.Number, ""); text(pieces) != "1" || missed != 0 {
				t.Errorf("got %q, %d missed", pieces, missed)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, catchup.NewMemory(1<<20).NewLog(time.Minute)) })
		})
	}
}

func TestMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := catchup.NewMemory(1 << 20).NewLog(time.Minute)
		var marks []uint64
		begin := l.End()
		for range 10 {
			add(l, []byte("x"))
			l.MarkLater(3, func(n uint64) { marks = append(marks, n-begin) })
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprint(marks); got != "[3 6 9 10]" {
			t.Errorf("marks %s", got)
		}
	})
}

// marker is plain, with marks.
type marker struct{ plain }

func (marker) AppendMark(b []byte, number uint64) []byte { return fmt.Appendf(b, "<%d>", number) }

// A client confirms parts of what it missed, if that is much.
func TestMarksInReplay(t *testing.T) {
	l := catchup.NewMemory(1 << 20).NewLog(time.Minute)
	s := l.Take(ann, nil, nil)
	s.Known = true
	frame := bytes.Repeat([]byte("x"), 1000)
	add(l, frame)
	if got := text(l.Missed(s, "ann", marker{}, time.Now())); got != string(frame) {
		t.Errorf("a short replay is marked: %.100q", got)
	}
	const frames = 300
	for range frames - 1 {
		add(l, frame)
	}
	got, marks := text(l.Missed(s, "ann", marker{}, time.Now())), 0
	if plainly := text(l.Missed(s, "ann", plain{}, time.Now())); len(plainly) != frames*len(frame) {
		t.Errorf("%d bytes without marks", len(plainly))
	}
	for before := 0; ; marks++ {
		part, rest, found := strings.Cut(got, "<")
		if before += len(part) / len(frame); !found {
			break
		}
		number, after, _ := strings.Cut(rest, ">")
		if got = after; number != fmt.Sprint(s.Number+uint64(before)) || len(part) > 64<<10+len(frame) {
			t.Errorf("behind %d frames, of %d bytes since the last mark: %s, want %d", before, len(part), number, s.Number+uint64(before))
		}
	}
	if marks < 4 {
		t.Errorf("%d marks", marks)
	}
}

// TestPrivate has a frame of one user between frames of all.
func TestPrivate(t *testing.T) {
	at := func(l *catchup.Log) chat.Point { return chat.Point{Epoch: 1, Sequence: l.End()} }
	t.Run("it is marked once it was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := catchup.NewMemory(1 << 20).NewLog(time.Minute)
			begin, marked := l.End(), uint64(0)
			mark := func(n uint64) { marked = n - begin }
			add(l, []byte("1"))
			l.MarkLater(1, mark)
			l.AppendFor("ann", []byte("2"), "ann", at(l))
			time.Sleep(time.Second)
			synctest.Wait()
			if marked != 1 {
				t.Errorf("%d is marked before 2 was sent", marked)
			}
			l.MarkLater(1, mark)
			time.Sleep(time.Second)
			synctest.Wait()
			if marked != 2 {
				t.Errorf("%d is marked behind 2", marked)
			}
		})
	})
	t.Run("many are bounded, also by the time for which frames are kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := catchup.NewMemory(256 << 10)
			l := m.NewLog(time.Minute)
			for range 10_000 {
				l.AppendFor("ann", bytes.Repeat([]byte("x"), 100), "ann", at(l))
				l.Append(nil, "", at(l))
			}
			if used := m.Used(); used > 256<<10+64<<10 {
				t.Errorf("%d bytes are used", used)
			}
			time.Sleep(2 * time.Minute)
			l.Expire()
			if used := m.Used(); used != 0 {
				t.Errorf("%d bytes are used by old ones", used)
			}
		})
	})
	t.Run("an erased user's deletions stay", func(t *testing.T) {
		l := catchup.NewMemory(1 << 20).NewLog(time.Minute)
		from := l.End()
		l.AppendFor("ann", []byte("message"), "ann", at(l))
		l.AppendFor("ann", []byte("deletion"), "", at(l))
		l.Erase("ann")
		if pieces, _ := l.Since(from, "ann"); text(pieces) != "deletion" {
			t.Errorf("got %q", text(pieces))
		}
	})
}
