package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/testbed/process"
)

const (
	keptRooms   = 100
	keptMembers = 10 // of each room; each sends once a second
)

// BenchmarkKept shows what a message costs more that is kept, for the history or for
// chat logging, at 1,000 messages a second over 100 rooms of 10: processor time of the
// server for a message and its ten deliveries, and the time until they are there. The
// processor time is taken when all logs are delivered, with the default interval. The last
// column is the processor time beside that of a plain message.
func BenchmarkKept(b *testing.B) {
	var plain float64
	for _, c := range []struct {
		name         string
		kept, logged bool
	}{
		{"plain", false, false},
		{"history", true, false},
		{"logged", false, true},
		{"history and logged", true, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := startMessages(b, "--log-level", "info") // The log says where the metrics are.
			in := &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)}
			if c.kept {
				in.Tags = map[string]string{"confab:history": "24h"}
			}
			if c.logged {
				in.LoggingConfigurationIdentifiers = []string{s.logs(b)}
			}
			cpu := s.crowdsIn(b, in, func([]*string) {}, func() {
				if c.logged {
					s.awaitLogs(b, b.N)
				}
			})
			if !c.kept && !c.logged {
				plain = cpu
			}
			if plain > 0 {
				b.ReportMetric(cpu/plain, "×plain")
			}
		})
	}
}

// crowds has the members of all rooms send b.N messages in all, reports what they cost
// and returns the processor time of each in µs.
func (s *server) crowds(b *testing.B, in *ivschat.CreateRoomInput) float64 {
	b.Helper()
	return s.crowdsIn(b, in, func([]*string) {}, func() {})
}

// crowdsIn is crowds that calls prepare with the ARNs of the rooms before anyone joins, and
// settle after the last message, before the processor time is taken.
func (s *server) crowdsIn(b *testing.B, in *ivschat.CreateRoomInput, prepare func(rooms []*string), settle func()) float64 {
	b.Helper()
	rooms := make([]*string, keptRooms)
	for i := range rooms {
		room, err := s.api.CreateRoom(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		rooms[i] = room.Arn
	}
	prepare(rooms)
	var members []*websocket.Conn // those of different rooms side by side
	for i := range keptMembers {
		for _, room := range rooms {
			socket, err := process.Join(b.Context(), s.api, s.WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: room, UserId: aws.String(fmt.Sprint("user-", i))})
			if err != nil {
				b.Fatal(err)
			}
			defer socket.CloseNow()
			members = append(members, socket)
		}
	}
	ctx, stop := context.WithCancel(b.Context())
	took := make([][]time.Duration, len(members))
	var readers, senders sync.WaitGroup
	for i, socket := range members {
		readers.Go(func() {
			for n := (b.N / keptRooms) - 1; n > 0; n-- { // The last ones may come late.
				_, text, err := socket.Read(ctx)
				if err != nil {
					return
				}
				took[i] = append(took[i], age(text))
			}
		})
	}
	before, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began := time.Now()
	for i, socket := range members {
		senders.Go(func() {
			for n := i; n < b.N; n += len(members) {
				// Message n of all is sent after n milliseconds.
				time.Sleep(time.Until(began.Add(time.Duration(n) * time.Millisecond)))
				text := fmt.Appendf(nil, `{"Action":"SEND_MESSAGE","Content":"hello, at %d, what a game"}`, time.Now().UnixNano())
				if err := socket.Write(ctx, websocket.MessageText, text); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
	readers.Wait()
	b.StopTimer()
	stop()
	settle()
	after, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	sorted := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(sorted) == 0 {
		return 0
	}
	cpu := (after - before).Seconds() * 1e6 / float64(b.N)
	b.ReportMetric(cpu, "server-cpu-µs/op")
	b.ReportMetric(float64(sorted[len(sorted)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(sorted[len(sorted)*99/100].Microseconds()), "p99-µs")
	return cpu
}

// awaitLogs waits until destinations have n records, and the server knows that they have. The
// server is not asked before, because an answer of its metrics costs as much as many records.
func (s *server) awaitLogs(b *testing.B, n int) {
	b.Helper()
	deadline := time.Now().Add(time.Minute)
	for ; s.logged.Load() < int64(n); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d records were delivered within a minute", s.logged.Load(), n)
		}
	}
	for time.Sleep(200 * time.Millisecond); ; time.Sleep(200 * time.Millisecond) {
		delivered := s.Metric(b, `confab_log_records_total{destination="cloudWatchLogs"}`)
		if delivered >= float64(n) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%.0f of %d records count as delivered", delivered, n)
		}
	}
}

// age is the time since the message was sent.
func age(text []byte) time.Duration {
	_, at, _ := bytes.Cut(text, []byte("hello, at "))
	at, _, _ = bytes.Cut(at, []byte(","))
	sent, err := strconv.ParseInt(string(at), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - sent)
}
