package messaging_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/recent"
)

// replayer is an audience of which every member gets the frames behind its start.
type replayer struct {
	mu     sync.Mutex
	output []string
}

func (r *replayer) Deliver(json []byte) int { return r.DeliverAnd(json, nil) }

func (r *replayer) DeliverAnd(json []byte, then func()) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.output = append(r.output, contentOf(string(json)))
	if then != nil {
		then()
	}
	return 1
}

func (r *replayer) AppendFrame(b, json []byte) []byte { return append(b, json...) }

// start joins as a connection does, and returns what it got first and a function that
// returns what it got in all.
func (r *replayer) start(s *messaging.Session) (got func() []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := len(r.output)
	var first []string
	frames, _ := s.First()
	for _, frame := range frames {
		first = append(first, contentOf(string(frame)))
	}
	return func() []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return append(slices.Clip(first), r.output[at:]...)
	}
}

func contentOf(frame string) string {
	_, rest, _ := strings.Cut(frame, `"Content":"`)
	content, _, _ := strings.Cut(rest, `"`)
	return content
}

// kept is the history: the messages that the transcript got, as soon as they are durable. It
// does not know of deletions, as while these wait to be written.
type kept struct {
	w     *live
	mu    sync.Mutex
	reads int
	err   error
	// during is called once, after the next reading. erased is a user without messages.
	during func()
	erased string
}

func (k *kept) Latest(_ context.Context, _ string, n int, _ time.Time) ([]*chat.Frame, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	all := slices.DeleteFunc(slices.Clone(k.w.Appended()), func(f *chat.Frame) bool {
		return f.Type != chat.MessageFrame || k.erased != "" && f.UserID == k.erased
	})
	if k.during != nil {
		k.during()
		k.during = nil
	}
	return all[max(len(all)-n, 0):], k.err
}

func (k *kept) Sender(_ context.Context, _, messageID string) (userID string, hidden bool, err error) {
	for _, f := range k.w.Appended() {
		if f.ID == messageID {
			return f.UserID, f.Hidden, nil
		}
	}
	return "", false, nil
}

// newKept returns a world whose room keeps its messages and gives new connections the
// latest onJoin.
func newKept(t *testing.T, onJoin string, options ...option) (*live, *kept, *replayer) {
	t.Helper()
	k, r := &kept{}, &replayer{}
	w := newLive(t, append(options, func(o *messaging.Options, w *live) {
		k.w = w
		o.Extensions, o.History = true, k
		o.NewAudience = func() messaging.Audience { return r }
		w.Change(roomID, func(r *chat.Room) {
			r.Tags = map[string]string{"confab:history": "1h", "confab:history-on-join": onJoin}
			r.MaximumMessageRatePerSecond = 100
		})
	})...)
	return w, k, r
}

func (w *live) post(t *testing.T, content string) {
	t.Helper()
	if _, _, err := w.engine.SendMessage(t.Context(), roomID, &messaging.ServerMessage{UserID: "bot", Content: content}); err != nil {
		t.Error(err)
	}
}

// A message that is in the history already, but is not delivered yet, comes live and not
// before: it comes once.
func TestMessageInFlightComesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k, r := newKept(t, "10")
		w.post(t, "1")
		time.Sleep(10 * time.Second) // The room is live no more.
		commits := w.HoldCommits(t)
		sent := make(chan struct{})
		go func() { defer close(sent); w.post(t, "2") }()
		synctest.Wait() // It is in the history and waits to be delivered.
		got := r.start(w.join(t, w.token("ann")).Session)
		if k.reads != 1 {
			t.Errorf("the history was read %d times, want once", k.reads)
		}
		commits.Release()
		<-sent
		if all := fmt.Sprint(got()); all != "[1 2]" {
			t.Errorf("got %s", all)
		}
	})
}

// What joins get is complete and in order, whenever they come.
func TestJoinsDuringMessages(t *testing.T) {
	w, _, r := newKept(t, "200")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 90 {
			w.post(t, fmt.Sprint(n))
		}
	}()
	var all []func() []string
	for n := 0; ; n++ {
		all = append(all, r.start(w.join(t, w.token(fmt.Sprint("user", n))).Session))
		select {
		case <-done:
		default:
			continue
		}
		break
	}
	for _, got := range all {
		contents := got()
		for n, c := range contents {
			if c != fmt.Sprint(n) {
				t.Fatalf("got %v", contents)
			}
		}
		if len(contents) != 90 {
			t.Fatalf("got %d messages, want 90", len(contents))
		}
	}
}

// A crowd that joins does not read the history once a client: at most once a second.
func TestCrowdReadsHistoryOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, pause = 2_000, 5 * time.Millisecond
		w, k, r := newKept(t, "10")
		w.post(t, "1")
		time.Sleep(10 * time.Second) // The room is live no more.
		commits := w.HoldCommits(t)  // A message that stays under way has the history read again.
		sent := make(chan struct{})
		go func() { defer close(sent); w.post(t, "2") }()
		synctest.Wait()
		for range clients {
			s := w.join(t, w.token("ann")).Session
			if got := fmt.Sprint(r.start(s)()); got != "[1]" {
				t.Fatalf("a client got %s", got)
			}
			s.Leave()
			time.Sleep(pause)
		}
		if most := int(clients * pause / time.Second); k.reads < 2 || k.reads > most+1 {
			t.Errorf("%d clients in %v had the history read %d times, want at most once a second", clients, clients*pause, k.reads)
		}
		commits.Release()
		<-sent
	})
}

