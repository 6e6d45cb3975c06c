package cluster_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// record is the transcript of all nodes, as their database has it.
type record struct {
	mu     sync.Mutex
	frames []*chat.Frame
}

// commit stores a frame that stands, as a database does while it has locked the room.
func (r *record) commit(f *chat.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Stands == nil || f.Stands() {
		r.frames = append(r.frames, f)
	}
}

// read returns the contents of the messages that were not withdrawn, in the order of the record.
// Points of a room must grow: a frame of an earlier home never comes behind those of a later one.
func (r *record) read(t *testing.T) (contents []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var last chat.Point
	for _, f := range r.frames {
		if f.Withdrawn {
			continue
		}
		if f.Point().Before(last) {
			t.Errorf("the frame %v is stored behind %v", f.Point(), last)
		}
		last = f.Point()
		withdrawn := slices.ContainsFunc(r.frames, func(w *chat.Frame) bool {
			return w.Withdrawn && w.ID == f.ID && !w.Point().Before(f.Point())
		})
		if !withdrawn {
			_, rest, _ := strings.Cut(string(f.JSON), `"Content":"`)
			content, _, _ := strings.Cut(rest, `"`)
			contents = append(contents, content)
		}
	}
	return contents
}

// writer is a node's part of the record. Its commits may be held.
type writer struct {
	*record
	mu    sync.Mutex
	holds bool
	held  []func()
}

func (w *writer) Failing() bool { return false }

func (w *writer) Write() {}

func (w *writer) Queue(f *chat.Frame) <-chan struct{} { return w.Append(f) }

func (w *writer) Append(f *chat.Frame) <-chan struct{} {
	done := make(chan struct{})
	write := func() {
		w.commit(f)
		close(done)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds {
		w.held = append(w.held, write)
	} else {
		write()
	}
	return done
}

func (w *writer) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds = true
}

func (w *writer) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, write := range w.held {
		write()
	}
	w.held, w.holds = nil, false
}

// judge is a Reviewer that rejects all messages after reject was called.
type judge struct {
	mu      sync.Mutex
	rejects bool
}

func (j *judge) reject() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rejects = true
}

func (j *judge) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rejects && m.Content == "first" {
		return nil, false, chat.Errorf(chat.Rejected, "no")
	}
	return m, false, nil
}

// TestSuspendedHomeStoresNothing suspends a room's home at two moments: when a frame has its
// number and is about to be stored, and when it is stored and about to be published. Another home
// delivers the message, or refuses it. Then the first home continues. The transcript has what
// clients got, in their order, and nothing else.
func TestSuspendedHomeStoresNothing(t *testing.T) {
	for _, tt := range []struct {
		name           string
		stored, refuse bool // before the suspension; by the next home
	}{
		{"before it is stored, and delivered by the next home", false, false},
		{"before it is stored, and refused by the next home", false, true},
		{"before it is published, and delivered by the next home", true, false},
		{"before it is published, and refused by the next home", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { suspendHome(t, tt.stored, tt.refuse) })
		})
	}
}

func suspendHome(t *testing.T, stored, refuse bool) {
	t.Helper()
	net, rooms, all, review := newNetwork(t, 1), newRooms(16, 100), &record{}, &judge{}
	rooms.ChangeAll(func(r *chat.Room) {
		r.LoggingConfigurations = []string{"arn"}
		r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:f", FallbackResult: chat.Deny}
	})
	writers := map[string]*writer{}
	publishing, publish := make(chan struct{}), make(chan struct{})
	nodes := startNodes(t, net, rooms, func(id string) options {
		writers[id] = &writer{record: all}
		o := options{transcript: writers[id], review: review}
		if id == "a" && stored {
			o.published = func(f *chat.Frame) {
				if strings.Contains(string(f.JSON), `"Content":"first"`) {
					close(publishing)
					<-publish
				}
			}
		}
		return o
	}, "a", "b", "c")
	room := homed(t, nodes, rooms, "a")
	if !stored {
		writers["a"].hold()
	}
	first := make(chan error, 1)
	go func() { first <- nodes["b"].say(t, room, "first") }()
	if stored {
		<-publishing
	} else {
		synctest.Wait()
		time.Sleep(50 * time.Millisecond) // The question is on its way.
		synctest.Wait()
	}
	nodes["a"].port.stop()
	if refuse {
		review.reject()
	}
	await(t, map[string]*node{"b": nodes["b"], "c": nodes["c"]}, 2)
	err := <-first
	if e, _ := errors.AsType[*chat.Error](err); refuse != (e != nil && e.Code == chat.Rejected) || !refuse && err != nil {
		t.Fatalf("the message on its way: %v", err)
	}
	if err := nodes["c"].say(t, room, "second"); err != nil {
		t.Fatal(err)
	}
	// The process continues: first what was under way in it, then what others tell it.
	if stored {
		close(publish)
	} else {
		writers["a"].release()
	}
	synctest.Wait()
	nodes["a"].port.resume()
	await(t, nodes, 3)
	if err := nodes["a"].say(t, room, "third"); err != nil {
		t.Fatal(err)
	}
	want := []string{"first", "second", "third"}
	if refuse {
		want = want[1:]
	}
	for id, n := range nodes {
		eventually(t, id+" gets all", func() bool { return len(n.clients[room].Contents()) >= len(want) })
		if got := n.clients[room].Contents(); !slices.Equal(got, want) {
			t.Errorf("the client of %s got %q, want %q", id, got, want)
		}
	}
	if got := all.read(t); !slices.Equal(got, want) {
		t.Errorf("the transcript has %q, and clients got %q", got, want)
	}
}
