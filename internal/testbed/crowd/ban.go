package crowd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

const (
	// speakPause is between two messages of a user of ban.
	speakPause = 150 * time.Millisecond
	// bannedAfter is how long the user speaks before the ban, and bannedFor how long it lasts.
	bannedAfter = time.Second
	bannedFor   = 4 * time.Second
	// backFor is how long the user stays after the end of the ban.
	backFor = 2 * time.Second
)

// The kinds of bans of a run.
const (
	banUser    = "BAN"
	banMute    = "MUTE"
	banHide    = "HIDE"
	banAddress = "address"    // the range of the user's only address
	banKick    = "disconnect" // of a moderator, in a room with DisconnectBan
)

// banKinds are those that take turns in a room with Bans.
var banKinds = [...]string{banUser, banMute, banHide, banAddress}

// ban has a user join the room, who sends messages all the time and connects again and again,
// whatever the answer. After a moment the user is banned, through any node that answers. Bans but
// those of a disconnect, and mutes, end after some seconds; then the user joins as others do.
func (c *Crowd) ban(talking, living context.Context, r *Room, user, kind string) {
	staying, leave := context.WithCancel(living)
	defer leave()
	defer context.AfterFunc(talking, leave)()
	b := &history.Ban{
		Room: r.arn, User: user, Mute: kind == banMute, Hide: kind == banHide, Range: kind == banAddress,
		Sent: history.StillOpen, Answered: history.StillOpen, EndSent: history.StillOpen, Ended: history.StillOpen,
	}
	n := 0
	c.record(func() { c.bans, n = append(c.bans, b), len(c.bans) })
	cl := &Client{Name: user, User: user, Room: r.arn, near: r.Near, viewer: r.SlowMode > 0, stubborn: true}
	if kind == banAddress {
		cl.address = fmt.Sprintf("198.18.%d.%d", n/256, n%256)
	}
	c.speak(staying, c.join(staying, cl))
	if !pause(talking, bannedAfter) {
		return
	}
	now := c.Now()
	c.record(func() { b.Sent = now })
	id, node, ok := c.createBan(talking, living, r, cl, kind)
	if !ok {
		return
	}
	now = c.Now()
	c.record(func() { b.Node, b.Answered = node, now })
	if !pause(talking, bannedFor) || kind == banMute || kind == banKick {
		return
	}
	leave()
	now = c.Now()
	c.record(func() { b.EndSent = now })
	if _, ok = c.moderate(talking, living, "DeleteBan", map[string]any{"id": id}, new(struct{})); !ok {
		return
	}
	now = c.Now()
	c.record(func() { b.Ended = now })
	if !pause(talking, history.BanWindow) {
		return
	}
	back, leaveAgain := context.WithCancel(living)
	defer leaveAgain()
	defer context.AfterFunc(talking, leaveAgain)()
	name := user + "-again"
	c.speak(back, c.join(back, &Client{Name: name, User: user, Room: r.arn, near: r.Near, viewer: cl.viewer, address: cl.address}))
	pause(talking, backFor)
}

// createBan bans the user of a client, and returns the id of the ban, if there is one, and the
// node that answered.
func (c *Crowd) createBan(talking, living context.Context, r *Room, cl *Client, kind string) (id, node string, ok bool) {
	if kind == banKick {
		node, ok = c.onAny(talking, living, func(ctx context.Context, n Node) error {
			_, err := n.API.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: &r.arn, UserId: &cl.User})
			return err
		})
		return "", node, ok
	}
	in := map[string]any{"roomIdentifier": r.arn, "type": kind, "userId": cl.User}
	if kind == banAddress {
		in = map[string]any{"roomIdentifier": r.arn, "type": banUser, "ipRange": cl.address + "/32"}
	}
	var out struct {
		ID string `json:"id"`
	}
	node, ok = c.moderate(talking, living, "CreateBan", in, &out)
	return out.ID, node, ok
}

// speak has the client send messages until the context ends.
func (c *Crowd) speak(ctx context.Context, cl *Client) {
	c.all.Go(func() {
		for pause(ctx, speakPause) {
			cl.Say(ctx)
		}
	})
}

// moderate calls an operation of moderators on one node after another, until one answers 200
// or talking ends. It returns the node.
func (c *Crowd) moderate(talking, living context.Context, operation string, in, out any) (node string, ok bool) {
	return c.onAny(talking, living, func(ctx context.Context, n Node) error {
		err := process.Extension(ctx, "http://"+strings.TrimPrefix(n.WebSocket, "ws://"), operation, in, out)
		// An earlier call may have deleted it, although no answer came.
		if err != nil && operation == "DeleteBan" && strings.HasPrefix(err.Error(), operation+": 404 ") {
			return nil
		}
		return err
	})
}

// onAny calls one node after another, until one succeeds or talking ends. It returns the node.
func (c *Crowd) onAny(talking, living context.Context, call func(ctx context.Context, n Node) error) (node string, ok bool) {
	for talking.Err() == nil {
		if n, ok := c.o.Pick(); ok {
			calling, cancel := context.WithTimeout(living, callTime)
			err := call(calling, n)
			cancel()
			if err == nil {
				return n.Name, true
			}
		}
		pause(talking, backendPause)
	}
	return "", false
}
