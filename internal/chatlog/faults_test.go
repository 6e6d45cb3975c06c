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
	"confab/internal/chatlog"
	"confab/internal/messaging"
	"confab/internal/store"
)

// TestFaults breaks the way to each destination in each manner for a while:
// what was appended meanwhile arrives when the way is whole again.
func TestFaults(t *testing.T) {
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	for _, kind := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
		for _, f := range []fault{down, failing, throttled, forbidden, halfWay} {
			t.Run(fmt.Sprint(kind, " ", f), func(t *testing.T) {
				t.Parallel()
				b, p := newBench(t), newProxy(t, endpoint)
				d := c.create(t, kind)
				arn := b.configuration(d)
				p.set(f)
				b.start(p.URL)
				var all []*messaging.Frame
				for i := range 3 {
					all = append(all, b.append(fmt.Sprintf("room0000000%d", i), 20, arn)...)
				}
				const failures = 4
				eventually(t, 30*time.Second, "the destination is not tried again", func() bool { return p.faulty.Load() >= failures })
				if !b.owed() {
					t.Error("a position moved without an acknowledgement")
				}
				p.set(healthy)
				b.delivered()

				// What broke half-way was done, so it is done once more for each time.
				repeats := 1
				if f == halfWay && kind != chat.S3 {
					repeats += int(p.faulty.Load())
				}
				wantIDs(t, c.ids(t, d), all, repeats)
				if n := testutil.ToFloat64(b.metrics.LogDestinationErrors.WithLabelValues(arn)); n < failures {
					t.Errorf("%v errors are counted, want at least %d", n, failures)
				}
				deniedCount := testutil.ToFloat64(b.metrics.LogDestinationAccessDeniedErrors.WithLabelValues(arn))
				if (f == forbidden) != (deniedCount > 0) {
					t.Errorf("%v errors count as denied", deniedCount)
				}
				if n := testutil.ToFloat64(b.metrics.LogDestinationResourceNotFoundErrors.WithLabelValues(arn)); n != 0 {
					t.Errorf("%v errors count as a missing destination", n)
				}
				log := b.log.String()
				if n := strings.Count(log, "Chat could not be logged"); n == 0 || n > 2 {
					t.Errorf("the trouble has %d lines in the log, want one:\n%s", n, log)
				}
				if !strings.Contains(log, "Chat is logged again") {
					t.Errorf("the log does not say that it works again:\n%s", log)
				}
				if strings.Contains(log, "message ") {
					t.Errorf("the log has content of messages:\n%s", log)
				}
			})
		}
	}
}

// TestMissing has destinations that do not exist, and then do.
func TestMissing(t *testing.T) {
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	for _, kind := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			d := chat.Destination{Type: kind, Name: newName("later-")}
			arn := b.configuration(d)
			b.start(endpoint)
			all := b.append("room00000000", 10, arn)
			eventually(t, 30*time.Second, "no error counts as a missing destination", func() bool {
				return testutil.ToFloat64(b.metrics.LogDestinationResourceNotFoundErrors.WithLabelValues(arn)) > 0
			})
			c.createNamed(t, d)
			b.delivered()
			wantIDs(t, c.ids(t, d), all, 1)
		})
	}
}

// TestOneDown holds that a destination that does not answer at all takes
// nothing from the others.
func TestOneDown(t *testing.T) {
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	b, p := newBench(t), newProxy(t, endpoint)
	good, bad := c.create(t, chat.S3), c.create(t, chat.CloudWatchLogs)
	p.decide = func(r *http.Request) fault {
		if r.Header.Get("X-Amz-Target") != "" {
			return stuck
		}
		return healthy
	}
	b.start(p.URL)
	toGood, toBad := b.configuration(good), b.configuration(bad)
	all := b.append("room00000000", 100, toGood, toBad)
	eventually(t, 20*time.Second, "one destination waits for the other", func() bool {
		return len(c.ids(t, good)) == len(all)
	})
	eventually(t, 10*time.Second, "the lag does not show", func() bool {
		return testutil.ToFloat64(b.metrics.LogLag.WithLabelValues("cloudWatchLogs")) > 0
	})
	if n := testutil.ToFloat64(b.metrics.LogLag.WithLabelValues("s3")); n > 5 {
		t.Errorf("the lag of S3 is %v seconds", n)
	}
}

