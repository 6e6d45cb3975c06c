package chatlog_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/store"
)

// TestFaults breaks the path to each destination in each way for a while. What was
// appended meanwhile arrives after the path is repaired.
func TestFaults(t *testing.T) {
	t.Parallel()
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
				var all []*chat.Frame
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
				b.finish() // The recovery is logged after the position moves.

				// A call that broke half-way was carried out, so each such call is
				// repeated once.
				repeats := 1
				if f == halfWay && kind != chat.S3 {
					repeats += int(p.faulty.Load())
				}
				wantIDs(t, c.ids(t, d), all, repeats)
				if n := testutil.ToFloat64(b.metrics.DestinationErrors.WithLabelValues(arn)); n < failures {
					t.Errorf("%v errors are counted, want at least %d", n, failures)
				}
				deniedCount := testutil.ToFloat64(b.metrics.AccessDeniedErrors.WithLabelValues(arn))
				if (f == forbidden) != (deniedCount > 0) {
					t.Errorf("%v errors count as denied", deniedCount)
				}
				if n := testutil.ToFloat64(b.metrics.ResourceNotFoundErrors.WithLabelValues(arn)); n != 0 {
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

// TestMissing uses destinations that do not exist at first.
func TestMissing(t *testing.T) {
	t.Parallel()
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
				return testutil.ToFloat64(b.metrics.ResourceNotFoundErrors.WithLabelValues(arn)) > 0
			})
			c.createNamed(t, d)
			b.delivered()
			wantIDs(t, c.ids(t, d), all, 1)
		})
	}
}

// TestOneDown checks that a destination that does not respond does not affect the
// others.
func TestOneDown(t *testing.T) {
	t.Parallel()
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
		return testutil.ToFloat64(b.metrics.Lag.WithLabelValues("cloudWatchLogs")) > 0
	})
	eventually(t, 10*time.Second, "the lag of S3 stays, although it has everything", func() bool {
		return testutil.ToFloat64(b.metrics.Lag.WithLabelValues("s3")) == 0
	})
}

// unlisted is a transcript whose readers cannot be listed once hidden is set.
type unlisted struct {
	chatlog.Transcript
	hidden atomic.Bool
	failed atomic.Int64 // calls that failed
}

func (u *unlisted) Readers(ctx context.Context) ([]chatlog.Reader, error) {
	if u.hidden.Load() {
		u.failed.Add(1)
		return nil, errors.New("the database is away")
	}
	return u.Transcript.Readers(ctx)
}

// TestLagStays checks that the lag does not drop while the database is unavailable.
func TestLagStays(t *testing.T) {
	t.Parallel()
	endpoint := jsonService(t, func(string, map[string]any) (int, any) { return http.StatusServiceUnavailable, map[string]any{} })
	b := newBench(t)
	transcript := &unlisted{Transcript: b.db.Transcript()}
	b.start(endpoint, func(o *chatlog.Options) { o.Transcript = transcript })
	b.append("room00000000", 1, b.configuration(chat.Destination{Type: chat.CloudWatchLogs, Name: "group"}))
	lag := func() float64 { return testutil.ToFloat64(b.metrics.Lag.WithLabelValues("cloudWatchLogs")) }
	eventually(t, 10*time.Second, "the lag does not show", func() bool { return lag() > 0 })
	transcript.hidden.Store(true)
	eventually(t, 10*time.Second, "the readers are not asked for", func() bool { return transcript.failed.Load() >= 3 })
	if lag() == 0 {
		t.Error("nothing is owed, says the metric")
	}
}

// TestRetention has a destination that is down for longer than the retention.
func TestRetention(t *testing.T) {
	t.Parallel()
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
	// New frames are not in the object that was begun.
	later := newFrame("room00000000", 31, arn)
	later.Time = later.Time.Add(30 * time.Minute)
	<-b.db.Transcript().Append(later)
	b.stored()
	now.Add(int64(31 * time.Minute))
	if err := b.db.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(b.metrics.RecordsDropped.WithLabelValues(arn)); n != float64(len(old)) {
		t.Errorf("%v records count as dropped, want %d", n, len(old))
	}
	if log := b.log.String(); !strings.Contains(log, "records=30") || !strings.Contains(log, arn) {
		t.Errorf("the log does not tell what was dropped:\n%s", log)
	}
	p.set(healthy)
	b.start(p.URL, func(o *chatlog.Options) { o.Now = clock })
	b.delivered()
	wantIDs(t, c.ids(t, d), []*chat.Frame{later}, 1)
}

// TestCheck writes test records. An error says what to change.
func TestCheck(t *testing.T) {
	t.Parallel()
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
