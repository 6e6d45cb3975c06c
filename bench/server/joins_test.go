package server

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

// BenchmarkJoins shows what a connection costs more that gets 50 messages of the room's
// history first, and what one costs in a room that keeps messages and gives none. The last
// column is the processor time beside that of a room without history.
func BenchmarkJoins(b *testing.B) {
	var plain float64
	for _, c := range []struct {
		name string
		tags map[string]string
	}{
		{"plain", nil},
		{"history, none on join", map[string]string{"confab:history": "24h"}},
		{"history, 50 on join", map[string]string{"confab:history": "24h", "confab:history-on-join": "50"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := start(b, process.Options{})
			room, err := s.api.CreateRoom(b.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100), Tags: c.tags})
			if err != nil {
				b.Fatal(err)
			}
			s.room = *room.Arn
			for i := range 50 {
				in := map[string]string{"roomIdentifier": s.room, "userId": "bot", "content": fmt.Sprintf("message %d of fifty, as long as most are in a chat", i)}
				if err := process.Extension(b.Context(), s.Endpoint, "SendMessage", in, &struct{}{}); err != nil {
					b.Fatal(err)
				}
			}
			cpu := s.connects(b)
			if c.tags == nil {
				plain = cpu
			}
			if plain > 0 {
				b.ReportMetric(cpu/plain, "×plain")
			}
		})
	}
}
