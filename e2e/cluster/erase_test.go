package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

// TestEraseUser erases a user on one node, after other messages were deleted by user. Clients
// that join on any node do not get what the user has written, and clients on all nodes are
// told to remove it.
func TestEraseUser(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{})
	nodes := c.Clients()
	room, err := nodes[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{
		MaximumMessageRatePerSecond: aws.Int32(100), Tags: map[string]string{"confab:history": "1h", "confab:history-on-join": "10"},
	})
	if err != nil {
		t.Fatal(err)
	}
	join := func(n int, user string) *websocket.Conn {
		t.Helper()
		conn, err := process.Join(t.Context(), nodes[n].API, nodes[n].WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: aws.String(user)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.CloseNow() })
		return conn
	}
	next := func(conn *websocket.Conn, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, frame, err := conn.Read(ctx); err != nil || !strings.Contains(string(frame), want) {
			t.Fatalf("got %s, %v, want %s", frame, err, want)
		}
	}
	var viewers []*websocket.Conn
	for n := range nodes {
		viewers = append(viewers, join(n, "viewer"))
	}
	send := func(user string) {
		t.Helper()
		var sent struct{ ID string }
		if err := process.Extension(t.Context(), c.Nodes[1].Server().Endpoint, "SendMessage", map[string]string{
			"roomIdentifier": *room.Arn, "userId": user, "content": "of " + user,
		}, &sent); err != nil {
			t.Fatal(err)
		}
		for _, v := range viewers {
			next(v, "of "+user)
		}
	}
	for n := range nodes { // A moderator's clean-up, by any node.
		send("rude")
		var cleaned struct {
			Deleted int `json:"deleted"`
		}
		if err := process.Extension(t.Context(), c.Nodes[n].Server().Endpoint, "DeleteUserMessages", map[string]string{
			"roomIdentifier": *room.Arn, "userId": "rude",
		}, &cleaned); err != nil || cleaned.Deleted != 1 {
			t.Fatalf("%d messages were deleted, %v", cleaned.Deleted, err)
		}
		for _, v := range viewers {
			next(v, "aws:DELETE_MESSAGE")
		}
	}
	for _, user := range []string{"bad", "good", "bad"} {
		send(user)
	}
	for n := range nodes {
		late := join(n, "late")
		for _, user := range []string{"bad", "good", "bad"} {
			next(late, "of "+user)
		}
	}
	var out struct {
		Status   string `json:"status"`
		Messages int    `json:"messages"`
	}
	for n := 0; out.Status != "DONE"; n++ { // Any node continues.
		if err := process.Extension(t.Context(), c.Nodes[n%len(c.Nodes)].Server().Endpoint, "EraseUser", map[string]string{"userId": "bad"}, &out); err != nil {
			t.Fatal(err)
		}
		if n > 100 {
			t.Fatal("the erasure does not end")
		}
	}
	if out.Messages != 2 {
		t.Errorf("%d messages were removed, want 2", out.Messages)
	}
	for _, v := range viewers {
		next(v, "aws:DELETE_MESSAGE")
		next(v, "aws:DELETE_MESSAGE")
	}
	for n := range nodes {
		late := join(n, "later")
		next(late, "of good")
		_, err := nodes[n].API.SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: aws.String("end")})
		if err != nil {
			t.Fatal(err)
		}
		next(late, `"end"`)
	}
}
