package verdicts_test

import (
	"context"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/verdicts"
)

// TestReviewOnce asks about one message again and again: the handler sees it once, until
// the verdict is forgotten or too old.
func TestReviewOnce(t *testing.T) {
	v, now, asked := verdicts.New(), time.Unix(1000, 0), 0
	ask := func(context.Context) (*chat.Message, bool, error) {
		asked++
		return &chat.Message{Content: "as reviewed"}, asked > 1, nil
	}
	review := func(id string, want int, fallback bool) {
		t.Helper()
		m, by, err := v.Review(t.Context(), id, now, ask)
		if err != nil || m.Content != "as reviewed" || by != fallback {
			t.Errorf("the verdict is %+v, %v, %v", m, by, err)
		}
		if asked != want {
			t.Errorf("the handler was asked %d times, want %d", asked, want)
		}
	}
	review("a", 1, false)
	review("a", 1, false)
	review("b", 2, true)
	v.Forget("b")
	review("b", 3, true)
	now = now.Add(16 * time.Second)
	v.Expire(now)
	review("a", 4, true)
}

// TestReviewWaits has a second caller wait for the first one's verdict, up to the end of
// its context. The end of the first caller's context does not reach the handler.
func TestReviewWaits(t *testing.T) {
	v, asking, answer := verdicts.New(), make(chan struct{}), make(chan struct{})
	first, end := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	go func() {
		_, _, err := v.Review(first, "a", time.Now(), func(ctx context.Context) (*chat.Message, bool, error) {
			close(asking)
			<-answer
			return nil, false, ctx.Err()
		})
		outcome <- err
	}()
	<-asking
	end()
	if _, _, err := v.Review(first, "a", time.Now(), nil); chat.CodeOf(err) != chat.Unavailable {
		t.Errorf("the second caller, whose time is over, gets %v, want Unavailable", err)
	}
	close(answer)
	if _, _, err := v.Review(t.Context(), "a", time.Now(), nil); err != nil {
		t.Errorf("the third caller gets %v", err)
	}
	if err := <-outcome; err != nil {
		t.Errorf("the review ended with its first caller: %v", err)
	}
}
