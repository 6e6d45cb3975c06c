package messaging_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/traces"
)

// content returns the contents of messages, and the names of events.
func contents(frames []string) (all []string) {
	for _, f := range frames {
		if _, rest, ok := strings.Cut(f, `"Content":"`); ok {
			content, _, _ := strings.Cut(rest, `"`)
			all = append(all, content)
		} else if strings.Contains(f, chat.DeleteMessageEvent) {
			all = append(all, "delete")
		}
	}
	return all
}

// idOf returns the id of a frame.
func idOf(frame string) string {
	_, rest, _ := strings.Cut(frame, `"Id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// only is a Broker of a cluster in which a node delivers hidden messages to everybody.
type only struct{ messaging.Broker }

func (only) Hides() bool { return false }

func TestHidden(t *testing.T) {
	t.Parallel()
	byFilter := func(o *messaging.Options, _ *live) {
		var asked []string
		o.Rules.Filters = &rule{"filters", &asked, func(j *messaging.Judgement) error {
			j.Hidden = j.Operation.UserID == "ann"
			return nil
		}}
	}
	byBan := func(o *messaging.Options, w *live) {
		b := newBans()
		b.set(b.hidden, "ann")
		withBans(b)(o, w)
	}
	for by, option := range map[string]option{"a filter": byFilter, "a ban": byBan} {
		t.Run("by "+by+": the user's connections get it, and its deletion; others get nothing", func(t *testing.T) {
			memory := traces.New(0)
			w := newLive(t, option, func(o *messaging.Options, _ *live) { o.Rules.Traces = memory })
			w.change(func(r *chat.Room) { r.LoggingConfigurations = []string{"arn:logs"} })
			ann, other, bob := w.join(t, w.token("ann")), w.join(t, w.token("ann")), w.join(t, w.token("bob"))
			if err := w.send(t, ann, "hello"); err != nil {
				t.Fatal(err)
			}
			id := idOf(ann.Sent()[0])
			if err := bob.DeleteMessage(t.Context(), messaging.Request{Received: w.clock()}, id, ""); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				name   string
				client *messagingtest.Client
				want   string
			}{{"ann", ann, "hello delete"}, {"another connection", other, "hello delete"}, {"bob", bob, ""}} {
				if got := strings.Join(contents(c.client.Sent()), " "); got != c.want {
					t.Errorf("%s got %q, want %q", c.name, got, c.want)
				}
			}
			if n := len(w.Frames()) + len(w.Appended()); n != 0 {
				t.Errorf("%d frames are delivered to all, or logged", n)
			}
		})
		t.Run("by "+by+": it does not count in the room's rate", func(t *testing.T) {
			w := newLive(t, option)
			w.change(func(r *chat.Room) { r.MaximumMessageRatePerSecond = 1 })
			ann, bob := w.join(t, w.token("ann")), w.join(t, w.token("bob"))
			for range 3 {
				if err := w.send(t, ann, "hello"); err != nil {
					t.Error(err)
				}
			}
			if err := w.send(t, bob, "hello"); err != nil {
				t.Error(err)
			}
			wantCode(t, w.send(t, bob, "hello"), chat.Throttled)
		})
		t.Run("by "+by+": it is refused while a node would deliver it to all", func(t *testing.T) {
			w := newLive(t, option, func(o *messaging.Options, _ *live) {
				o.Connect = func(e *messaging.Engine) (messaging.Broker, messaging.Home) {
					b, h := messaging.Local(e)
					return only{b}, h
				}
			})
			ann, bob := w.join(t, w.token("ann")), w.join(t, w.token("bob"))
			wantCode(t, w.send(t, ann, "hello"), chat.Throttled)
			if err := w.send(t, bob, "hello"); err != nil {
				t.Error(err)
			}
			if n := len(w.Frames()); n != 1 || len(ann.Sent()) != 0 {
				t.Errorf("%d frames are delivered", n)
			}
		})
	}
}

// TestHiddenJoins has a user join whose messages are hidden.
func TestHiddenJoins(t *testing.T) {
	t.Parallel()
	b := newBans()
	b.set(b.hidden, "troll")
	w, _, r := newKept(t, "10", func(o *messaging.Options, _ *live) { o.Bans = b })
	w.post(t, "1")
	troll := w.join(t, w.token("troll"))
	if err := w.send(t, troll, "hidden"); err != nil {
		t.Fatal(err)
	}
	w.post(t, "2")
	for user, want := range map[string]string{"troll": "[1 hidden 2]", "ann": "[1 2]"} {
		if got := fmt.Sprint(r.start(w.join(t, w.token(user)).Session)()); got != want {
			t.Errorf("%s gets %s, want %s", user, got, want)
		}
	}
	if err := troll.DeleteMessage(t.Context(), messaging.Request{Received: w.clock()}, idOf(troll.Sent()[0]), ""); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.start(w.join(t, w.token("troll")).Session)()); got != "[1 2]" {
		t.Errorf("after the deletion, which the history knows without traces: %s", got)
	}
	if last := w.Appended()[3]; !last.Hidden || last.UserID != "troll" {
		t.Errorf("the deletion is %+v", last)
	}
}

// conn is a connection as package edge has it: it gets nothing before it is attached.
type conn struct {
	mu       sync.Mutex
	attached bool
	got      []string
}

func (c *conn) attach(first func() []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attached, c.got = true, first()
}

func (c *conn) Send(frame []byte) { c.SendIf(frame, func() bool { return true }) }

func (c *conn) SendIf(frame []byte, wanted func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.attached && wanted() {
		c.got = append(c.got, contentOf(string(frame)))
	}
}

func (*conn) End(ending.Way) {}

// TestHiddenOnce has connections of a hidden user join while the user sends: each gets every
// message once, in its replay or live.
func TestHiddenOnce(t *testing.T) {
	t.Parallel()
	b := newBans()
	b.set(b.hidden, "troll")
	w, _, r := newKept(t, "200", func(o *messaging.Options, _ *live) { o.Bans = b })
	sent := make(chan struct{})
	sender := w.join(t, w.token("troll"))
	go func() {
		defer close(sent)
		for n := range 9 {
			if err := w.send(t, sender, fmt.Sprint(n)); err != nil {
				t.Error(err)
			}
		}
	}()
	var all []*conn
	for range 50 {
		c := &conn{}
		s, err := w.engine.Join(t.Context(), w.token("troll"), c, messaging.Client{IP: netip.MustParseAddr("192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		c.attach(func() []string { return r.start(s)() })
		all = append(all, c)
	}
	<-sent
	for _, c := range all {
		if got := fmt.Sprint(c.got); got != "[0 1 2 3 4 5 6 7 8]" {
			t.Errorf("one got %s", got)
		}
	}
}

// TestHiddenComeBack has users lose their connections while one of them sends messages that are
// hidden.
func TestHiddenComeBack(t *testing.T) {
	t.Parallel()
	b := newBans()
	b.set(b.hidden, "troll")
	r := &replayer{}
	w := newLive(t, withBans(b), func(o *messaging.Options, w *live) {
		o.Extensions, o.CatchUp.Memory, o.Rules.Traces = true, catchup.NewMemory(1<<20), traces.New(0)
		o.NewAudience = func() messaging.Audience { return marking{r} }
		w.Change(roomID, func(r *chat.Room) { r.Tags = map[string]string{"confab:catch-up": "1m"} })
	})
	sender := w.join(t, w.token("troll"))
	for _, user := range []string{"troll", "ann"} {
		lost := w.join(t, w.token(user))
		r.start(lost.Session)
		lost.Part(catchup.Lost)
	}
	w.post(t, "1")
	for _, content := range []string{"erased", "hidden", "deleted"} {
		if content == "hidden" {
			messaging.EraseUser(w.engine, roomID, "troll", w.clock())
			time.Sleep(time.Millisecond)
		}
		if err := w.send(t, sender, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := sender.DeleteMessage(t.Context(), messaging.Request{Received: w.clock()}, idOf(sender.Sent()[2]), ""); err != nil {
		t.Fatal(err)
	}
	w.post(t, "2")
	for user, want := range map[string]string{"troll": "1 hidden deleted delete 2", "ann": "1 2"} {
		frames, replay := w.join(t, w.token(user)).First()
		var all []string
		for _, f := range strings.SplitAfter(string(bytes.Join(frames, nil)), "}{") {
			all = append(all, contents([]string{f})...)
		}
		if got := strings.Join(all, " "); got != want || !replay {
			t.Errorf("%s gets %q, want %q", user, got, want)
		}
	}
}
