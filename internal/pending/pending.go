// Package pending has the frames of a room that have a number and are not published yet, because
// they, or earlier ones, are not in the transcript yet. Package messaging has a Queue for each
// room that it sequences.
//
// A frame is published or dropped, never both. The transcript decides about each when it is
// about to store it (chat.Frame.Stands): a frame whose node may no longer number frames of the
// room is not stored, and then it is dropped. So no frame of an earlier home is stored behind
// those of a later one. A frame that is stored may still be lost, because its node was stopped
// before it published the frame. Frame.Await notices that, also after the sender has left.
package pending

import (
	"context"
	"slices"
	"sync/atomic"

	"confab/internal/chat"
)

// Broker publishes frames. See messaging.Broker.
type Broker interface {
	Stands(f *chat.Frame) bool
	Publish(f *chat.Frame) <-chan error
	Drop(f *chat.Frame) <-chan error
}

// What is decided about a frame.
const (
	undecided int32 = iota
	published       // or about to be: it is stored whatever happens to the room
	refused         // it is not stored, and will be dropped
)

// Frame is a frame in a Queue.
type Frame struct {
	frame   *chat.Frame
	fate    atomic.Int32
	durable <-chan struct{} // nil if the frame need not be durable
	left    chan struct{}   // closed when the frame has left the queue
	safe    <-chan error    // from Publish or Drop; valid once left is closed
}

// Queue has frames in the order of their numbers. Its owner locks it.
type Queue struct{ frames []*Frame }

// Empty reports whether no frame waits.
func (q *Queue) Empty() bool { return len(q.frames) == 0 }

// First returns the first frame that waits, or nil.
func (q *Queue) First() *chat.Frame {
	if q.Empty() {
		return nil
	}
	return q.frames[0].frame
}

// Find returns the frame with an id, or nil.
func (q *Queue) Find(id string) *Frame {
	if i := slices.IndexFunc(q.frames, func(f *Frame) bool { return f.frame.ID == id }); i >= 0 {
		return q.frames[i]
	}
	return nil
}

// Add appends a frame. store appends it to the transcript; nil is for frames that are not
// recorded.
func (q *Queue) Add(b Broker, frame *chat.Frame, store func(*chat.Frame) <-chan struct{}) *Frame {
	f := &Frame{frame: frame, left: make(chan struct{})}
	if store != nil {
		frame.Stands = func() bool { return f.stands(b) }
		f.durable = store(frame)
	}
	q.frames = append(q.frames, f)
	return f
}

// stands decides whether the frame is stored. It is called anew if storing it has failed.
func (f *Frame) stands(b Broker) bool {
	if f.fate.Load() == undecided && !b.Stands(f.frame) {
		f.fate.CompareAndSwap(undecided, refused)
	}
	return f.fate.Load() != refused
}

// Publish publishes or drops the frames at the head of the queue that are durable or need not
// be. Frames whose senders have left go as well, so that later frames do not wait for them.
func (q *Queue) Publish(b Broker) {
	for len(q.frames) > 0 {
		f := q.frames[0]
		if f.durable != nil {
			select {
			case <-f.durable:
			default:
				return
			}
		}
		q.frames[0] = nil
		q.frames = q.frames[1:]
		if f.fate.CompareAndSwap(undecided, published) {
			f.safe = b.Publish(f.frame)
		} else {
			f.safe = b.Drop(f.frame)
		}
		close(f.left)
	}
}

// Durable waits until the frame is in the transcript, which bounds the wait.
func (f *Frame) Durable() { <-f.durable }

// Left waits until the frame has left the queue, and reports whether it was delivered then.
func (f *Frame) Left() (delivered bool) {
	<-f.left
	return f.safe == nil
}

// Await waits until the frame has left the queue and is safe. lost is called if it is not
// delivered although it was stored: before Await returns, or later if ctx ends first. end ends
// that wait.
func (f *Frame) Await(ctx context.Context, end <-chan struct{}, lost func()) error {
	<-f.left
	err := Await(ctx, f.safe)
	switch stored := f.durable != nil && f.fate.Load() == published; {
	case err == nil || !stored:
	case chat.CodeOf(err) != chat.Unavailable:
		lost()
	default:
		go func() {
			select {
			case err := <-f.safe:
				if err != nil {
					lost()
				}
			case <-end:
			}
		}()
	}
	return err
}

// Await waits until a published frame is safe.
func Await(ctx context.Context, safe <-chan error) error {
	if safe == nil {
		return nil
	}
	select {
	case err := <-safe:
		return err
	case <-ctx.Done():
		return chat.Errorf(chat.Unavailable, "The request was not confirmed in time; it may still be delivered")
	}
}
