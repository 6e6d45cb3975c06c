package notify_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"confab/internal/chat"
	"confab/internal/store"
	"confab/internal/webhook"
)

// BenchmarkDeliver is the processor time that an event costs on its way to one endpoint: its
// record in the transcript, the call, and the position of the reader. The endpoint is in the
// same process, and its time is included. b.N events come at 5,000 a second, from one room and
// from 50.
func BenchmarkDeliver(b *testing.B) {
	for _, rooms := range []int{1, 50} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			s := start(b, store.Options{
				Dir: filepath.Join(b.TempDir(), "data"), SecretKey: bytes.Repeat([]byte{7}, store.SecretKeySize), Region: "us-west-2", Account: "123456789012",
			})
			var told, calls atomic.Int64
			endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					b.Error(err)
				}
				calls.Add(1)
				told.Add(int64(bytes.Count(body, []byte(`"type":"message.sent"`))))
				w.WriteHeader(http.StatusNoContent)
			}))
			defer endpoint.Close()
			h := &webhook.Hook{Name: "app", URL: endpoint.URL, Events: []webhook.EventType{webhook.MessageSent}}
			if err := s.Webhooks.Create(b.Context(), h); err != nil {
				b.Fatal(err)
			}
			all := make([]*chat.Room, rooms)
			for i := range all {
				all[i] = s.room(b, nil)
			}
			const every, burst = 10 * time.Millisecond, 50
			before := processorTime(b)
			b.ResetTimer()
			began := time.Now()
			var stored <-chan struct{}
			for i := range b.N {
				if i%burst == 0 {
					time.Sleep(time.Until(began.Add(time.Duration(i/burst) * every)))
				}
				room := all[i%rooms]
				m := chat.Message{ID: chat.NewID(), Content: "hello, what a game", SendTime: time.Now(), UserID: "ann"}
				stored = s.Transcript().Append(&chat.Frame{
					RoomID: room.ARN.ID, ID: m.ID, Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: m.SendTime, JSON: m.AppendJSON(nil),
					Webhooks: s.Webhooks.For(room, chat.ActionSendMessage),
				})
			}
			<-stored
			for told.Load() < int64(b.N) {
				if time.Since(began) > 5*time.Minute {
					b.Fatalf("%d events of %d were told", told.Load(), b.N)
				}
				time.Sleep(time.Millisecond)
			}
			each := (processorTime(b) - before).Seconds() / float64(b.N)
			b.StopTimer()
			b.ReportMetric(each*1e6, "cpu-µs/event")
			b.ReportMetric(1/each, "events/s/core")
			b.ReportMetric(float64(b.N)/float64(calls.Load()), "events/call")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
