package chatlog_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
)

// jsonService answers the calls to an AWS JSON service.
func jsonService(t testing.TB, answer func(operation string, in map[string]any) (status int, out any)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var in map[string]any
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		status, out := answer(operation, in)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestPartialFailures has services that accept a part of a call: only the rest is sent
// again.
func TestPartialFailures(t *testing.T) {
	t.Parallel()
	t.Run("FailedPutCount", func(t *testing.T) {
		got := make(chan string, 1000)
		var calls atomic.Int64
		endpoint := jsonService(t, func(_ string, in map[string]any) (int, any) {
			n := calls.Add(1)
			var answers []map[string]any
			failed := 0
			for i, r := range in["Records"].([]any) {
				if n < 4 && (i+int(n))%3 == 0 {
					failed++
					answers = append(answers, map[string]any{"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
					continue
				}
				got <- r.(map[string]any)["Data"].(string)
				answers = append(answers, map[string]any{"RecordId": fmt.Sprint(i)})
			}
			return http.StatusOK, map[string]any{"FailedPutCount": failed, "RequestResponses": answers}
		})
		b := newBench(t)
		arn := b.configuration(chat.Destination{Type: chat.Firehose, Name: "stream"})
		for i := range 5 {
			b.append(fmt.Sprintf("room0000000%d", i), 30, arn)
		}
		b.start(endpoint)
		b.delivered()
		b.finish() // Acknowledged records are counted after their position moves.
		seen := map[string]bool{}
		for range len(got) {
			data := <-got
			if seen[data] {
				t.Error("a record that was accepted was sent again")
			}
			seen[data] = true
		}
		if len(seen) != 150 || calls.Load() < 4 {
			t.Errorf("%d of 150 records arrived in %d calls", len(seen), calls.Load())
		}
		if n := testutil.ToFloat64(b.metrics.DestinationErrors.WithLabelValues(arn)); n == 0 {
			t.Error("failures of records are not counted")
		}
	})

	t.Run("rejectedLogEventsInfo", func(t *testing.T) {
		accepted := make(chan []string, 100)
		var calls atomic.Int64
		endpoint := jsonService(t, func(operation string, in map[string]any) (int, any) {
			if operation != "PutLogEvents" {
				return http.StatusBadRequest, map[string]any{"__type": "InvalidOperationException"}
			}
			events := in["logEvents"].([]any)
			var messages []string
			for _, e := range events {
				messages = append(messages, e.(map[string]any)["message"].(string))
			}
			if calls.Add(1) > 1 {
				accepted <- messages
				return http.StatusOK, map[string]any{}
			}
			n := len(events)
			accepted <- messages[5 : n-7]
			return http.StatusOK, map[string]any{"rejectedLogEventsInfo": map[string]any{
				"tooOldLogEventEndIndex": 2, "expiredLogEventEndIndex": 5, "tooNewLogEventStartIndex": n - 7,
			}}
		})
		b := newBench(t)
		arn := b.configuration(chat.Destination{Type: chat.CloudWatchLogs, Name: "group"})
		frames := b.append("room00000000", 40, arn)
		b.start(endpoint)
		b.delivered()
		b.finish() // Acknowledged records are counted after their position moves.
		close(accepted)
		var got []string
		for messages := range accepted {
			got = append(got, messages...)
		}
		if want := records(frames)[5:]; !slices.Equal(want, got) {
			t.Errorf("%d records were accepted in all, want %d, each once", len(got), len(want))
		}
		if n := testutil.ToFloat64(b.metrics.RecordsDropped.WithLabelValues(arn)); n != 5 {
			t.Errorf("%v records count as dropped, want the 5 that are too old", n)
		}
		if n := testutil.ToFloat64(b.metrics.Records.WithLabelValues("cloudWatchLogs")); n != 35 {
			t.Errorf("%v records count as delivered, want 35", n)
		}
	})
}

// TestLimits checks the calls against the limits in the services' API references.
func TestLimits(t *testing.T) {
	t.Parallel()
	for kind, many := range map[chat.DestinationType]int{chat.CloudWatchLogs: 10_500, chat.Firehose: 1_200} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			b := newBench(t)
			arn := b.configuration(chat.Destination{Type: kind, Name: "name"})
			add := func(n, size int, age time.Duration) {
				var last <-chan struct{}
				for i := range n {
					f := newFrame("room00000000", uint64(i), arn)
					// Sometimes out of order, because the home assigns positions after
					// times.
					f.Time = f.Time.Add(-age - time.Duration(i%7)*time.Millisecond)
					f.JSON = []byte(`"` + strings.Repeat("x", size) + `"`)
					last = b.db.Transcript().Append(f)
				}
				<-last
				b.stored()
			}
			add(100, 10, 60*time.Hour)
			add(100, 10, 30*time.Hour)
			add(many, 10, time.Hour)
			add(20, 300<<10, time.Minute)
			b.start(limitedService(t, &sent))
			b.delivered()
			if n := int(sent.Load()); n != many+220 {
				t.Errorf("%d records were sent, want %d", n, many+220)
			}
			add(1, 2<<20, 0)
			b.delivered()
			b.finish() // Records are counted after their position moves.
			if n := testutil.ToFloat64(b.metrics.RecordsDropped.WithLabelValues(arn)); n != 1 {
				t.Errorf("%v records count as dropped, want the one that no call can hold", n)
			}
		})
	}
}

// limitedService is CloudWatch Logs and Firehose with their limits. It counts the
// records of all calls.
func limitedService(t testing.TB, sent *atomic.Int64) string {
	return jsonService(t, func(operation string, in map[string]any) (int, any) {
		size, n, first, last := 0, 0, int64(1)<<62, int64(0)
		var before float64
		switch operation {
		case "PutLogEvents":
			for _, e := range in["logEvents"].([]any) {
				event := e.(map[string]any)
				size += len(event["message"].(string)) + 26
				at := event["timestamp"].(float64)
				if at < before {
					t.Error("events are not sorted by time")
				}
				before = at
				first, last = min(first, int64(at)), max(last, int64(at))
				n++
			}
			if n > 10_000 || size > 1<<20 || last-first > (24*time.Hour).Milliseconds() {
				t.Errorf("PutLogEvents with %d events, %d bytes, over %d ms", n, size, last-first)
			}
			sent.Add(int64(n))
			return http.StatusOK, map[string]any{}
		default:
			answers := []map[string]any{}
			for range in["Records"].([]any) {
				answers = append(answers, map[string]any{"RecordId": "r"})
			}
			for _, r := range in["Records"].([]any) {
				one := len(r.(map[string]any)["Data"].(string)) * 3 / 4
				if one > 1000<<10 {
					t.Errorf("a record has %d bytes", one)
				}
				size += one
			}
			n = len(answers)
			if n > 500 || size > 4<<20 {
				t.Errorf("PutRecordBatch with %d records, %d bytes", n, size)
			}
			sent.Add(int64(n))
			return http.StatusOK, map[string]any{"FailedPutCount": 0, "RequestResponses": answers}
		}
	})
}
