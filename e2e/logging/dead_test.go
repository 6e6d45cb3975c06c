package logging

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestDead has a destination that refuses connections and one that accepts them
// and never answers. Rooms that log there chat as others do, metrics tell, a stop
// does not wait for them for long, and the next start delivers what they missed.
func TestDead(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir(), "http://127.0.0.1:9", silent(t), soon...)
	s := start(t, o)
	b, g := newBucket(t, moto.URL), newLogGroup(t, moto.URL)
	toBucket, toGroup := s.configuration(t, b.configuration()), s.configuration(t, g.configuration())
	rooms := map[string][]string{"logged to nowhere": {toBucket, toGroup}, "not logged": nil}
	var all sync.WaitGroup
	var mu sync.Mutex
	var want []string
	for name, arns := range rooms {
		room := s.room(t, arns...)
		c := must(s.join(t.Context(), room, "ann"))(t)
		defer c.socket.CloseNow()
		all.Go(func() {
			took, received, err := chatAlone(t.Context(), c, 30)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			t.Logf("in a room that is %s, a message takes %v at the median and %v at most", name, took[len(took)/2], took[len(took)-1])
			if p := took[len(took)-1]; p > 2*time.Second {
				t.Errorf("in a room that is %s, a message took %v", name, p)
			}
			if arns != nil {
				mu.Lock()
				defer mu.Unlock()
				want = received
			}
		})
	}
	all.Wait()
	for _, metric := range []string{
		`confab_log_destination_errors_total{logging_configuration="` + toBucket + `"}`,
		`confab_log_lag_seconds{destination="s3"}`, `confab_log_lag_seconds{destination="cloudWatchLogs"}`,
	} {
		eventually(t, patience, metric+" above 0", func() bool { return s.Metric(t, metric) > 0 })
	}
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the stop took %v", time.Since(began).Round(time.Millisecond))

	o.Env = options("", moto.URL, moto.URL).Env
	start(t, o)
	for to, name := range map[destination]string{b: "the bucket", g: "the log group"} {
		eventually(t, patience, name+" to have what it missed", func() bool {
			got := ids(t, to)
			return !slices.ContainsFunc(want, func(id string) bool { return got[id] == 0 })
		})
	}
}

// silent accepts connections and says nothing.
func silent(t testing.TB) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_, _ = io.Copy(io.Discard, c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

// chatAlone sends n messages at the pace and returns how long each took to come
// back, sorted, and their ids.
func chatAlone(ctx context.Context, c *client, n int) (took []time.Duration, received []string, err error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		began := time.Now()
		if err := c.send(ctx, fmt.Sprint("message ", i)); err != nil {
			return nil, nil, err
		}
		f, err := c.next(ctx)
		if err != nil || f.Type != "MESSAGE" {
			return nil, nil, fmt.Errorf("got %s, %w", f.text, err)
		}
		took = append(took, time.Since(began))
		received = append(received, f.Id)
	}
	slices.Sort(took)
	return took, received, nil
}
