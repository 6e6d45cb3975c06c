package chatlog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
)

// benchRooms share the records of a benchmark.
const benchRooms = 16

// BenchmarkDelivery compares the service, from the transcript on disk to the
// acknowledged position, with bare SDK calls for the same records in a loop, from
// memory. The endpoint accepts everything immediately. The last line of each
// destination is the service's speed relative to the loop.
func BenchmarkDelivery(b *testing.B) {
	endpoint := sink(b)
	for _, kind := range []chat.DestinationType{chat.S3, chat.CloudWatchLogs, chat.Firehose} {
		var bare, ours float64
		b.Run(string(kind)+"/bare", func(b *testing.B) { bare = bareCalls(b, endpoint, kind) })
		b.Run(string(kind)+"/chatlog", func(b *testing.B) {
			ours = delivered(b, endpoint, kind)
			if bare > 0 {
				b.ReportMetric(ours/bare, "×bare")
			}
		})
	}
}

// sink is an endpoint that acknowledges everything.
func sink(b *testing.B) string {
	b.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if r.Header.Get("X-Amz-Target") == "" {
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		n := bytes.Count(body, []byte(`"Data":`))
		if n == 0 {
			_, _ = io.WriteString(w, "{}")
			return
		}
		_, _ = io.WriteString(w, `{"FailedPutCount":0,"RequestResponses":[{"RecordId":"r"}`)
		_, _ = w.Write(bytes.Repeat([]byte(`,{"RecordId":"r"}`), n-1))
		_, _ = io.WriteString(w, "]}")
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// perSecond reports and returns the records per second.
func perSecond(b *testing.B) float64 {
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "records/s")
	return rate
}

// delivered makes the service deliver b.N records.
func delivered(b *testing.B, endpoint string, kind chat.DestinationType) float64 {
	b.StopTimer()
	bn := newBench(b)
	arn := bn.configuration(chat.Destination{Type: kind, Name: "name"})
	var last <-chan struct{}
	for i := range b.N {
		last = bn.db.Transcript().Append(newFrame(fmt.Sprintf("room%08d", i%benchRooms), uint64(i), arn))
		if i%4096 == 0 {
			<-last
		}
	}
	<-last
	b.StartTimer()
	bn.start(endpoint)
	for testutil.ToFloat64(bn.metrics.Records.WithLabelValues(string(kind))) < float64(b.N) {
		time.Sleep(100 * time.Microsecond) // Much shorter than what is measured.
	}
	b.StopTimer()
	return perSecond(b)
}

// bareCalls makes the SDK's calls for b.N records, as large as the limits allow.
func bareCalls(b *testing.B, endpoint string, kind chat.DestinationType) float64 {
	b.StopTimer()
	lines := make([]string, b.N)
	for i := range lines {
		lines[i] = record(newFrame("room00000000", uint64(i)))
	}
	c := newCloud(endpoint)
	ctx, name := context.Background(), "name"
	b.StartTimer()
	for len(lines) > 0 {
		var n int
		var err error
		switch kind {
		case chat.S3:
			n = (b.N + benchRooms - 1) / benchRooms
			var body bytes.Buffer
			z := gzip.NewWriter(&body)
			for _, l := range lines[:min(n, len(lines))] {
				_, _ = io.WriteString(z, l+"\n") // A buffer never fails.
			}
			z.Close()
			_, err = c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &name, Body: bytes.NewReader(body.Bytes())})
		case chat.CloudWatchLogs:
			n = (1 << 20) / (26 + len(lines[0]))
			now := time.Now().UnixMilli()
			var events []cloudwatchtypes.InputLogEvent
			for _, l := range lines[:min(n, len(lines))] {
				events = append(events, cloudwatchtypes.InputLogEvent{Message: &l, Timestamp: &now})
			}
			_, err = c.logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &name, LogStreamName: &name, LogEvents: events})
		default:
			n = 500
			var records []firehosetypes.Record
			for _, l := range lines[:min(n, len(lines))] {
				records = append(records, firehosetypes.Record{Data: []byte(l)})
			}
			_, err = c.firehose.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: &name, Records: records})
		}
		if err != nil {
			b.Fatal(err)
		}
		lines = lines[min(n, len(lines)):]
	}
	b.StopTimer()
	return perSecond(b)
}
