package clients

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

func newRoom(t *testing.T, s *process.Server) string {
	t.Helper()
	room, err := s.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	return *room.Arn
}

// TestRestart restarts the server behind a socket that another process holds, as systemd
// does: official clients come back within a second each time, none gives up, and no call
// of the API fails or takes longer.
func TestRestart(t *testing.T) {
	options := process.Options{DataDir: t.TempDir(), Listener: listen(t), Args: process.NoConnectRates}
	s := process.Serve(t, options)
	room := newRoom(t, s)
	c := official.Start(t, append(official.Environment(s.Endpoint, s.WebSocket), official.Impatient), room, crowd)
	c.Chat(t, "before")
	api := s.API()
	calls := callAPI(t, func(ctx context.Context) error {
		_, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &room})
		return err
	})
	for _, restart := range []struct {
		name string
		end  func(s *process.Server) error
	}{
		{"SIGTERM", (*process.Server).Stop},
		{"kill -9", (*process.Server).Kill},
		{"SIGTERM again", (*process.Server).Stop},
	} {
		process.Within(t, mostAway, func() time.Duration {
			if err := restart.end(s); err != nil {
				t.Fatal(err)
			}
			s = process.Serve(t, options)
			return back(t, c, calls, restart.name)
		})
	}
}
