package logging

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pace is how often one connection sends: below the ten messages a second that
// the service allows it.
const pace = 115 * time.Millisecond

// senders are connections that all send until ctx ends or the server is gone.
type senders struct {
	rooms   []string
	perRoom int
	// stamp, when set, is sent with each message of a connection.
	stamp func() string
	// received is told every message that anybody receives, and by whom; it is
	// called from many goroutines.
	received func(user string, f frame)
}

// run joins and sends. It returns once all have ended.
func (c senders) run(ctx context.Context, s *server) error {
	var all sync.WaitGroup
	failed := make(chan error, 1)
	for _, room := range c.rooms {
		for i := range c.perRoom {
			all.Go(func() {
				if err := c.one(ctx, s, room, fmt.Sprint("user-", i)); err != nil && ctx.Err() == nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (c senders) one(ctx context.Context, s *server, room, user string) error {
	conn, err := s.join(ctx, room, user)
	if err != nil {
		return err
	}
	defer conn.socket.CloseNow()
	reading := make(chan error, 1)
	go func() {
		for {
			f, err := conn.next(ctx)
			if err == nil && f.Type == "ERROR" {
				err = fmt.Errorf("ERROR %d %s", f.ErrorCode, f.ErrorMessage)
			}
			if err != nil {
				reading <- err
				return
			}
			c.received(user, f)
		}
	}()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := conn.send(ctx, user+" "+c.stamp()); err != nil {
				return errors.Join(err, <-reading)
			}
		case err := <-reading:
			return err
		}
	}
}
