package cluster

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

// BenchmarkJoins shows what a connection to one of three nodes costs more that gets 50 messages of
// the room's history first: processor time of all nodes for each handshake, with the token that is
// spent. The last column is the processor time beside that of a room without history.
func BenchmarkJoins(b *testing.B) {
	for _, build := range builds() {
		var plain float64
		for _, c := range []struct {
			name string
			tags map[string]string
		}{
			{"plain", nil},
			{"history, 50 on join", map[string]string{"confab:history": "24h", "confab:history-on-join": "50"}},
		} {
			b.Run(c.name+"/"+build.name, func(b *testing.B) {
				cpu := benchmarkJoins(b, build.path, c.tags)
				if c.tags == nil {
					plain = cpu
				}
				if plain > 0 {
					b.ReportMetric(cpu/plain, "×plain")
				}
			})
		}
	}
}

func benchmarkJoins(b *testing.B, binary string, tags map[string]string) (each float64) {
	c := benchmarkCluster(b, binary, 3, "--connect-rate", "0")
	nodes := c.Clients()
	room, err := nodes[0].API.CreateRoom(b.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100), Tags: tags})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 50 {
		in := map[string]string{"roomIdentifier": *room.Arn, "userId": "bot", "content": fmt.Sprintf("message %d of fifty, as long as most are in a chat", i)}
		if err := process.Extension(b.Context(), c.Nodes[0].Server().Endpoint, "SendMessage", in, &struct{}{}); err != nil {
			b.Fatal(err)
		}
	}
	tokens := make([]string, b.N)
	parallel(b, func(i int) error {
		out, err := nodes[i%len(nodes)].API.CreateChatToken(b.Context(), &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: aws.String(fmt.Sprint("user-", i))})
		if err == nil {
			tokens[i] = *out.Token
		}
		return err
	})
	conns := make([]socket, b.N)
	before := c.CPU(b)
	b.ResetTimer()
	parallel(b, func(i int) (err error) {
		conns[i], err = join(nodes[i%len(nodes)], tokens[i])
		return err
	})
	b.StopTimer()
	each = (c.CPU(b) - before).Seconds() * 1e6 / float64(b.N)
	for _, conn := range conns {
		conn.Close()
	}
	b.ReportMetric(each, "nodes-cpu-µs/op")
	return each
}
