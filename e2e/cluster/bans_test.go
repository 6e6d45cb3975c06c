package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
)

// bansOverNodes bans a user who has connections on all nodes: each ends behind one
// event, and the user gets in by no node.
func bansOverNodes(t *testing.T, c *cluster.Cluster) {
	nodes := c.Clients()
	room, err := nodes[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	newToken := func(user string, can ...types.ChatTokenCapability) string {
		t.Helper()
		token, err := nodes[0].API.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: &user, Capabilities: can})
		if err != nil {
			t.Fatal(err)
		}
		return *token.Token
	}
	connect := func(n crowd.Node, token string) (*websocket.Conn, int) {
		t.Helper()
		//nolint:bodyclose // The library closes it itself.
		conn, answer, err := websocket.Dial(t.Context(), n.WebSocket, &websocket.DialOptions{Subprotocols: []string{token}, HTTPClient: &http.Client{}})
		if answer == nil {
			t.Fatal(err)
		}
		if conn != nil {
			t.Cleanup(func() { conn.CloseNow() })
		}
		return conn, answer.StatusCode
	}
	staff := newToken("moderator", types.ChatTokenCapabilityDisconnectUser)
	moderate := func(n crowd.Node, operation, members string) (id string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(n.WebSocket, "ws://", "http://", 1)+"/_confab/v1/"+operation, bytes.NewBufferString(members))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+staff)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var out struct {
			ID string `json:"id"`
		}
		if err := json.UnmarshalRead(answer.Body, &out); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", operation, answer.Status, err)
		}
		return out.ID
	}
	var sessions []*websocket.Conn
	for _, n := range nodes {
		conn, status := connect(n, newToken("bad"))
		if conn == nil {
			t.Fatalf("refused with %d", status)
		}
		sessions = append(sessions, conn)
	}
	id := moderate(nodes[1], "CreateBan", fmt.Sprintf(`{"roomIdentifier":%q,"userId":"bad","type":"BAN"}`, *room.Arn))
	answered := time.Now()
	for i, n := range nodes {
		if _, status := connect(n, newToken("bad")); status != http.StatusForbidden {
			t.Errorf("node %d answers a handshake with %d", i, status)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, conn := range sessions {
		_, frame, err := conn.Read(ctx)
		if err != nil || !bytes.Contains(frame, []byte("aws:DISCONNECT_USER")) {
			t.Errorf("node %d: %s, %v", i, frame, err)
			continue
		}
		if _, frame, err = conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("node %d: %s, %v, want Close 1000 behind one event", i, frame, err)
		}
	}
	t.Logf("the sessions ended within %s of the answer", time.Since(answered))
	moderate(nodes[2], "DeleteBan", fmt.Sprintf(`{"id":%q}`, id))
	for i, n := range nodes {
		if _, status := connect(n, newToken("bad")); status != http.StatusSwitchingProtocols {
			t.Errorf("node %d refuses with %d after the ban was lifted", i, status)
		}
	}
}
