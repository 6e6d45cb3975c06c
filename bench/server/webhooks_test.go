package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/go-json-experiment/json"

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
			}, func() {})
			// A benchmark begins with a run of one message, which ends before its event is told.
			if b.N > 1 && told.Load() == 0 {
				b.Error("the endpoints that work were told nothing")
			}
			b.ReportMetric(float64(told.Load()), "events")
		})
	}
}