// While the history cannot be read, clients join without it. It is asked once a second.
func TestUnreadableHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var metrics *messaging.Metrics
		var log bytes.Buffer
		w, k, r := newKept(t, "10", func(o *messaging.Options, _ *live) {
			metrics, o.Log = o.Metrics, slog.New(slog.NewTextHandler(&log, nil))
		})
		w.post(t, "1")
		time.Sleep(10 * time.Second) // The room is live no more.
		k.err = errors.New("no database")
		for range 3 {
			if got := r.start(w.join(t, w.token("ann")).Session)(); len(got) != 0 {
				t.Errorf("got %v", got)
			}
		}
		if k.reads != 1 {
			t.Errorf("the history was read %d times within a second, want once", k.reads)
		}
		if n := testutil.ToFloat64(metrics.HistoryUnavailable); n != 1 {
			t.Errorf("%v are counted, want 1", n)
		}
		if n := strings.Count(log.String(), "Clients join without history, which could not be read"); n != 1 {
			t.Errorf("the log has %d lines about it, want one:\n%s", n, &log)
		}
		k.err = nil
		time.Sleep(2 * time.Second)
		if got := fmt.Sprint(r.start(w.join(t, w.token("ann")).Session)()); got != "[1]" {
			t.Errorf("got %s when it can be read again", got)
		}
	})
}

// A refresh is a connection of the same user and client shortly before the end of the
// session before.
func TestRefreshGetsNoHistory(t *testing.T) {
	w, _, r := newKept(t, "10", func(o *messaging.Options, _ *live) {
		o.RefreshedElsewhere = func(_ context.Context, room, user string, agent uint64) bool {
			return room == roomID && user == "eve" && agent == 1
		}
	})
	w.post(t, "1")
	join := func(user string, agent uint64, session time.Duration) string {
		t.Helper()
		token := w.token(user)
		token.SessionExpires = w.clock().Add(session)
		s, err := w.engine.Join(t.Context(), token, &messagingtest.Client{}, messaging.Client{Agent: agent})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Leave)
		return fmt.Sprint(r.start(s)())
	}
	for _, c := range []struct {
		what, user string
		agent      uint64
		session    time.Duration
		want       string
	}{
		{"the first", "ann", 1, time.Hour, "[1]"},
		{"another tab", "ann", 1, 74 * time.Second, "[1]"},
		{"a refresh of that", "ann", 1, time.Hour, "[]"},
		{"another browser", "ann", 2, time.Hour, "[1]"},
		{"another user", "bob", 1, time.Hour, "[1]"},
		{"a refresh of a connection to another node", "eve", 1, time.Hour, "[]"},
		{"another browser of that user", "eve", 2, time.Hour, "[1]"},
	} {
		if got := join(c.user, c.agent, c.session); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

// missing is a Broker that does not deliver some frames until a session has entered the
// room, as a cluster does at nodes without sessions.
type missing struct {
	messaging.Broker
	engine  *messaging.Engine
	entered bool
	skip    string
}

func (b *missing) Await(context.Context, string, string) (messaging.Turn, error) {
	return messaging.Turn{}, nil
}

func (b *missing) Next(*chat.Frame) error { return nil }

func (b *missing) Publish(f *chat.Frame) <-chan error {
	if b.entered || contentOf(string(f.JSON)) != b.skip {
		b.engine.Deliver(f)
	}
	return nil
}

func (b *missing) Enter(context.Context, string) (chat.Point, error) {
	b.entered = true
	return chat.Point{}, nil
}

func (b *missing) Leave(string) {}

func (b *missing) Hides() bool { return true }

func (b *missing) Do(ctx context.Context, op messaging.Operation) (string, error) {
	return b.engine.Sequence(ctx, op)
}

// A node without sessions of a room may miss some of its messages. The first session gets
// them, even if the node has had more messages since than connections get.
func TestMessagesBeforeTheFirstSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, r := newKept(t, "200", func(o *messaging.Options, _ *live) {
			o.Connect = func(e *messaging.Engine) (messaging.Broker, messaging.Home) {
				b := &missing{engine: e, skip: "200"}
				return b, b
			}
			o.LastDelivered = func(string) recent.Delivered { return recent.Delivered{Epoch: 1 << 62, Known: true} }
		})
		var want []string
		for n := range 300 {
			w.post(t, fmt.Sprint(n))
			time.Sleep(10 * time.Millisecond)
			if n >= 100 {
				want = append(want, fmt.Sprint(n))
			}
		}
		if got := r.start(w.join(t, w.token("ann")).Session)(); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}
