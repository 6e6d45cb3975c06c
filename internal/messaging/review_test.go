package messaging_test

import (
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
	"confab/internal/quota"
)

func TestReview(t *testing.T) {
	setup := func(t *testing.T, review func(*chat.Message) (*chat.Message, error)) (*live, *messagingtest.Client) {
		w := newLive(t)
		w.ReviewWith(review)
		w.change(func(r *chat.Room) { r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn"} })
		return w, w.join(t, w.token("ann"))
	}
	t.Run("the message that the reviewer returns is delivered", func(t *testing.T) {
		w, c := setup(t, func(m *chat.Message) (*chat.Message, error) {
			changed := *m
			changed.Content = "***"
			return &changed, nil
		})
		if err := w.send(t, c, "darn"); err != nil {
			t.Fatal(err)
		}
		if got := w.Frames()[0]["Content"]; got != "***" {
			t.Errorf("content %q", got)
		}
	})
	t.Run("a rejected message is not delivered", func(t *testing.T) {
		w, c := setup(t, func(*chat.Message) (*chat.Message, error) { return nil, chat.Errorf(chat.Rejected, "no") })
		wantCode(t, w.send(t, c, "darn"), chat.Rejected)
		if n := len(w.Frames()); n != 0 {
			t.Errorf("%d frames", n)
		}
	})
	t.Run("a rejected message counts neither against the room's rate nor the account's", func(t *testing.T) {
		w := newLive(t, func(o *messaging.Options, _ *live) {
			o.Quotas = quota.New(quota.Numbers{quota.SendMessage: 2}, o.Now)
		})
		start := time.Now()
		w.clock = func() time.Time { return start }
		w.ReviewWith(func(m *chat.Message) (*chat.Message, error) {
			if m.Content == "darn" {
				return nil, chat.Errorf(chat.Rejected, "no")
			}
			return m, nil
		})
		w.change(func(r *chat.Room) {
			r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn"}
			r.MaximumMessageRatePerSecond = 2
		})
		c := w.join(t, w.token("ann"))
		for range 3 {
			wantCode(t, w.send(t, c, "darn"), chat.Rejected)
		}
		for range 2 {
			if err := w.send(t, c, "hello"); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, w.send(t, c, "hello"), chat.Throttled)
	})
	t.Run("a removed handler is not asked", func(t *testing.T) {
		w, c := setup(t, func(*chat.Message) (*chat.Message, error) { return nil, chat.Errorf(chat.Rejected, "asked") })
		w.change(func(r *chat.Room) { r.MessageReviewHandler.URI = "" })
		if err := w.send(t, c, "x"); err != nil {
			t.Error(err)
		}
	})
}
