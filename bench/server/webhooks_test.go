package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/go-json-experiment/json"

	"confab/internal/roomops"
	"confab/internal/testbed/process"
	"confab/internal/webhookops"
)

// startHooks starts a server that calls endpoints on this machine.
func startHooks(b *testing.B) *server {
	b.Helper()
	return start(b, process.Options{Args: []string{"--webhook-insecure", "--webhook-allow", "127.0.0.0/8"}})
}

// endpoint accepts every call and counts the events.
func endpoint(b *testing.B) (url string, told *atomic.Int64) {
	b.Helper()
	told = &atomic.Int64{}
	e := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var call struct {
			Data struct {
				Events []struct{} `json:"events"`
			} `json:"data"`
		}
		if err == nil {
			err = json.Unmarshal(body, &call)
		}
		if err != nil {
			b.Error(err)
		}
		told.Add(int64(len(call.Data.Events)))
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(e.Close)
	return e.URL, told
}

// hook makes a webhook for the messages of rooms, or of every room.
func (s *server) hook(b *testing.B, url string, rooms ...string) {
	b.Helper()
	in := webhookops.CreateWebhookInput{Name: aws.String("app"), URL: &url, Events: []string{"message.sent"}, RoomIdentifiers: rooms}
	if err := process.Extension(b.Context(), s.Endpoint, "CreateWebhook", in, &webhookops.Webhook{}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEvent shows what an event costs that goes to the one endpoint of a webhook: its
// record on the disk, the call, and the position of the reader. The processor time of a
// message by SendMessage without webhooks, in the same run, is taken off. b.N messages are
// sent as fast as the machine can, in one room and over 50 rooms.
func BenchmarkEvent(b *testing.B) {
	for _, rooms := range []int{1, 50} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			s := startHooks(b)
			arns := make([]string, rooms)
			for i := range arns {
				arns[i] = s.newRoom(b)
			}
			send := func(i int) error {
				in := roomops.SendMessageInput{RoomIdentifier: &arns[i%rooms], UserID: aws.String("bot"), Content: aws.String("hello, what a game")}
				return process.Extension(b.Context(), s.Endpoint, "SendMessage", in, &roomops.SendMessageOutput{})
			}
			plain := s.measure(b, send)
			url, told := endpoint(b)
			s.hook(b, url)
			before, err := s.CPU()
			if err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			s.measure(b, send)
			for told.Load() < int64(b.N) {
				if time.Since(began) > 10*time.Minute {
					b.Fatalf("%d events of %d were told", told.Load(), b.N)
				}
				time.Sleep(10 * time.Millisecond)
			}
			after, err := s.CPU()
			if err != nil {
				b.Fatal(err)
			}
			event := (after-before).Seconds()*1e6/float64(b.N) - plain
			b.ReportMetric(plain, "plain-µs")
			b.ReportMetric(event, "event-µs")
			b.ReportMetric(1e6/event, "events/s/core")
		})
	}
}

// BenchmarkDead shows whether live delivery waits for webhooks: 1,000 messages a second over
// 100 rooms of 10, of which each has a webhook of its own. Half of the endpoints are dead: 25
// refuse connections, and 25 never answer. The rounds without and with webhooks take turns, so
// that the state of the machine changes both alike.
func BenchmarkDead(b *testing.B) {
	hang := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer hangs.Close()
	defer close(hang)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	closed.Close()
	works, told := endpoint(b)
	for round := range 2 {
		b.Run(fmt.Sprintf("round=%d/none", round+1), func(b *testing.B) {
			startHooks(b).crowds(b, &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
		})
		b.Run(fmt.Sprintf("round=%d/webhooks=100", round+1), func(b *testing.B) {
			s := startHooks(b)
			told.Store(0)
			s.crowdsIn(b, &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)}, func(rooms []*string) {
				for i, room := range rooms {
					url := works
					switch i % 4 {
					case 1:
						url = hangs.URL
					case 3:
						url = "http://" + closed.Addr().String()
					}
					s.hook(b, url, *room)
				}
			})
			if told.Load() == 0 {
				b.Error("the endpoints that work were told nothing")
			}
			b.ReportMetric(float64(told.Load()), "events")
		})
	}
}
