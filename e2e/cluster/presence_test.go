package cluster_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"

	"confab/internal/roomops"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/process"
)

// viewer is a connection to a room that pushes who is there.
type viewer struct {
	conn   *websocket.Conn
	counts chan string // of confab:VIEWERS, as "users/connections"
	left   chan string // the ids of confab:LEFT
}

// watch connects a user to the room by a node.
func watch(t *testing.T, n crowd.Node, room, user string) *viewer {
	t.Helper()
	v := &viewer{conn: attend(t, n, room, user), counts: make(chan string, 1000), left: make(chan string, 1000)}
	go v.read()
	return v
}

// attend opens a connection. As long as nothing reads from it, no Ping is answered, as when its
// client has vanished.
func attend(t *testing.T, n crowd.Node, room, user string, can ...types.ChatTokenCapability) *websocket.Conn {
	t.Helper()
	token, err := n.API.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: &room, UserId: &user, Capabilities: can})
	if err != nil {
		t.Fatal(err)
	}
	//nolint:bodyclose // The library closes it itself.
	conn, _, err := websocket.Dial(t.Context(), n.WebSocket, &websocket.DialOptions{Subprotocols: []string{*token.Token}, HTTPClient: &http.Client{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func (v *viewer) read() {
	defer close(v.counts)
	for {
		_, b, err := v.conn.Read(context.Background())
		if err != nil {
			return
		}
		var e struct {
			EventName  string
			Attributes struct{ Users, Connections, UserIds string }
		}
		if json.Unmarshal(b, &e) != nil {
			return
		}
		switch e.EventName {
		case "confab:VIEWERS":
			v.counts <- e.Attributes.Users + "/" + e.Attributes.Connections
		case "confab:LEFT":
			v.left <- e.Attributes.UserIds
		}
	}
}

// wait reads counts until the wanted one comes, and returns those before it.
func (v *viewer) wait(t *testing.T, want string) (before []string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case got, ok := <-v.counts:
			if got == want {
				return before
			}
			if before = append(before, got); !ok {
				t.Fatalf("the connection ended after %v, before %s", before, want)
			}
		case <-late:
			t.Fatalf("no count of %s within 30s, but %v", want, before)
		}
	}
}

// TestPresenceOverNodes counts the viewers of a room on three nodes, while one of them moves
// between nodes, while a node is killed, and while a client vanishes in another room.
func TestPresenceOverNodes(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{Args: []string{"--presence-interval", "500ms"}})
	nodes := c.Clients()
	created, err := nodes[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: map[string]string{"confab:presence": "full"}})
	if err != nil {
		t.Fatal(err)
	}
	room := aws.ToString(created.Arn)
	// With catch-up, a client that confirms no message for 10 s is gone; else it takes 30 s.
	created, err = nodes[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: map[string]string{"confab:presence": "count", "confab:catch-up": "1m"}})
	if err != nil {
		t.Fatal(err)
	}
	quiet := aws.ToString(created.Arn)
	onlooker := watch(t, nodes[0], quiet, "onlooker")
	attend(t, nodes[1], quiet, "vanished")
	onlooker.wait(t, "2/2")
	call(t, c.Nodes[0], "SendMessage", members{"roomIdentifier": quiet, "userId": "bot", "content": "hello"}, &struct{}{})
	all := []*viewer{watch(t, nodes[0], room, "ann"), watch(t, nodes[1], room, "bob"), watch(t, nodes[2], room, "eve")}
	last := watch(t, nodes[2], room, "roamer")
	if got := last.wait(t, "4/4"); len(got) != 0 {
		t.Errorf("the last one was told %v first", got)
	}
	for _, v := range all {
		v.wait(t, "4/4")
	}
	// A client that refreshes its token opens the next connection first.
	for i := range 12 {
		next := watch(t, nodes[i%3], room, "roamer")
		last.conn.CloseNow()
		last = next
		time.Sleep(300 * time.Millisecond)
	}
	joe := watch(t, nodes[0], room, "joe") // On the other nodes than the last connection of roamer.
	for _, v := range all {
		for _, before := range v.wait(t, "5/5") {
			if !strings.HasPrefix(before, "4/") && !strings.HasPrefix(before, "5/") {
				t.Errorf("told %s during refreshes", before)
			}
		}
	}
	if err := c.Nodes[2].Kill(); err != nil { // eve and roamer are there.
		t.Fatal(err)
	}
	for _, v := range []*viewer{all[0], all[1], joe} {
		v.wait(t, "3/3")
	}
	var left []string
	for late := time.After(30 * time.Second); len(left) < 2; {
		select {
		case ids := <-all[0].left:
			var some []string
			if err := json.Unmarshal([]byte(ids), &some); err != nil {
				t.Fatal(err)
			}
			left = append(left, some...)
		case <-late:
			t.Fatalf("left: %v", left)
		}
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{"eve", "roamer"}) {
		t.Errorf("left: %v", left)
	}
	again := watch(t, nodes[1], room, "eve")
	again.wait(t, "4/4")
	onlooker.wait(t, "1/1")
	var counted roomops.GetRoomPresenceOutput
	if err := process.Extension(t.Context(), c.Nodes[0].Server().Endpoint, "GetRoomPresence", map[string]string{"roomIdentifier": quiet}, &counted); err != nil {
		t.Fatal(err)
	}
	if counted.Users != 1 || counted.Connections != 1 {
		t.Errorf("GetRoomPresence: %+v", counted)
	}
}
