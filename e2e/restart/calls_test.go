//go:build linux

package restart

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
)

// callEvery is the pause between two calls of one caller.
const callEvery = 50 * time.Millisecond

// callers make tokens at the same time.
const callers = 8

// makeTokens returns n tokens for the room.
func makeTokens(t *testing.T, api *ivschat.Client, room string, n int) (tokens []string) {
	t.Helper()
	tokens = make([]string, n)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < n; i += callers {
				out, err := api.CreateChatToken(t.Context(), &ivschat.CreateChatTokenInput{
					RoomIdentifier: &room, UserId: aws.String(fmt.Sprintf("user-%d", i)), SessionDurationInMinutes: aws.Int32(180),
				})
				if err != nil {
					t.Error(err)
					return
				}
				tokens[i] = *out.Token
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return tokens
}

// calls are calls of the API with the AWS SDK, some on connections that are kept, some on
// a new one each.
type calls struct {
	cancel context.CancelFunc
	all    sync.WaitGroup

	// mu guards the fields below.
	mu      sync.Mutex
	n       int
	slowest time.Duration
	failed  []error
}

// call begins to call until the end of the test.
func call(t *testing.T, api *ivschat.Client, room string, transport *http.Transport) *calls {
	t.Helper()
	c := &calls{}
	ctx, cancel := context.WithCancel(t.Context())
	c.cancel = cancel
	t.Cleanup(c.end)
	once := transport.Clone()
	once.DisableKeepAlives = true
	for _, transport := range []*http.Transport{transport, once} {
		c.all.Go(func() { c.run(ctx, api, room, &http.Client{Transport: transport}) })
	}
	return c
}

func (c *calls) run(ctx context.Context, api *ivschat.Client, room string, client *http.Client) {
	pace := time.NewTicker(callEvery)
	defer pace.Stop()
	for {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
		begin := time.Now()
		_, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &room}, func(o *ivschat.Options) { o.HTTPClient = client })
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.n++
		c.slowest = max(c.slowest, time.Since(begin))
		if err != nil {
			c.failed = append(c.failed, err)
		}
		c.mu.Unlock()
	}
}

func (c *calls) end() {
	c.cancel()
	c.all.Wait()
}

// take returns what became of the calls since the last take.
func (c *calls) take() (n int, slowest time.Duration, failed []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, slowest, failed = c.n, c.slowest, c.failed
	c.n, c.slowest, c.failed = 0, 0, nil
	return n, slowest, failed
}
