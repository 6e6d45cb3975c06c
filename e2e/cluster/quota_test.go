package cluster_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/smithy-go"

	"confab/internal/testbed/cluster"
)

// TestAccountQuotas asks all nodes for more than an account may have
// (--quotas aws), while one of them is killed: what passes is the account's rate,
// within 5 %.
func TestAccountQuotas(t *testing.T) {
	t.Parallel()
	const (
		rate    = 200 // CreateChatToken calls a second: the user guide's "Service Quotas"
		callers = 16
		pace    = 40 * time.Millisecond // of each caller, so 400 a second
	)
	c := start(t, cluster.Options{Args: []string{"--quotas", "aws"}})
	room, err := c.Clients()[0].API.CreateRoom(t.Context(), &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	calling, end := context.WithCancel(t.Context())
	defer end()
	var passed, throttled atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range callers {
		all.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for {
				select {
				case <-calling.Done():
					return
				case <-tick.C:
				}
				node, ok := c.Balancer.Pick()
				if !ok {
					continue
				}
				_, err := node.API.CreateChatToken(calling, &ivschat.CreateChatTokenInput{RoomIdentifier: room.Arn, UserId: aws.String("user")})
				if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() == "ThrottlingException" {
					throttled.Add(1)
				} else if err == nil {
					passed.Add(1)
				}
			}
		})
	}
	cluster.Pause(calling, 12*time.Second)
	if err := c.Nodes[0].Kill(); err != nil { // Once in three times, it keeps the rate.
		t.Error(err)
	}
	cluster.Pause(calling, 24*time.Second)
	length := time.Since(began)
	end()
	all.Wait()
	// A full bucket at the start, and what it gets meanwhile.
	may := rate * (1 + length.Seconds())
	share := float64(passed.Load()) / may
	t.Logf("%d calls passed within %.1f s and %d were throttled; %.0f may pass: %.1f %%", passed.Load(), length.Seconds(), throttled.Load(), may, 100*share)
	if share > 1.05 || throttled.Load() == 0 {
		t.Errorf("%.1f %% of the account's rate passed", 100*share)
	}
	// A machine that is too busy to ask for much more than the rate has moments in
	// which it asks for less.
	if asked := float64(passed.Load() + throttled.Load()); asked > 1.3*may && share < 0.95 {
		t.Errorf("only %.1f %% of the account's rate passed of %.0f calls", 100*share, asked)
	}
}
