package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"confab/internal/moderationops"
	"confab/internal/roomops"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

// TestModerationOverNodes moderates by all of three nodes, and asks each of them what was done.
func TestModerationOverNodes(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{})
	t.Run("a banned user gets in by no node", func(t *testing.T) { bansOverNodes(t, c) })
	t.Run("each node lists what was done by any", func(t *testing.T) { moderationLog(t, c) })
	t.Run("each node lists what came of messages by any", func(t *testing.T) { messageTraces(t, c) })
}

type members = map[string]any

// call calls an operation of ours on a node.
func call(t *testing.T, n *cluster.Node, operation string, in members, out any) {
	t.Helper()
	if err := process.Extension(t.Context(), n.Server().Endpoint, operation, in, out); err != nil {
		t.Fatal(err)
	}
}

func newRoom(t *testing.T, n *cluster.Node, tags map[string]string) string {
	t.Helper()
	room, err := n.Clients().API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	return *room.Arn
}

// lists waits until a list is as wanted. What nodes count and store behind an answer may be
// on its way.
func lists(t *testing.T, what string, want []string, list func() []string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := list()
		if slices.Equal(want, got) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s, want -, got +:\n%s", what, cmp.Diff(want, got))
			return
		}
	}
}

func moderationLog(t *testing.T, c *cluster.Cluster) {
	room, other := newRoom(t, c.Nodes[0], nil), newRoom(t, c.Nodes[1], nil)
	api := c.Clients()
	if _, err := api[2].API.DeleteMessage(t.Context(), &ivschat.DeleteMessageInput{RoomIdentifier: &room, Id: aws.String("AAAAAAAAAAAA"), Reason: aws.String("rude")}); err != nil {
		t.Fatal(err)
	}
	var ban moderationops.Ban
	call(t, c.Nodes[0], "CreateBan", members{"roomIdentifier": room, "userId": "bad", "type": "MUTE"}, &ban)
	call(t, c.Nodes[0], "UpdateRoomModes", members{"roomIdentifier": other, "slowMode": "5s"}, &struct{}{})
	call(t, c.Nodes[1], "UpdateRoomModes", members{"roomIdentifier": room, "slowMode": "5s"}, &struct{}{})
	if _, err := api[1].API.DisconnectUser(t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: &room, UserId: aws.String("bad")}); err != nil {
		t.Fatal(err)
	}
	call(t, c.Nodes[2], "DeleteBan", members{"id": ban.ID}, &struct{}{})
	want := []string{"DELETE_BAN bad", "DISCONNECT_USER bad", "UPDATE_ROOM_MODES ", "CREATE_BAN bad", "DELETE_MESSAGE "}
	ids := map[string]bool{}
	for i, n := range c.Nodes {
		lists(t, n.Name, want, func() (all []string) {
			in := members{"roomIdentifier": room, "maxResults": 2}
			for page := i; ; page++ { // Each page comes from another node.
				var out moderationops.ListModerationEventsOutput
				call(t, c.Nodes[page%3], "ListModerationEvents", in, &out)
				for _, e := range out.Events {
					all = append(all, e.Action+" "+aws.ToString(e.UserID))
					ids[e.ID] = true
				}
				if out.NextToken == nil {
					return all
				}
				in["nextToken"] = *out.NextToken
			}
		})
	}
	if len(ids) != len(want) {
		t.Errorf("the nodes list %d events, want the same %d", len(ids), len(want))
	}
}

// messageTraces sends in rooms that have their homes on any node.
func messageTraces(t *testing.T, c *cluster.Cluster) {
	nodes, decided := c.Clients(), map[string]bool{}
	for range 4 {
		room := newRoom(t, c.Nodes[0], map[string]string{"confab:slow-mode": "1h"})
		mute, eager := attend(t, nodes[0], room, "mute"), attend(t, nodes[1], room, "eager", types.ChatTokenCapabilitySendMessage)
		viewer := attend(t, nodes[2], room, "viewer")
		say := func(conn *websocket.Conn, frame string) {
			t.Helper()
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"Action": "SEND_MESSAGE", "Content": "hello"}`)); err != nil {
				t.Fatal(err)
			}
			read(t, conn, frame)
		}
		say(eager, `"hello"`)
		read(t, mute, `"hello"`)
		read(t, viewer, `"hello"`)
		say(eager, "Slow mode")
		say(mute, "403")
		say(viewer, "403")
		call(t, c.Nodes[2], "SendMessage", members{"roomIdentifier": room, "userId": "bot", "content": "hello"}, &struct{}{})
		for i, n := range c.Nodes {
			list := func(in members) (all []string) {
				in["roomIdentifier"], in["maxResults"] = room, 3
				for page := i; ; page++ {
					var out roomops.ListMessageTracesOutput
					call(t, c.Nodes[page%3], "ListMessageTraces", in, &out)
					for _, one := range out.Traces {
						decided[one.Node] = true
						all = append(all, fmt.Sprintf("%s %s %s %d %d", one.UserID, one.Result, one.Rule, one.ErrorCode, one.Deliveries))
					}
					if out.NextToken == nil {
						return all
					}
					in["nextToken"] = *out.NextToken
				}
			}
			want := []string{
				"bot DELIVERED  0 3", "viewer REFUSED capability 403 0", "mute REFUSED capability 403 0",
				"eager REFUSED slow-mode 429 0", "eager DELIVERED  0 3",
			}
			lists(t, n.Name, want, func() []string { return list(members{}) })
			lists(t, n.Name, want[3:4], func() []string { return list(members{"userId": "eager", "result": "REFUSED"}) })
		}
	}
	if len(decided) < 2 { // mute and viewer are on two.
		t.Errorf("decided by %v only", decided)
	}
}

// read reads the next frame, which contains a text.
func read(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	_, frame, err := conn.Read(t.Context())
	if err != nil || !strings.Contains(string(frame), text) {
		t.Fatalf("%s, %v, want %s", frame, err, text)
	}
}
