package crowd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/testbed/history"
)

// writePause is between the writes of one writer.
const writePause = 50 * time.Millisecond

// Write has writers create rooms and rename them, each on one node after
// another, until talking ends. ReadBack reads what has come of it.
func (c *Crowd) Write(talking, living context.Context, writers int, nodes []Node) {
	for i := range writers {
		c.writers.Go(func() {
			for n := 0; talking.Err() == nil; n++ {
				c.writeRoom(talking, living, fmt.Sprintf("writer %d room %d", i, n), nodes[(i+n)%len(nodes)])
				pause(talking, writePause)
			}
		})
	}
}

// renames is how often a room is renamed before its writer takes another, on
// the next node.
const renames = 10

// writeRoom creates a room and renames it. It ends early when it does not know
// whether a write has taken effect, because that may still do so.
func (c *Crowd) writeRoom(talking, living context.Context, register string, node Node) {
	var room *string
	for value := 1; value <= renames && talking.Err() == nil; value++ {
		w := &history.Write{
			Register: register, Node: node.Name, Value: value, Sent: c.Now(), Answered: history.StillOpen, Outcome: history.Unknown,
		}
		c.record(func() { c.writes = append(c.writes, w) })
		calling, cancel := context.WithTimeout(living, callTime)
		name := aws.String(strconv.Itoa(value))
		var err error
		if room == nil {
			var out *ivschat.CreateRoomOutput
			if out, err = node.API.CreateRoom(calling, &ivschat.CreateRoomInput{Name: name}); err == nil {
				room = out.Arn
				c.record(func() { c.written[register] = *room })
			}
		} else {
			_, err = node.API.UpdateRoom(calling, &ivschat.UpdateRoomInput{Identifier: room, Name: name})
		}
		cancel()
		if err != nil {
			return
		}
		now := c.Now()
		c.record(func() { w.Answered, w.Outcome = now, history.Acknowledged })
		pause(talking, writePause)
	}
}

// ReadBack reads on the node what the writers have written, for the history, once
// they have ended: each may have a last call under way. It asks again until it
// gets answers.
func (c *Crowd) ReadBack(ctx context.Context, node Node) error {
	c.writers.Wait()
	c.mu.Lock()
	written := maps.Clone(c.written)
	c.mu.Unlock()
	for register, room := range written {
		for {
			out, err := node.API.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &room})
			if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
				break
			}
			if err == nil {
				value, err := strconv.Atoi(aws.ToString(out.Name))
				if err != nil {
					return fmt.Errorf("%s: %w", register, err)
				}
				c.record(func() { c.stored[register] = value })
				break
			}
			if !pause(ctx, backendPause) {
				return fmt.Errorf("%s cannot be read: %w", register, err)
			}
		}
	}
	return nil
}
