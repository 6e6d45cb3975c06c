// Package bench measures the built server as a process: the processor time of the server for
// each call of the API and for each connect. The cost of the clients does not count.
package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) {
	if endpoint := os.Getenv(stormClients); endpoint != "" {
		os.Exit(storm(endpoint))
	}
	process.Exit(m.Run())
}

// callers is how many clients work at the same time.
const callers = 64

type server struct {
	*process.Server
	api  *ivschat.Client
	room string
	// logged counts the records that the destination of startMessages has got.
	logged *atomic.Int64
}

// start starts a server without limits on connects from one machine, nor, unless
// o says otherwise, of the node. Its admin port is CONFAB_BENCH_ADMIN, for
// profiles, or any.
func start(b *testing.B, o process.Options) *server {
	b.Helper()
	args := slices.Concat(process.NoConnectRates, []string{"--connect-rate", "0", "--log-level", "warn"})
	if admin := os.Getenv("CONFAB_BENCH_ADMIN"); admin != "" {
		args = append(args, "--admin-listen", admin)
	}
	o.Args = append(args, o.Args...)
	s := process.Serve(b, o)
	started := &server{Server: s, api: s.API()}
	started.room = started.newRoom(b)
	return started
}

// newRoom makes a room and returns its ARN.
func (s *server) newRoom(b *testing.B) string {
	b.Helper()
	room, err := s.api.CreateRoom(b.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		b.Fatal(err)
	}
	return *room.Arn
}

// measure runs f b.N times from many callers, and reports and returns what the server
// spent on each, in µs.
func (s *server) measure(b *testing.B, f func(i int) error) float64 {
	b.Helper()
	before, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	after, err := s.CPU()
	if err != nil {
		b.Fatal(err)
	}
	each := (after - before).Seconds() / float64(b.N)
	b.ReportMetric(each*1e6, "server-cpu-µs/op")
	if each > 0 {
		b.ReportMetric(1/each, "ops/s/core")
	}
	return each * 1e6
}

func BenchmarkGetRoom(b *testing.B) {
	s := start(b, process.Options{})
	s.measure(b, func(int) error {
		_, err := s.api.GetRoom(b.Context(), &ivschat.GetRoomInput{Identifier: &s.room})
		return err
	})
}

func BenchmarkCreateChatToken(b *testing.B) {
	s := start(b, process.Options{})
	s.measure(b, func(i int) error {
		_, err := s.token(b.Context(), i)
		return err
	})
}

// BenchmarkCreateRoom shows what a durable write costs.
func BenchmarkCreateRoom(b *testing.B) {
	s := start(b, process.Options{})
	s.measure(b, func(int) error {
		_, err := s.api.CreateRoom(b.Context(), &ivschat.CreateRoomInput{})
		return err
	})
}

// BenchmarkConnect opens a connection for every token: handshake, token opened
// and durably redeemed, joined, 101. The connections stay open, as they would.
func BenchmarkConnect(b *testing.B) {
	start(b, process.Options{}).connects(b)
}

// connects has b.N clients join the server's room, and returns the processor time of each
// in µs.
func (s *server) connects(b *testing.B) float64 {
	b.Helper()
	tokens := s.tokens(b, b.N)
	// A process may hold 20,000 files here and there; older connections make room.
	const open = 8000
	conns := make([]atomic.Pointer[net.Conn], open)
	cpu := s.measure(b, func(i int) error {
		conn, err := connect(s.Endpoint, tokens[i])
		if err != nil {
			return err
		}
		if old := conns[i%open].Swap(&conn); old != nil {
			(*old).Close()
		}
		return nil
	})
	for i := range conns {
		if c := conns[i].Load(); c != nil {
			(*c).Close()
		}
	}
	return cpu
}

func (s *server) token(ctx context.Context, i int) (string, error) {
	return s.tokenFor(ctx, fmt.Sprintf("user-%d", i))
}

func (s *server) tokenFor(ctx context.Context, user string) (string, error) {
	out, err := s.api.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{
		RoomIdentifier: &s.room, UserId: &user, Capabilities: []types.ChatTokenCapability{types.ChatTokenCapabilitySendMessage},
	})
	if err != nil {
		return "", err
	}
	return *out.Token, nil
}

// connect makes a handshake by hand: a WebSocket library would cost more than
// what is measured.
func connect(endpoint, token string) (net.Conn, error) {
	host := strings.TrimPrefix(endpoint, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "+token+"\r\n\r\n")
	if err == nil {
		var line string
		if line, err = bufio.NewReader(conn).ReadString('\n'); err == nil && !strings.HasPrefix(line, "HTTP/1.1 101 ") {
			err = fmt.Errorf("handshake refused: %q", line)
		}
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
