package crowd

import (
	"context"
	"strings"
	"time"

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

// ban has a user join the room, who sends messages all the time and connects again and again,
// whatever the answer. After a moment the user is banned, or muted, through any node that
// answers. A ban ends after some seconds; then the user joins as others do.
func (c *Crowd) ban(talking, living context.Context, r *Room, user string, mute bool) {
	staying, leave := context.WithCancel(living)
	defer leave()
	defer context.AfterFunc(talking, leave)()
	b := &history.Ban{
		Room: r.arn, User: user, Mute: mute,
		Sent: history.StillOpen, Answered: history.StillOpen, EndSent: history.StillOpen, Ended: history.StillOpen,
	}
	c.record(func() { c.bans = append(c.bans, b) })
	cl := &Client{Name: user, User: user, Room: r.arn, near: r.Near, viewer: r.SlowMode > 0, stubborn: true}
	c.speak(staying, c.join(staying, cl))
	if !pause(talking, bannedAfter) {
		return
	}
	now := c.Now()
	c.record(func() { b.Sent = now })
	kind := "BAN"
	if mute {
		kind = "MUTE"
	}
	var out struct {
		ID string `json:"id"`
	}
	node, ok := c.moderate(talking, living, "CreateBan", map[string]any{"roomIdentifier": r.arn, "userId": user, "type": kind}, &out)
	if !ok {
		return
	}
	now = c.Now()
	c.record(func() { b.Node, b.Answered = node, now })
	if !pause(talking, bannedFor) || mute {
		return
	}
	leave()
	now = c.Now()
	c.record(func() { b.EndSent = now })
	if _, ok = c.moderate(talking, living, "DeleteBan", map[string]any{"id": out.ID}, new(struct{})); !ok {
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
	c.speak(back, c.join(back, &Client{Name: name, User: user, Room: r.arn, near: r.Near, viewer: cl.viewer}))
	pause(talking, backFor)
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
	for talking.Err() == nil {
		if n, ok := c.o.Pick(); ok {
			calling, cancel := context.WithTimeout(living, callTime)
			err := process.Extension(calling, "http://"+strings.TrimPrefix(n.WebSocket, "ws://"), operation, in, out)
			cancel()
			if err == nil {
				return n.Name, true
			}
			// An earlier call may have deleted it, although no answer came.
			if operation == "DeleteBan" && strings.HasPrefix(err.Error(), operation+": 404 ") {
				return n.Name, true
			}
		}
		pause(talking, backendPause)
	}
	return "", false
}
