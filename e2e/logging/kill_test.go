package logging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/internal/awstest"
	"confab/internal/testbed/faultproxy"
)

const kills = 10

// TestKill is the promise of chat logging. Under load the server is killed with
// SIGKILL ten times, and destinations are cut off, killed and started meanwhile.
// Afterwards each destination has every message that anybody received.
func TestKill(t *testing.T) {
	t.Parallel()
	gateway := must(awstest.StartVersitygw(t.Context(), t.TempDir()))(t)
	t.Cleanup(gateway.Close)
	others := faultproxy.Serve(t, strings.TrimPrefix(moto.URL, "http://"))
	o := options(t.TempDir(), gateway.URL, "http://"+others.Address, "--s3-log-interval", "500ms", "--log-flush-interval", "100ms", "--log-level", "error")
	s := start(t, o)
	b, g, d := newBucket(t, gateway.URL), newLogGroup(t, moto.URL), newDeliveryStream(t, moto.URL)
	arns := []string{s.configuration(t, b.configuration()), s.configuration(t, g.configuration()), s.configuration(t, d.configuration())}
	r := &receipts{ids: map[string]bool{}}
	c := senders{perRoom: 8, stamp: func() string { return "says something" }, received: r.add}
	for range 4 {
		c.rooms = append(c.rooms, s.room(t, arns...))
	}

	trouble, calm := context.WithCancel(t.Context())
	defer calm()
	troubled := make(chan error, 1)
	go func() { troubled <- breakDestinations(trouble, gateway, others) }()
	for round := range kills {
		if round > 0 {
			s = start(t, o)
		}
		r.until(t, s, c, 20+rand.IntN(400))
	}
	calm()
	if err := <-troubled; err != nil {
		t.Fatal(err)
	}

	start(t, o)
	want := r.all()
	for to, name := range map[destination]string{b: "S3", g: "CloudWatch Logs", d: "Firehose"} {
		var got map[string]int
		missing := 0
		eventually(t, time.Minute, name+" to have all that was received", func() bool {
			got, missing = ids(t, to), 0
			for _, id := range want {
				if got[id] == 0 {
					missing++
				}
			}
			return missing == 0
		})
		records := 0
		for _, n := range got {
			records += n
		}
		duplicates := records - len(got)
		t.Logf("%s: %d messages received, %d lost; %d records, %d of them duplicates (%.1f %%) after %d kills",
			name, len(want), missing, records, duplicates, 100*float64(duplicates)/float64(records), kills)
		if to == destination(b) && duplicates > 0 {
			t.Errorf("S3 has %d records twice: an object was not written over itself", duplicates)
		}
	}
}

// receipts are the ids of messages that were received.
type receipts struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (r *receipts) add(_ string, f frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[f.Id] = true
}

func (r *receipts) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for id := range r.ids {
		all = append(all, id)
	}
	return all
}

// until has the crowd chat until so many more messages were received, and kills
// the server in the middle of it.
func (r *receipts) until(t *testing.T, s *server, c senders, more int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	enough := len(r.all()) + more
	var failed error // readable once ended is closed
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		failed = c.run(ctx, s)
	}()
	deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for len(r.all()) < enough {
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("the senders have ended: %v", failed)
		case <-deadline:
			t.Fatalf("too little was received within %v", patience)
		}
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended // What was on its way to them is received.
}

// breakDestinations takes the destinations away and brings them back until ctx
// ends; then they are there.
func breakDestinations(ctx context.Context, gateway *awstest.Server, others *faultproxy.Proxy) error {
	for {
		pause := time.NewTimer(time.Duration(300+rand.IntN(1200)) * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
		var err error
		switch {
		case ctx.Err() != nil:
			return others.Restore()
		case rand.IntN(2) == 0:
			others.Cut()
		default:
			err = others.Restore()
		}
		if err == nil && rand.IntN(3) == 0 {
			gateway.Kill()
			err = gateway.Start(context.WithoutCancel(ctx))
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("break destinations: %w", err)
		}
	}
}
