package review

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"confab/internal/awstest"
	"confab/internal/chat"
)

// BenchmarkReview compares a review with the bare call of the same handler. The
// difference is our overhead. Each reports its median and its 99th percentile.
func BenchmarkReview(b *testing.B) {
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, allow)
	}
	server := httptest.NewServer(http.HandlerFunc(answer))
	b.Cleanup(server.Close)
	awstest.SetEnv(b)
	functions := awstest.NewLambda(b)
	functions.Create(functionARN, func([]byte) ([]byte, string) { return []byte(allow), "" })
	b.Setenv("AWS_ENDPOINT_URL_LAMBDA", functions.URL)

	room, m := newRoom(chat.Deny), newMessage("hello")
	payload := appendEvent(nil, room, m, "203.0.113.9")

	reviewed := func(target string) func(*testing.B) func() error {
		return func(b *testing.B) func() error {
			r, err := New(b.Context(), Options{
				Rules: []Rule{{functionARN, target}}, Timeout: time.Minute,
				Metrics: NewMetrics(nil), Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(r.Close)
			return func() error {
				_, _, err := r.Review(context.Background(), room, m, "203.0.113.9")
				return err
			}
		}
	}
	for _, c := range []struct {
		name string
		make func(*testing.B) func() error
	}{
		{"http/bare", func(*testing.B) func() error {
			client := &http.Client{Transport: &http.Transport{}}
			return func() error {
				res, err := client.Post(server.URL, "application/json", bytes.NewReader(payload))
				if err != nil {
					return err
				}
				defer res.Body.Close()
				_, err = io.ReadAll(res.Body)
				return err
			}
		}},
		{"http/review", reviewed(server.URL)},
		{"lambda/bare", func(b *testing.B) func() error {
			cfg, err := config.LoadDefaultConfig(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			client := lambda.NewFromConfig(cfg)
			return func() error {
				_, err := client.Invoke(context.Background(), &lambda.InvokeInput{FunctionName: aws.String(functionARN), Payload: payload})
				return err
			}
		}},
		{"lambda/review", reviewed("lambda")},
		{"exec/review", reviewed("exec:" + executable(b) + " answers")},
	} {
		b.Run(c.name, func(b *testing.B) {
			call := c.make(b)
			for deadline := time.Now().Add(10 * time.Second); call() != nil && time.Now().Before(deadline); {
				continue // Until it is warm.
			}
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				if err := call(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
