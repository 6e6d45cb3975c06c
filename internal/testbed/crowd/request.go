package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/testbed/history"
)

// callTime bounds one call of the API.
const callTime = 15 * time.Second

// request is what clients send.
type request struct {
	Action                                history.Action
	RequestID, Content, UserID, MessageID string
}

func (r request) json() ([]byte, error) {
	members := map[string]any{"Action": r.Action, "RequestId": r.RequestID}
	switch r.Action {
	case history.SendMessage:
		members["Content"] = r.Content
	case history.DeleteMessage:
		members["Id"] = r.MessageID
	case history.DisconnectUser:
		members["UserId"] = r.UserID
	}
	return json.Marshal(members)
}

// Say sends a message of its own, if the client is connected. Every message of
// a run is different.
func (cl *Client) Say(ctx context.Context) { cl.send(ctx, request{Action: history.SendMessage}) }

// Delete deletes the last message that the client got, if there is one.
func (cl *Client) Delete(ctx context.Context) {
	cl.mu.Lock()
	id := cl.lastID
	cl.mu.Unlock()
	if id != "" {
		cl.send(ctx, request{Action: history.DeleteMessage, MessageID: id})
	}
}

// Kick disconnects a user from the room.
func (cl *Client) Kick(ctx context.Context, user string) {
	cl.send(ctx, request{Action: history.DisconnectUser, UserID: user})
}

// send records a request and sends it. A client that is not connected sends
// nothing, as the official one refuses to.
func (cl *Client) send(ctx context.Context, r request) {
	cl.mu.Lock()
	conn, node := cl.conn, cl.node
	if conn == nil {
		cl.mu.Unlock()
		return
	}
	cl.sent++
	r.RequestID = fmt.Sprintf("%s-%d", cl.Name, cl.sent)
	r.Content = "I am " + r.RequestID
	q := &history.Request{
		ID: r.RequestID, Client: cl.Name, User: cl.User, Room: cl.Room, Node: node, Action: r.Action, Target: r.UserID,
		Sent: cl.crowd.Now(), Answered: history.StillOpen, Outcome: history.Unknown,
	}
	switch r.Action {
	case history.SendMessage:
		q.Content = r.Content
	case history.DeleteMessage:
		q.Target = r.MessageID
	}
	cl.pending[r.RequestID] = q
	cl.mu.Unlock()
	cl.crowd.record(func() { cl.crowd.requests = append(cl.crowd.requests, q) })
	b, err := r.json()
	if err != nil {
		panic(err) // Strings only.
	}
	writing, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	// A failure to write is the end of the connection, which the reader sees.
	_ = conn.Write(writing, websocket.MessageText, b)
}

// Pending returns how many requests of connected clients have no answer yet.
func (c *Crowd) Pending() int {
	c.mu.Lock()
	clients := slices.Clone(c.clients)
	c.mu.Unlock()
	n := 0
	for _, cl := range clients {
		cl.mu.Lock()
		n += len(cl.pending)
		cl.mu.Unlock()
	}
	return n
}

// Event sends an event to the room by the API of the node, once, and returns its
// id if it was accepted.
func (c *Crowd) Event(ctx context.Context, node Node, room, name string) (id string, err error) {
	q := &history.Request{
		Client: "backend", Room: room, Node: node.Name, Action: history.SendEvent,
		Sent: c.Now(), Answered: history.StillOpen, Outcome: history.Unknown,
	}
	c.record(func() { c.requests = append(c.requests, q) })
	calling, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	out, err := node.API.SendEvent(calling, &ivschat.SendEventInput{RoomIdentifier: &room, EventName: &name})
	now := c.Now()
	c.record(func() {
		if err == nil {
			q.Outcome, q.FrameID, q.Answered = history.Acknowledged, aws.ToString(out.Id), now
		} else if res, ok := errors.AsType[*awshttp.ResponseError](err); ok && res.HTTPStatusCode() != 0 {
			q.Outcome, q.Code, q.Answered = history.Refused, res.HTTPStatusCode(), now
		}
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Id), nil
}

// Race uses one token on all nodes at the same time.
func (c *Crowd) Race(ctx context.Context, user, room string, nodes []Node) {
	token, ok := c.token(ctx, user, room, false)
	if !ok {
		return
	}
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() {
			if conn, _ := c.connect(ctx, n, token, ""); conn != nil {
				conn.CloseNow()
			}
		})
	}
	all.Wait()
}

// Settle brings the run to rest: it waits until every client is connected and
// every request is answered, then sends each room an event and waits until all
// connections got it, so that whatever was on its way has arrived. It returns
// an error that says what did not come to rest in time; the history then shows
// what is missing.
func (c *Crowd) Settle(ctx context.Context, rooms []string) error {
	if missing := c.WaitConnected(ctx); missing > 0 {
		return fmt.Errorf("%d clients did not come back", missing)
	}
	for c.Pending() > 0 {
		if !pause(ctx, 10*time.Millisecond) {
			return fmt.Errorf("%d requests were never answered", c.Pending())
		}
	}
	for _, room := range rooms {
		for {
			if node, ok := c.o.Pick(); ok {
				before := c.Now()
				id, err := c.Event(ctx, node, room, "rest")
				if err == nil {
					if err := c.arrived(ctx, room, id, before); err != nil {
						return err
					}
					break
				}
			}
			if !pause(ctx, backendPause) {
				return fmt.Errorf("room %s takes no event", room)
			}
		}
	}
	return nil
}

// arrived waits until every connection of the room that was open before and
// still is has got the frame.
func (c *Crowd) arrived(ctx context.Context, room, id string, before time.Duration) error {
	for {
		missing := ""
		c.mu.Lock()
		for _, r := range c.connections {
			if r.Room == room && r.Opened < before && r.Ended == history.StillOpen && !got(r, id) {
				missing = r.Client + " on " + r.Node
			}
		}
		c.mu.Unlock()
		if missing == "" {
			return nil
		}
		if !pause(ctx, 10*time.Millisecond) {
			return fmt.Errorf("the last event %s of room %s did not arrive at %s", id, room, missing)
		}
	}
}

// got says whether the connection has got the frame.
func got(r *history.Connection, id string) bool {
	for _, f := range slices.Backward(r.Frames) {
		if f.ID == id {
			return true
		}
	}
	return false
}
