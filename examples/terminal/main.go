// Command terminal is a chat in a terminal: it sends the lines of standard input
// to a room and prints what the room delivers.
//
//	go run ./examples/terminal -as ann
//
// It is an ordinary Amazon IVS Chat application. The AWS SDK takes the region, the credentials
// and the endpoint from the environment. Nothing here is specific to Confab.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/uuid"
)

func main() {
	as := flag.String("as", "ann", "user id to chat as")
	room := flag.String("room", "demo", "name of the room")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := chat(ctx, *room, *as, os.Stdin, os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "terminal:", err)
		os.Exit(1)
	}
}

// chat joins the room and returns when in has ended and the room has answered
// its last line.
func chat(ctx context.Context, room, userID string, in io.Reader, out io.Writer) error {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	token, err := createToken(ctx, ivschat.NewFromConfig(cfg), room, userID)
	if err != nil {
		return err
	}
	// The chat token travels as the WebSocket subprotocol.
	conn, _, err := websocket.Dial(ctx, messagingURL(cfg), &websocket.DialOptions{Subprotocols: []string{token}})
	if err != nil {
		return err
	}
	defer conn.CloseNow()

	// One request is pending at a time, so one place is enough.
	session, answered, lost := uuid.NewString(), make(chan string, 1), make(chan error, 1)
	go func() { lost <- receive(ctx, conn, session, answered, out) }()
	lines := bufio.NewScanner(in)
	for n := 0; lines.Scan(); n++ {
		request := map[string]string{
			"Action": "SEND_MESSAGE", "Content": lines.Text(), "RequestId": fmt.Sprintf("%s %d", session, n),
		}
		if err := wsjson.Write(ctx, conn, request); err != nil {
			return err
		}
		select {
		case <-answered:
		case err := <-lost:
			return err
		}
	}
	return errors.Join(lines.Err(), conn.Close(websocket.StatusNormalClosure, ""))
}

// frame has the members of a MESSAGE, an EVENT or an ERROR that are printed.
type frame struct {
	Type, RequestID, Content, EventName, ErrorMessage string
	Attributes                                        map[string]string
	Sender                                            struct{ UserID string }
}

// receive prints every frame, and reports the answers to this session's requests.
func receive(ctx context.Context, conn *websocket.Conn, session string, answered chan<- string, out io.Writer) error {
	for {
		var f frame
		if err := wsjson.Read(ctx, conn, &f); err != nil {
			return err
		}
		switch f.Type {
		case "MESSAGE":
			fmt.Fprintf(out, "%s: %s\n", f.Sender.UserID, f.Content)
		case "EVENT":
			attributes, _ := json.Marshal(f.Attributes) //nolint:errchkjson // A map of strings can be encoded.
			fmt.Fprintf(out, "* %s %s\n", f.EventName, attributes)
		case "ERROR":
			fmt.Fprintf(out, "! %s\n", f.ErrorMessage)
		}
		if strings.HasPrefix(f.RequestID, session) {
			answered <- f.RequestID
		}
	}
}

// createToken asks for a chat token of the room with that name.
func createToken(ctx context.Context, api *ivschat.Client, name, userID string) (string, error) {
	rooms, err := api.ListRooms(ctx, &ivschat.ListRoomsInput{Name: &name})
	if err != nil {
		return "", err
	}
	if len(rooms.Rooms) == 0 {
		return "", fmt.Errorf("there is no room named %q; aws ivschat create-room --name %s makes it", name, name)
	}
	out, err := api.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: rooms.Rooms[0].Arn, UserId: &userID,
		Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		return "", err
	}
	return *out.Token, nil
}

// messagingURL is where sessions connect: beside the API on a server of one's
// own, at the region's messaging endpoint on AWS.
func messagingURL(cfg aws.Config) string {
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_IVSCHAT"); endpoint != "" {
		return "ws" + strings.TrimPrefix(endpoint, "http")
	}
	return "wss://edge.ivschat." + cfg.Region + ".amazonaws.com"
}
