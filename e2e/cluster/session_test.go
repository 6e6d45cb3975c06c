package cluster_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
)

// TestSessionEndOverNodes ends the sessions of a user with two connections, on two nodes,
// and of a user with one. An official client may have forgotten one of two connections,
// and would take a Close on it for the end of the one that it uses.
func TestSessionEndOverNodes(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{})
	nodes := c.Clients()
	room, err := nodes[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	connect := func(n crowd.Node, user string, minutes int32) *websocket.Conn {
		t.Helper()
		token, err := n.API.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: room.Arn, UserId: &user, SessionDurationInMinutes: aws.Int32(minutes),
		})
		if err != nil {
			t.Fatal(err)
		}
		//nolint:bodyclose // The library closes it itself.
		conn, _, err := websocket.Dial(t.Context(), n.WebSocket, &websocket.DialOptions{
			Subprotocols: []string{*token.Token}, HTTPClient: &http.Client{},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.CloseNow() })
		return conn
	}
	// end returns the status of the Close behind ERROR 401, or -1 without a Close.
	end := func(conn *websocket.Conn) websocket.StatusCode {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if _, frame, err := conn.Read(ctx); err != nil {
			t.Fatalf("no frame before the end: %s %v", frame, err)
		}
		_, _, err := conn.Read(ctx)
		if err == nil || ctx.Err() != nil {
			t.Fatalf("the connection did not end: %v", err)
		}
		return websocket.CloseStatus(err)
	}
	first, stays := connect(nodes[0], "twice", 1), connect(nodes[1], "twice", 5)
	alone := connect(nodes[2], "once", 1)
	if got := end(first); got != -1 {
		t.Errorf("a user with a connection on another node: Close %d, want none", got)
	}
	if got := end(alone); got != websocket.StatusNormalClosure {
		t.Errorf("a user with one connection: Close %d, want 1000", got)
	}
	if _, err := nodes[2].API.SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: aws.String("e")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, _, err := stays.Read(ctx); err != nil {
		t.Errorf("the connection that is left: %v", err)
	}
}
