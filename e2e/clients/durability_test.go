package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/coder/websocket"

	"confab/internal/testbed/process"
)

// ledger is what a server acknowledged before it was killed.
type ledger struct {
	mu     sync.Mutex
	rooms  []string // made
	spent  []string // tokens that connected
	unused []string // tokens that did not
	count  atomic.Int64
}

func (l *ledger) add(list *[]string, s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, s)
	l.count.Add(1)
}

// TestKill kills the server with SIGKILL in the middle of its work. What it
// acknowledged is there after the restart, and no token works twice.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := process.Serve(t, process.Options{DataDir: dir, Args: process.NoConnectRates})
	for round := range 3 {
		l := &ledger{}
		work(t, s, l, int64(150*(round+1)))
		if len(l.rooms) == 0 || len(l.spent) == 0 || len(l.unused) == 0 {
			t.Fatalf("%d rooms made, %d tokens spent, %d unused: too little to say anything", len(l.rooms), len(l.spent), len(l.unused))
		}
		s = process.Serve(t, process.Options{DataDir: dir, Args: process.NoConnectRates})
		for _, room := range l.rooms {
			if _, err := s.API().GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: &room}); err != nil {
				t.Fatalf("round %d: a room that was acknowledged: %v", round, err)
			}
		}
		for _, token := range l.spent {
			if status, err := connect(t.Context(), s, token); status != http.StatusUnauthorized {
				t.Fatalf("round %d: a token that was spent gets status %d (%v)", round, status, err)
			}
		}
		for _, token := range l.unused {
			if status, err := connect(t.Context(), s, token); status != http.StatusSwitchingProtocols {
				t.Fatalf("round %d: a token that was not spent gets status %d (%v)", round, status, err)
			}
		}
		t.Logf("round %d: %d rooms, %d spent tokens, %d unused ones", round, len(l.rooms), len(l.spent), len(l.unused))
	}
}

// work makes rooms and connects with tokens until the server has acknowledged
// enough, and is killed meanwhile.
func work(t *testing.T, s *process.Server, l *ledger, enough int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	chat := ivschat.New(s.API().Options(), func(o *ivschat.Options) { o.Retryer = aws.NopRetryer{} })
	home, err := chat.CreateRoom(ctx, &ivschat.CreateRoomInput{})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if i%2 == 0 {
					room, err := chat.CreateRoom(ctx, &ivschat.CreateRoomInput{Name: aws.String(fmt.Sprintf("room-%d-%d", i, n))})
					if err != nil {
						return
					}
					l.add(&l.rooms, *room.Arn)
					continue
				}
				token, err := chat.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: home.Arn, UserId: aws.String(fmt.Sprint("u", i))})
				if err != nil {
					return
				}
				if n%5 == 0 {
					l.add(&l.unused, *token.Token)
					continue
				}
				if status, _ := connect(ctx, s, *token.Token); status != http.StatusSwitchingProtocols {
					return
				}
				l.add(&l.spent, *token.Token)
			}
		})
	}
	for l.count.Load() < enough && ctx.Err() == nil {
		select {
		case <-s.Done():
			t.Fatalf("the server ended by itself:\n%s", s.Log())
		case <-time.After(time.Millisecond):
		}
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	wait.Wait()
	if ctx.Err() != nil {
		t.Fatal("the server acknowledged too little within a minute")
	}
}

// connect does a handshake with the token and returns its status.
func connect(ctx context.Context, s *process.Server, token string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	//nolint:bodyclose // The library closes it itself.
	conn, res, err := websocket.Dial(ctx, s.WebSocket, &websocket.DialOptions{Subprotocols: []string{token}})
	if conn != nil {
		conn.CloseNow()
	}
	if res == nil {
		return 0, errors.Join(errors.New("no answer"), err)
	}
	return res.StatusCode, err
}
