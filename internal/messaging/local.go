package messaging

import (
	"context"

	"confab/internal/chat"
)

// local is the Broker and the Home of a single node. It is every room's home, and it
// delivers frames by a function call.
type local struct{ engine *Engine }

func (local) Await(context.Context, string, string) (Turn, error) { return Turn{}, nil }

func (local) Next(*chat.Frame) error { return nil }

func (l local) Publish(f *chat.Frame) <-chan error {
	l.engine.Deliver(f)
	return nil
}

func (local) Stands(*chat.Frame) bool { return true }

func (local) Drop(*chat.Frame) <-chan error { return nil }

func (local) Hides() bool { return true }

func (local) Enter(context.Context, string) (chat.Point, error) { return chat.Point{}, nil }

func (local) Leave(string) {}

func (l local) RoomChanged(ctx context.Context, roomID string) error {
	l.engine.Reload(ctx, roomID)
	return nil
}

func (l local) Do(ctx context.Context, op Operation) (string, error) {
	return l.engine.Sequence(ctx, op)
}
