package messaging_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// rule notes what it is asked, and does what judge says.
type rule struct {
	name  string
	asked *[]string
	judge func(j *messaging.Judgement) error
}

func (*rule) Applies(string, *chat.Extensions) bool { return true }

func (r *rule) Judge(_ context.Context, j *messaging.Judgement) error {
	*r.asked = append(*r.asked, r.name)
	j.Undo(func() { *r.asked = append(*r.asked, "undo "+r.name) })
	return r.judge(j)
}

func TestRules(t *testing.T) {
	pass := func(*messaging.Judgement) error { return nil }
	refuse := func(*messaging.Judgement) error { return chat.Errorf(chat.Rejected, "no") }
	for _, c := range []struct {
		name           string
		modes, filters func(*messaging.Judgement) error
		review         func(*chat.Message) (*chat.Message, error)
		code           chat.Code
		asked          []string
		said           string // what is delivered
	}{
		{name: "modes, filters and review are asked in this order", modes: pass, filters: pass, asked: []string{"modes", "filters", "review"}, said: "hello"},
		{name: "after a mode has refused, no other rule is asked", modes: refuse, filters: pass, code: chat.Rejected, asked: []string{"modes", "undo modes"}},
		{name: "a filter that refuses undoes the modes", modes: pass, filters: refuse, code: chat.Rejected, asked: []string{"modes", "filters", "undo modes", "undo filters"}},
		{
			name: "a review that refuses undoes modes and filters", modes: pass, filters: pass,
			review: func(*chat.Message) (*chat.Message, error) { return nil, chat.Errorf(chat.Rejected, "no") },
			code:   chat.Rejected, asked: []string{"modes", "filters", "review", "undo modes", "undo filters"},
		},
		{
			name: "review gets what a filter changed", modes: pass,
			filters: func(j *messaging.Judgement) error { j.Content = "h***o"; return nil },
			review: func(m *chat.Message) (*chat.Message, error) {
				m.Content = strings.ToUpper(m.Content)
				return m, nil
			},
			asked: []string{"modes", "filters", "review"}, said: "H***O",
		},
		{
			name: "only its sender gets a hidden message", modes: pass, filters: func(j *messaging.Judgement) error { j.Hidden = true; return nil },
			asked: []string{"modes", "filters", "review"}, said: "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []string
			w := newLive(t, func(o *messaging.Options, _ *live) {
				o.Rules.Modes, o.Rules.Filters = &rule{"modes", &asked, c.modes}, &rule{"filters", &asked, c.filters}
			})
			w.change(func(r *chat.Room) {
				r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "https://example.com", FallbackResult: chat.Deny}
			})
			w.ReviewWith(func(m *chat.Message) (*chat.Message, error) {
				asked = append(asked, "review")
				if c.review == nil {
					return m, nil
				}
				return c.review(m)
			})
			ann := w.join(t, w.token("ann"))
			err := w.send(t, ann, "hello")
			if err != nil && chat.CodeOf(err) != c.code || (err == nil) != (c.code == 0) {
				t.Errorf("the message ends with %v", err)
			}
			if d := cmp.Diff(c.asked, asked); d != "" {
				t.Error(d)
			}
			if said := strings.Join(w.Contents(), " "); said != c.said {
				t.Errorf("delivered: %q", said)
			}
		})
	}
	t.Run("messages over HTTP pass no rule", func(t *testing.T) {
		var asked []string
		w := newLive(t, func(o *messaging.Options, _ *live) { o.Rules.Modes = &rule{"modes", &asked, refuse} })
		_, _, err := w.engine.SendMessage(t.Context(), roomID, &messaging.ServerMessage{UserID: "bot", Content: "hello"})
		if err != nil || len(asked) > 0 {
			t.Errorf("%v, asked %v", err, asked)
		}
	})
	t.Run("a rule gets the room's modes over its tags", func(t *testing.T) {
		var got chat.Extensions
		var asked []string
		var w *live
		w = newLive(t, func(o *messaging.Options, _ *live) {
			o.Extensions = true
			o.Rules.Modes = &rule{"modes", &asked, func(j *messaging.Judgement) error { got = j.Extensions; return nil }}
			o.Rules.Clock = func() time.Time { return w.clock().Add(time.Hour) }
		})
		w.change(func(r *chat.Room) {
			r.Tags = map[string]string{"confab:slow-mode": "1m", "confab:send": "staff"}
			r.Modes = []chat.Mode{
				{Name: "send", Value: "all"},
				{Name: "links", Value: "nobody", Expires: w.clock()},
				{Name: "slow-mode", Value: "off", Expires: w.clock().Add(time.Minute)}, // It has ended, by Rules.Clock.
			}
		})
		if err := w.send(t, w.join(t, w.token("ann")), "hello"); err != nil {
			t.Fatal(err)
		}
		if got.SlowMode.String() != "1m0s" || got.Send != chat.All || got.Links != chat.All {
			t.Errorf("%+v", got)
		}
	})
}
