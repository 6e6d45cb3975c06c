package cluster_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"
	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// TestHomeUnreachable has nodes whose NATS lets everything pass but questions to
// a room's home, as missing permissions do: a client on another
// node gets ERROR 500, keeps its session and receives the frames of the room, and is served when
// the permissions are mended.
func TestHomeUnreachable(t *testing.T) {
	t.Parallel()
	// The nodes come without credentials and so are this user.
	permissions := func(denied ...string) *server.Options {
		return &server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, NoAuthUser: "confab",
			Users: []*server.User{{Username: "confab", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{">"}, Deny: denied}}}},
		}
	}
	nats, err := server.NewServer(permissions("confab.*.node.*.do"))
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(nats.Shutdown)
	if !nats.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	c := cluster.Serve(t, cluster.Options{Nodes: 2, Database: pgtest.Shared(t).Database(t), NATS: nats.ClientURL()})
	here, there := c.Nodes[0].Clients(), c.Nodes[1].Clients()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	// Half of the rooms have their home on the other node.
	const rooms = 16
	clients := make([]*chatter, rooms)
	for i := range clients {
		room, err := here.API.CreateRoom(ctx, &ivschat.CreateRoomInput{})
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = join(ctx, t, here, *room.Arn)
		clients[i].write(ctx, t, `{"Action":"SEND_MESSAGE","RequestId":"lost","Content":"x"}`)
	}
	refusal := regexp.MustCompile(`^{"Type":"ERROR","Id":"[a-zA-Z0-9]{12}","RequestId":"lost","ErrorCode":500,"ErrorMessage":"The room cannot be reached right now; try again"}$`)
	message := regexp.MustCompile(`^{"Type":"MESSAGE","Id":"[a-zA-Z0-9]{12}","RequestId":"lost",`)
	var client *chatter
	for _, c := range clients {
		switch f := c.read(ctx, t); {
		case refusal.MatchString(f):
			client = c
		case !message.MatchString(f):
			t.Errorf("frame %s, want the message or ERROR 500", f)
		}
	}
	if client == nil {
		t.Fatalf("none of %d rooms has its home on the other node", rooms)
	}
	other := join(ctx, t, there, client.room)
	other.write(ctx, t, `{"Action":"SEND_MESSAGE","RequestId":"home","Content":"x"}`)
	if own, received := other.read(ctx, t), client.read(ctx, t); own != received || !regexp.MustCompile(`"RequestId":"home"`).MatchString(own) {
		t.Errorf("the client at the home received %s, the other one %s", own, received)
	}
	sdk := official.Start(t, official.Environment("http"+strings.TrimPrefix(here.WebSocket, "ws"), here.WebSocket), client.room, 1)
	if got, want := sdk.Refused(t, "x"), (official.Refusal{ErrorCode: 500, ErrorMessage: "The room cannot be reached right now; try again"}); got != want {
		t.Errorf("an official client rejects the message with %+v, want %+v", got, want)
	}
	if err := nats.ReloadOptions(permissions()); err != nil {
		t.Fatal(err)
	}
	client.write(ctx, t, `{"Action":"SEND_MESSAGE","RequestId":"mended","Content":"x"}`)
	if f := client.read(ctx, t); !regexp.MustCompile(`^{"Type":"MESSAGE",.*"RequestId":"mended"`).MatchString(f) {
		t.Errorf("with the permissions mended came %s", f)
	}
	sdk.Chat(t, "mended, too")
}

// chatter is a client that may send messages, of another implementation of
// WebSocket than the server's.
type chatter struct {
	room string
	conn *websocket.Conn
}

func join(ctx context.Context, t *testing.T, node crowd.Node, room string) *chatter {
	t.Helper()
	conn, err := process.Join(ctx, node.API, node.WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: &room, UserId: aws.String("ann")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return &chatter{room, conn}
}

func (c *chatter) write(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	if err := c.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func (c *chatter) read(ctx context.Context, t *testing.T) string {
	t.Helper()
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
