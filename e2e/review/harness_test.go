package review

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"

	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

const handlerARN = "arn:aws:lambda:us-west-2:123456789012:function:review"

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// server is a server with a handler behind handlerARN.
type server struct {
	*process.Server
	api *ivschat.Client
}

// start starts a server whose file says what stands behind handlerARN.
func start(t *testing.T, target string, o process.Options) *server {
	t.Helper()
	o.Args = append([]string{"--config", configure(t, target), "--review-timeout", "1s", "--connect-rate-per-user", "0"}, o.Args...)
	s := process.Serve(t, o)
	return &server{s, s.API()}
}

// configure writes a configuration file with one rule.
func configure(t *testing.T, target string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "confab.yaml")
	text := fmt.Sprintf("messageReviewHandlers:\n  %q: %q\n", "arn:aws:lambda:*:function:review", target)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// room makes a room; without a fallback result it has no handler.
func (s *server) room(t *testing.T, fallback types.FallbackResult) string {
	t.Helper()
	in := &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)}
	if fallback != "" {
		in.MessageReviewHandler = &types.MessageReviewHandler{Uri: aws.String(handlerARN), FallbackResult: fallback}
	}
	room, err := s.api.CreateRoom(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *room.Arn
}

// frame is what a client receives.
type frame struct {
	Type, Id, RequestId string //nolint:staticcheck // The names of the frame.
	Content             string
	Attributes          map[string]string
	ErrorCode           int
	ErrorMessage        string
}

// client is a user who is connected to a room.
type client struct {
	socket *websocket.Conn
	sent   int
}

func (s *server) join(t *testing.T, room, user string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, err := process.Join(ctx, s.api, s.WebSocket, &ivschat.CreateChatTokenInput{
		RoomIdentifier: &room, UserId: &user, Attributes: map[string]string{"role": "viewer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseNow() })
	return &client{socket: socket}
}

// send sends a message and returns its request id.
func (c *client) send(t *testing.T, content string, attributes map[string]string) string {
	t.Helper()
	c.sent++
	id := "request-" + strconv.Itoa(c.sent)
	b, err := json.Marshal(map[string]any{"Action": "SEND_MESSAGE", "RequestId": id, "Content": content, "Attributes": attributes})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.socket.Write(t.Context(), websocket.MessageText, b); err != nil {
		t.Fatal(err)
	}
	return id
}

// next returns the next frame.
func (c *client) next(t *testing.T) frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, b, err := c.socket.Read(ctx)
	if err != nil {
		t.Fatalf("no frame: %v", err)
	}
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return f
}

// ask sends a message and returns the frame that answers it.
func (c *client) ask(t *testing.T, content string) frame {
	t.Helper()
	id := c.send(t, content, nil)
	f := c.next(t)
	if f.RequestId != id {
		t.Fatalf("%q was answered with %+v, not with a frame of %s", content, f, id)
	}
	return f
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
