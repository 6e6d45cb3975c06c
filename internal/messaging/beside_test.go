package messaging_test

import (
	"context"
	"testing"

	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// TestEndsLast asks whether a session is its user's only one, on two nodes.
func TestEndsLast(t *testing.T) {
	for name, c := range map[string]struct {
		elsewhere, unknown, want bool
	}{
		"no session elsewhere":              {want: true},
		"a session on the other node":       {elsewhere: true},
		"the other node that does not know": {unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			other := newLive(t)
			w := newLive(t, func(o *messaging.Options, _ *live) {
				o.UserElsewhere = func(_ context.Context, roomID, userID string) bool {
					return c.unknown || other.engine.Beside(roomID, userID)
				}
			})
			other.join(t, other.token("bob"))
			ann := w.join(t, w.token("ann"))
			var beside *messagingtest.Client
			if c.elsewhere {
				beside = other.join(t, other.token("ann"))
			}
			asked := make(chan struct{})
			ann.AskElsewhere(t.Context(), func() { close(asked) })
			<-asked
			if got := ann.EndsLast(); got != c.want {
				t.Errorf("EndsLast is %v, want %v", got, c.want)
			}
			// The other one may end at the same time. The client comes back after either.
			if beside != nil && beside.EndsLast() {
				t.Error("the session that was beside it ends last a moment later")
			}
		})
	}
}
