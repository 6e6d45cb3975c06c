package recent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/recent"
)

// source is a room's history, and a clock.
type source struct {
	frames    []*chat.Frame
	delivered recent.Delivered
	now       time.Time
	reads     int
	err       error
}

func (s *source) AppendFrame(b, json []byte) []byte { return append(b, json...) }
func (s *source) Delivered() recent.Delivered       { return s.delivered }
func (s *source) Now() time.Time                    { return s.now }

func (s *source) Latest(_ context.Context, n int) ([]*chat.Frame, error) {
	s.reads++
	return s.frames[max(len(s.frames)-n, 0):], s.err
}

// room is a ring with its history. Its frames have the numbers from 1 in epoch 1.
type room struct {
	*recent.Ring
	source *source
	erased string // a user without messages
}

func newRoom() *room {
	r := &room{source: &source{now: time.Unix(1000, 0)}}
	r.Ring = recent.New(func(userID string, _ int64) bool { return userID == r.erased })
	return r
}

// store stores a message that is not delivered yet.
func (r *room) store(user, content string) *chat.Frame {
	m := chat.Message{ID: content, Content: content, SendTime: r.source.now, UserID: user}
	f := &chat.Frame{ID: m.ID, UserID: user, Type: chat.MessageFrame, Time: m.SendTime, JSON: m.AppendJSON(nil), Epoch: 1, Sequence: uint64(len(r.source.frames)) + 1}
	r.source.frames = append(r.source.frames, f)
	return f
}

// deliver delivers a frame.
func (r *room) deliver(f *chat.Frame) {
	r.Keep(r.source, f)()
	r.source.delivered = recent.Delivered{Epoch: f.Epoch, Sequence: f.Sequence, Known: true}
}

func (r *room) send(user string, contents ...string) {
	for _, c := range contents {
		r.deliver(r.store(user, c))
	}
}

// remove delivers the event that deletes a message. The history does not know of it.
func (r *room) remove(id string) {
	r.Keep(r.source, &chat.Frame{
		Type: chat.EventFrame, Action: chat.ActionDeleteMessage,
		JSON: fmt.Appendf(nil, `{"Attributes":{"MessageID":%q}}`, id),
	})()
}

// join returns the contents that a client gets, a second after the last one.
func (r *room) join(t *testing.T, n int, oldest time.Time) []string {
	t.Helper()
	return r.joinAs(t, "joiner", n, oldest)
}

func (r *room) joinAs(t *testing.T, user string, n int, oldest time.Time) []string {
	t.Helper()
	r.source.now = r.source.now.Add(time.Second)
	if r.Lacks(r.source.now) {
		if err := r.Fill(t.Context(), r.source); err != nil {
			t.Error(err)
		}
	}
	var got []string
	for _, frame := range r.Latest(user, n, oldest.UnixNano(), r.source.now) {
		_, rest, _ := strings.Cut(string(frame), `"Content":"`)
		content, _, _ := strings.Cut(rest, `"`)
		got = append(got, content)
	}
	return got
}

func (r *room) wantJoin(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, r.join(t, 100, time.Unix(0, 0))); d != "" {
		t.Error(d)
	}
}

// hide sends messages that only their sender gets.
func (r *room) hide(user string, contents ...string) {
	for _, c := range contents {
		f := r.store(user, c)
		f.Hidden = true
		r.deliver(f)
	}
}