// TestRetention has a destination that is away for longer than the retention.
func TestRetention(t *testing.T) {
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	now := atomic.Int64{}
	now.Store(time.Now().UnixNano())
	clock := func() time.Time { return time.Unix(0, now.Load()) }
	b := newBench(t, func(o *store.Options) { o.Retention, o.Now = time.Hour, clock })
	p := newProxy(t, endpoint)
	d := c.create(t, chat.S3)
	arn := b.configuration(d)
	old := b.append("room00000000", 30, arn)
	p.set(down)
	b.start(p.URL)
	eventually(t, 20*time.Second, "nothing is tried", func() bool { return p.faulty.Load() > 0 })
	b.stop()

	now.Add(int64(30 * time.Minute))
	if err := b.db.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !b.owed() {
		t.Fatal("records were dropped within the retention")
	}
	// What comes now is not in the object that was begun.
	later := newFrame("room00000000", 31, arn)
	later.Time = later.Time.Add(30 * time.Minute)
	<-b.db.Append(later)
	now.Add(int64(31 * time.Minute))
	if err := b.db.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(b.metrics.LogRecordsDropped.WithLabelValues(arn)); n != float64(len(old)) {
		t.Errorf("%v records count as dropped, want %d", n, len(old))
	}
	if log := b.log.String(); !strings.Contains(log, "records=30") || !strings.Contains(log, arn) {
		t.Errorf("the log does not tell what was dropped:\n%s", log)
	}
	p.set(healthy)
	b.start(p.URL, func(o *chatlog.Options) { o.Now = clock })
	b.delivered()
	wantIDs(t, c.ids(t, d), []*messaging.Frame{later}, 1)
}

// jsonService answers the calls of an AWS JSON service.
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

// TestPartialFailures has services that take a part of a call: only the rest is
// sent again.
func TestPartialFailures(t *testing.T) {
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
		if n := testutil.ToFloat64(b.metrics.LogDestinationErrors.WithLabelValues(arn)); n == 0 {
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
		close(accepted)
		var got []string
		for messages := range accepted {
			got = append(got, messages...)
		}
		if want := records(frames)[5:]; !slices.Equal(want, got) {
			t.Errorf("%d records were accepted in all, want %d, each once", len(got), len(want))
		}
		if n := testutil.ToFloat64(b.metrics.LogRecordsDropped.WithLabelValues(arn)); n != 5 {
			t.Errorf("%v records count as dropped, want the 5 that are too old", n)
		}
		if n := testutil.ToFloat64(b.metrics.LogRecords.WithLabelValues("cloudWatchLogs")); n != 35 {
			t.Errorf("%v records count as delivered, want 35", n)
		}
	})
}

// TestLimits holds the calls against the limits of the services' API references.
func TestLimits(t *testing.T) {
	var calls, records atomic.Int64
	endpoint := jsonService(t, func(operation string, in map[string]any) (int, any) {
		calls.Add(1)
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
			records.Add(int64(n))
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
			records.Add(int64(n))
			return http.StatusOK, map[string]any{"FailedPutCount": 0, "RequestResponses": answers}
		}
	})
	for _, kind := range []chat.DestinationType{chat.CloudWatchLogs, chat.Firehose} {
		t.Run(string(kind), func(t *testing.T) {
			b := newBench(t)
			arn := b.configuration(chat.Destination{Type: kind, Name: "name"})
			calls.Store(0)
			records.Store(0)
			add := func(n, size int, age time.Duration) {
				var last <-chan struct{}
				for i := range n {
					f := newFrame("room00000000", uint64(i), arn)
					// Out of order now and then, as home gives places after times.
					f.Time = f.Time.Add(-age - time.Duration(i%7)*time.Millisecond)
					f.JSON = []byte(`"` + strings.Repeat("x", size) + `"`)
					last = b.db.Append(f)
				}
				<-last
			}
			add(100, 10, 60*time.Hour)
			add(100, 10, 30*time.Hour)
			add(12_000, 10, time.Hour)
			add(20, 300<<10, time.Minute)
			b.start(endpoint)
			b.delivered()
			if records.Load() != 12_220 {
				t.Errorf("%d records were sent, want 12220", records.Load())
			}
			t.Logf("%d calls", calls.Load())
			add(1, 2<<20, 0)
			b.delivered()
			if n := testutil.ToFloat64(b.metrics.LogRecordsDropped.WithLabelValues(arn)); n != 1 {
				t.Errorf("%v records count as dropped, want the one that no call can hold", n)
			}
		})
	}
}

// TestCheck writes test records, and fails with what to change.
func TestCheck(t *testing.T) {
	endpoint := server(t, moto)
	c := newCloud(endpoint)
	o := chatlog.Options{Region: region, Account: account, AWS: awsConfig(endpoint)}
	for _, kind := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
		t.Run(string(kind), func(t *testing.T) {
			d := c.create(t, kind)
			place, err := chatlog.Check(t.Context(), o, d)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(place, d.Name) {
				t.Errorf("the record is said to be in %q", place)
			}
			if n := len(c.ids(t, d)); n != 1 {
				t.Errorf("there are %d records", n)
			}
			_, err = chatlog.Check(t.Context(), o, chat.Destination{Type: kind, Name: "there-is-none"})
			if err == nil || !strings.Contains(err.Error(), "does not exist") {
				t.Errorf("for a destination that does not exist, the error is %v", err)
			}
			p := newProxy(t, endpoint)
			p.set(forbidden)
			refused := o
			refused.AWS = awsConfig(p.URL)
			_, err = chatlog.Check(t.Context(), refused, d)
			if err == nil || !strings.Contains(err.Error(), "need ") {
				t.Errorf("without access, the error is %v", err)
			}
		})
	}
}
