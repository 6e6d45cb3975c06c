package cluster_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"confab/internal/awstest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
)

// deliveredWithin is how long after the load records may take to lie in a
// destination: the lease of a reader that died (8 s), and what a busy machine
// needs.
const deliveredWithin = 40 * time.Second

// TestLoggingOutlivesNodes has three nodes log a room to S3 and to CloudWatch
// Logs. One node is the reader of each; every node is killed once under load, so
// each reader is. What anybody received lies in both destinations.
func TestLoggingOutlivesNodes(t *testing.T) {
	t.Parallel()
	moto, err := awstest.StartMoto(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	c := start(t, cluster.Options{
		Args: []string{"--s3-log-interval", "500ms", "--log-flush-interval", "200ms"},
		Env: []string{
			"AWS_ACCESS_KEY_ID=" + awstest.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + awstest.SecretAccessKey,
			"AWS_ENDPOINT_URL_S3=" + moto.URL, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + moto.URL,
		},
	})
	to := newDestinations(t, moto.URL)
	configurations := to.configure(t, c.Clients()[0].API)
	trial := cluster.Trial{Seed: 1, Rooms: []crowd.Room{{Rate: 100, Offered: 50, Clients: 9, Logs: configurations}}}
	report, err := c.Run(t.Context(), &trial, func(ctx context.Context, _ *cluster.Trial) error {
		for _, n := range c.Nodes {
			cluster.Pause(ctx, 2*time.Second)
			if err := n.Kill(); err != nil {
				return err
			}
			cluster.Pause(ctx, 2*time.Second)
			if err := n.Start(ctx); err != nil {
				return err
			}
			if c.WaitReady(ctx) > 0 {
				return errors.New("not all nodes are ready")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range report.Violations {
		t.Error(v)
	}
	received := map[string]bool{}
	for _, connection := range trial.History.Connections {
		for _, f := range connection.Frames {
			received[f.ID] = true
		}
	}
	for name, read := range map[string]func() map[string]int{"S3": to.inS3, "CloudWatch Logs": to.inLogs} {
		got := read()
		for deadline := time.Now().Add(deliveredWithin); missing(received, got) > 0 && time.Now().Before(deadline); got = read() {
			cluster.Pause(t.Context(), 200*time.Millisecond)
		}
		records := 0
		for _, n := range got {
			records += n
		}
		t.Logf("%s: %d frames received, %d lost; %d records, %d of them duplicates", name, len(received), missing(received, got), records, records-len(got))
		if n := missing(received, got); n > 0 || len(received) == 0 {
			t.Errorf("%s misses %d of %d frames that were received", name, n, len(received))
		}
		if name == "S3" && records > len(got) {
			t.Errorf("S3 has %d records twice: an object was not written over itself", records-len(got))
		}
	}
}

// missing counts what was received and does not lie in the destination.
func missing(received map[string]bool, got map[string]int) int {
	n := 0
	for id := range received {
		if got[id] == 0 {
			n++
		}
	}
	return n
}
