package review

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"

	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) {
	status := m.Run()
	process.Remove()
	os.Exit(status)
}

const handlerARN = "arn:aws:lambda:us-west-2:123456789012:function:review"

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// world is a server with a handler behind handlerARN.
type world struct {
	*process.Server
	api *ivschat.Client
}

// start starts a server whose file says what stands behind handlerARN.
func start(t *testing.T, target string, o process.Options) *world {
	t.Helper()
	o.Args = append([]string{"--config", configure(t, target), "--review-timeout", "1s", "--connect-rate-per-user", "0"}, o.Args...)
	s := process.Serve(t, o)
	return &world{s, s.API()}
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
func (w *world) room(t *testing.T, fallback types.FallbackResult) string {
	t.Helper()
	in := &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)}
	if fallback != "" {
		in.MessageReviewHandler = &types.MessageReviewHandler{Uri: aws.String(handlerARN), FallbackResult: fallback}
	}
	room, err := w.api.CreateRoom(t.Context(), in)
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

func (w *world) join(t *testing.T, room, user string) *client {
	t.Helper()
	token, err := w.api.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
		RoomIdentifier: &room, UserId: &user, Attributes: map[string]string{"role": "viewer"},
		Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	//nolint:bodyclose // The library closes the response of a handshake.
	socket, _, err := websocket.Dial(ctx, w.WebSocket, &websocket.DialOptions{Subprotocols: []string{*token.Token}})
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

var adminAddress = regexp.MustCompile(`"admin_address":"([^"]+)"`)

// metric returns a counter of the server.
func (w *world) metric(t *testing.T, name string) float64 {
	t.Helper()
	address := adminAddress.FindStringSubmatch(w.Log())
	if address == nil {
		t.Fatal("the log does not say where the admin port is")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address[1]+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(io.LimitReader(res.Body, 10<<20))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}
