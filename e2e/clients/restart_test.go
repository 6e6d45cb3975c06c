package clients

import (
	"testing"

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

// TestRestart restarts the server behind a socket that somebody else holds, as
// systemd does: official clients come back each time and none gives up.
func TestRestart(t *testing.T) {
	t.Parallel()
	const clients = 20
	options := process.Options{DataDir: t.TempDir(), Listener: listen(t), Args: process.NoConnectRates}
	s := process.Serve(t, options)
	c := official.Start(t, official.Environment(s.Endpoint, s.WebSocket), newRoom(t, s), clients)
	c.Chat(t, "before")
	for _, restart := range []struct {
		name string
		end  func(s *process.Server) error
	}{
		{"SIGTERM", (*process.Server).Stop},
		{"kill -9", (*process.Server).Kill},
		{"SIGTERM again", (*process.Server).Stop},
	} {
		if !t.Run(restart.name, func(t *testing.T) {
			if err := restart.end(s); err != nil {
				t.Fatal(err)
			}
		}) {
			return
		}
		s = process.Serve(t, options)
		c.AllConnectAgain(t)
		c.Chat(t, restart.name)
	}
}
