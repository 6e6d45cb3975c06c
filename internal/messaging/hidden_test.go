package messaging_test

import (
	"strings"
	"testing"

	"confab/internal/chat"
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
