package logging

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"

	"confab/internal/awstest"
	"confab/internal/testbed/process"
)

// moto has S3, CloudWatch Logs and Firehose for all tests.
var moto *awstest.Server

func TestMain(m *testing.M) {
	var err error
	if moto, err = awstest.StartMoto(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	moto.Close()
	process.Exit(status)
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// soon are the intervals of tests that do not wait for company.
var soon = []string{"--s3-log-interval", "1s", "--log-flush-interval", "200ms"}

// server is a server that logs.
type server struct {
	*process.Server
	api *ivschat.Client
}

// options are those of a server that logs to the endpoints.
func options(dir, s3, others string, args ...string) process.Options {
	return process.Options{
		DataDir: dir,
		Args:    slices.Concat(process.NoConnectRates, args),
		Env: []string{
			"AWS_ACCESS_KEY_ID=" + awstest.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + awstest.SecretAccessKey,
			"AWS_ENDPOINT_URL_S3=" + s3, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + others, "AWS_ENDPOINT_URL_FIREHOSE=" + others,
		},
	}
}

// start starts a server that the end of the test stops.
func start(t testing.TB, o process.Options) *server {
	t.Helper()
	s := process.Serve(t, o)
	return &server{s, s.API()}
}

// must fails the test unless the call that it takes went well.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// configuration makes a logging configuration for the destination.
func (s *server) configuration(t testing.TB, d types.DestinationConfiguration) string {
	t.Helper()
	out := must(s.api.CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: d}))(t)
	if out.State != types.CreateLoggingConfigurationStateActive {
		t.Errorf("the new logging configuration is %s", out.State)
	}
	return *out.Arn
}

// room makes a room with the logging configurations.
func (s *server) room(t testing.TB, configurations ...string) string {
	t.Helper()
	return *must(s.api.CreateRoom(t.Context(), &ivschat.CreateRoomInput{
		LoggingConfigurationIdentifiers: configurations, MaximumMessageRatePerSecond: aws.Int32(100),
	}))(t).Arn
}

// frame is what a client receives.
type frame struct {
	Type, Id, RequestId string //nolint:staticcheck // The names of the frame.
	Content, SendTime   string
	ErrorCode           int
	ErrorMessage        string

	text string // all of it
}

// client is a connection to a room.
type client struct{ socket *websocket.Conn }

// join connects a user. Without t, for use beside a test.
func (s *server) join(ctx context.Context, room, user string) (*client, error) {
	socket, err := process.Join(ctx, s.api, s.WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: &room, UserId: &user})
	if err != nil {
		return nil, err
	}
	return &client{socket}, nil
}

// send sends a message.
func (c *client) send(ctx context.Context, content string) error {
	b, err := json.Marshal(map[string]string{"Action": "SEND_MESSAGE", "Content": content})
	if err != nil {
		return err
	}
	return c.socket.Write(ctx, websocket.MessageText, b)
}

// next returns the next frame.
func (c *client) next(ctx context.Context) (frame, error) {
	_, b, err := c.socket.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	f := frame{text: string(b)}
	return f, json.Unmarshal(b, &f)
}

// eventually waits until the condition holds.
func eventually(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", within, what)
		}
	}
}
