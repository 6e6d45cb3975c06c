package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/coder/websocket"

	"confab/internal/testbed/process"
)

const (
	// senders are connections, each alone in a room, so that a message is
	// delivered once and what is compared is the way to there.
	senders = 48
	// sendEvery is the pace of one sender, below the ten messages a second that
	// the service allows a connection.
	sendEvery = 120 * time.Millisecond

	handlerARN = "arn:aws:lambda:us-west-2:123456789012:function:review"
)

// BenchmarkMessage shows what message review and chat logging add to a message:
// processor time of the server, and the time until its sender has it back. The
// handler answers at once, and the destination takes everything. The last
// column of each line is the processor time beside that of a plain message.
func BenchmarkMessage(b *testing.B) {
	var plain float64
	for _, c := range []struct {
		name             string
		reviewed, logged bool
	}{
		{"plain", false, false},
		{"reviewed", true, false},
		{"logged", false, true},
		{"reviewed and logged", true, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := startMessages(b, "--log-flush-interval", "1s") // A run is shorter than the default.
			in := &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)}
			if c.reviewed {
				in.MessageReviewHandler = &types.MessageReviewHandler{Uri: aws.String(handlerARN), FallbackResult: types.FallbackResultDeny}
			}
			if c.logged {
				in.LoggingConfigurationIdentifiers = []string{s.logs(b)}
			}
			cpu := s.messages(b, in)
			if !c.reviewed && !c.logged {
				plain = cpu
			}
			if plain > 0 {
				b.ReportMetric(cpu/plain, "×plain")
			}
		})
	}
}

// logs makes a logging configuration and returns its ARN.
func (s *server) logs(b *testing.B) string {
	b.Helper()
	l, err := s.api.CreateLoggingConfiguration(b.Context(), &ivschat.CreateLoggingConfigurationInput{
		DestinationConfiguration: &types.DestinationConfigurationMemberCloudWatchLogs{
			Value: types.CloudWatchLogsDestinationConfiguration{LogGroupName: aws.String("chat")},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return *l.Arn
}

// startMessages starts a server with a handler and a destination in this process.
func startMessages(b *testing.B, args ...string) *server {
	b.Helper()
	logged := &atomic.Int64{}
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if r.URL.Path == "/review" {
			_, _ = io.WriteString(w, `{"ReviewResult":"ALLOW","Content":"hello"}`)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, "{}")
		logged.Add(int64(bytes.Count(body, []byte(`"timestamp":`))))
	}))
	b.Cleanup(answers.Close)
	file := filepath.Join(b.TempDir(), "confab.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "messageReviewHandlers: {%q: %q}\n", "*", answers.URL+"/review"), 0o600); err != nil {
		b.Fatal(err)
	}
	s := start(b, process.Options{
		Args: append([]string{"--config", file, "--review-timeout", "5s"}, args...),
		Env:  []string{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + answers.URL},
	})
	s.logged = logged
	return s
}

// messages has all senders send b.N messages in all, reports what they cost and
// returns the processor time of each in µs.
func (s *server) messages(b *testing.B, in *ivschat.CreateRoomInput) float64 {
	b.Helper()
	sockets := make([]*websocket.Conn, senders)
	for i := range sockets {
		room, err := s.api.CreateRoom(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		if sockets[i], err = process.Join(b.Context(), s.api, s.WebSocket, &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: aws.String("ann")}); err != nil {
			b.Fatal(err)
		}
		defer sockets[i].CloseNow()
	}
	before, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	took := make([][]time.Duration, senders)
	var all sync.WaitGroup
	b.ResetTimer()
	for i, socket := range sockets {
		all.Go(func() {
			n := b.N / senders
			if i < b.N%senders {
				n++
			}
			// The senders do not send together.
			time.Sleep(sendEvery * time.Duration(i) / senders)
			tick := time.NewTicker(sendEvery)
			defer tick.Stop()
			for range n {
				<-tick.C
				began := time.Now()
				if err := roundTrip(b.Context(), socket); err != nil {
					b.Error(err)
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	all.Wait()
	b.StopTimer()
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

// roundTrip sends a message and waits until it is back.
func roundTrip(ctx context.Context, socket *websocket.Conn) error {
	if err := socket.Write(ctx, websocket.MessageText, []byte(`{"Action":"SEND_MESSAGE","Content":"hello"}`)); err != nil {
		return err
	}
	_, text, err := socket.Read(ctx)
	if err != nil {
		return err
	}
	var f struct{ Type string }
	if err := json.Unmarshal(text, &f); err != nil || f.Type != "MESSAGE" {
		return fmt.Errorf("got %s (%w)", text, err)
	}
	return nil
}