func numbers(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

func TestHidden(t *testing.T) {
	for name, again := range map[string]func(*room){"from memory": func(*room) {}, "from the history": func(r *room) { r.Restart() }} {
		t.Run("only the sender gets a hidden message, "+name, func(t *testing.T) {
			r := newRoom()
			r.send("ann", "1")
			r.hide("troll", "h1")
			r.send("troll", "2")
			r.hide("other", "h2")
			again(r)
			for user, want := range map[string][]string{"ann": {"1", "2"}, "troll": {"1", "h1", "2"}, "other": {"1", "2", "h2"}} {
				if d := cmp.Diff(want, r.joinAs(t, user, 100, time.Unix(0, 0))); d != "" {
					t.Errorf("%s: %s", user, d)
				}
			}
			r.remove("h1")
			if d := cmp.Diff([]string{"1", "2"}, r.joinAs(t, "troll", 100, time.Unix(0, 0))); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("many hidden messages do not displace others, and memory is bounded", func(t *testing.T) {
		r := newRoom()
		shown := numbers("m", 300)
		r.send("ann", shown[:200]...)
		r.hide("troll", numbers("h", 1000)...)
		r.send("ann", shown[200:]...)
		if d := cmp.Diff(shown[100:], r.joinAs(t, "ann", 200, time.Unix(0, 0))); d != "" {
			t.Error(d)
		}
		r.hide("troll", "last")
		all := r.joinAs(t, "troll", 1000, time.Unix(0, 0))
		if len(all) > 600 || all[len(all)-1] != "last" {
			t.Errorf("%d messages, %s", len(all), all[len(all)-1])
		}
	})
}

func TestRing(t *testing.T) {
	t.Run("a client gets the messages of the history and those that came since, in order", func(t *testing.T) {
		r := newRoom()
		r.send("ann", "1", "2")
		r.Restart()
		r.send("ann", "3")
		r.wantJoin(t, "1", "2", "3")
		r.send("ann", "4")
		r.wantJoin(t, "1", "2", "3", "4")
		if r.source.reads != 1 {
			t.Errorf("the history was read %d times, want once", r.source.reads)
		}
	})
	t.Run("a client gets the newest messages that are young enough", func(t *testing.T) {
		r := newRoom()
		r.send("ann", "1")
		r.source.now = r.source.now.Add(time.Minute)
		r.send("ann", "2", "3", "4")
		if got := r.join(t, 2, time.Unix(0, 0)); !slices.Equal(got, []string{"3", "4"}) {
			t.Errorf("the newest two are %v", got)
		}
		if got := r.join(t, 100, time.Unix(1001, 0)); !slices.Equal(got, []string{"2", "3", "4"}) {
			t.Errorf("those of the last minute are %v", got)
		}
	})
	t.Run("a message that is stored and not delivered yet comes only live", func(t *testing.T) {
		r := newRoom()
		r.send("ann", "1")
		r.Restart()
		late := r.store("ann", "2")
		r.wantJoin(t, "1")
		r.deliver(late)
		r.wantJoin(t, "1", "2")
	})
	t.Run("without a known position, a message counts as delivered after some seconds", func(t *testing.T) {
		r := newRoom()
		r.store("ann", "1")
		r.source.now = r.source.now.Add(recent.InFlight)
		r.store("ann", "2")
		r.wantJoin(t, "1")
	})
	t.Run("a deleted message does not come back from the history", func(t *testing.T) {
		r := newRoom()
		r.send("ann", "1", "2", "3")
		r.remove("2")
		r.wantJoin(t, "1", "3")
		r.Restart()
		r.wantJoin(t, "1", "3")
	})
	t.Run("an erased user's messages are neither kept nor read", func(t *testing.T) {
		r := newRoom()
		r.send("ann", "a1")
		r.send("bob", "b1")
		r.erased = "ann"
		r.RemoveUser("ann")
		r.send("ann", "a2")
		r.wantJoin(t, "b1")
		var ids []string
		r.EachOf("bob", 0, func(id string, _ int64) { ids = append(ids, id) })
		r.EachOf("ann", 0, func(id string, _ int64) { ids = append(ids, id) })
		if !slices.Equal(ids, []string{"b1"}) {
			t.Errorf("the ring has %v", ids)
		}
	})
	t.Run("a history that cannot be read is read again after a second", func(t *testing.T) {
		r := newRoom()
		r.send("ann", "1")
		r.Restart()
		r.source.err = errors.New("no database")
		if err := r.Fill(t.Context(), r.source); !errors.Is(err, r.source.err) {
			t.Errorf("got %v", err)
		}
		if err := r.Fill(t.Context(), r.source); err != nil {
			t.Errorf("got %v within the second", err)
		}
		r.source.err = nil
		r.wantJoin(t, "1")
		if r.source.reads != 2 {
			t.Errorf("the history was read %d times, want twice", r.source.reads)
		}
	})
}

func TestBound(t *testing.T) {
	old, young := newRoom(), newRoom()
	for _, r := range []*room{old, young} {
		for n := range 10 {
			r.send("ann", fmt.Sprint(n, strings.Repeat("x", 1000)))
		}
		r.join(t, 10, time.Unix(0, 0))
	}
	young.join(t, 10, time.Unix(0, 0))
	rings := []*recent.Ring{young.Ring, old.Ring}
	count := func(r *room) int { return len(r.Latest("", 100, 0, time.Unix(0, 0))) }

	recent.Bound(rings, 1<<20, time.Unix(2000, 0))
	if count(old) != 10 || count(young) != 10 {
		t.Errorf("below the limit, %d and %d messages are left, want 10 each", count(old), count(young))
	}
	old.Latest("", 1, 0, time.Unix(1000, 0))
	young.Latest("", 1, 0, time.Unix(1001, 0))
	recent.Bound(rings, 40_000, time.Unix(2000, 0))
	if count(old) != 0 || count(young) != 10 {
		t.Errorf("above the limit, %d and %d messages are left, want 0 of the room without joins and 10", count(old), count(young))
	}
	if got := len(old.join(t, 100, time.Unix(0, 0))); got != 10 {
		t.Errorf("the next join gets %d messages, want 10", got)
	}
}
